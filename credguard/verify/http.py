"""Asks the service that issued a token whether it takes it. Reads only; one request a token.

Sources: docs.github.com, REST "Get the authenticated user"; docs.gitlab.com, "Personal access
tokens API", GET personal_access_tokens/self; docs.slack.dev, auth.test. No redirect is followed, so
a token goes to the named server and nowhere else. Nothing that is raised or told holds a token.
"""

import http.client
import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Any
from urllib.parse import urlsplit

from credguard.errors import ConfigError
from credguard.secret import Secret

ACTIVE, INACTIVE, UNKNOWN = "active", "inactive", "unknown"
DEADLINE_S = 20.0
"""Seconds after which no answer is waited for."""
_QUIET_S = 8.0
_MOST_BYTES = 64 << 10
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Answer:
    """`status`: ACTIVE, INACTIVE or UNKNOWN; `detail`: whose it is or why not known, in words."""

    status: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """Who can be asked about which tokens: `method` on `path` below the address of `name`."""

    name: str
    shape: re.Pattern[bytes]
    method: str
    path: str
    header: tuple[str, str]
    judge: Callable[[int, Mapping[str, Any]], Answer]


def _github(status: int, body: Mapping[str, Any]) -> Answer:
    if status == 200 and "login" in body:
        return Answer(ACTIVE, f"of {body['login']}")
    if status == 401:
        return Answer(INACTIVE)
    if status == 403 and "not accessible by integration" in str(body.get("message", "")):
        return Answer(ACTIVE, "of an app")
    return Answer(UNKNOWN, f"HTTP {status}")


def _gitlab(status: int, body: Mapping[str, Any]) -> Answer:
    if status == 200 and "name" in body:
        if body.get("active") is False or body.get("revoked") is True:
            return Answer(INACTIVE)
        return Answer(ACTIVE, f"named {body['name']}")
    if status == 401:
        return Answer(INACTIVE, "at this server; another GitLab may take it")
    if status == 403 and body.get("error") == "insufficient_scope":
        return Answer(ACTIVE, "with few rights")
    return Answer(UNKNOWN, f"HTTP {status}")


_SLACK_DEAD = {"invalid_auth", "token_revoked", "token_expired", "account_inactive", "not_authed"}


def _slack(status: int, body: Mapping[str, Any]) -> Answer:
    if status == 200 and body.get("ok") is True:
        return Answer(ACTIVE, f"of {body.get('user', '?')} in {body.get('team', '?')}")
    if status == 200 and body.get("error") in _SLACK_DEAD:
        return Answer(INACTIVE)
    return Answer(UNKNOWN, f"HTTP {status}")


SERVICES = (
    Service(
        "github",
        re.compile(rb"(?:gh[pous]_|github_pat_)[A-Za-z0-9_]{20,255}\Z"),
        "GET",
        "/user",
        ("Authorization", "Bearer "),
        _github,
    ),
    Service(
        "gitlab",
        re.compile(rb"glpat-[A-Za-z0-9_.\-]{20,300}\Z"),
        "GET",
        "/api/v4/personal_access_tokens/self",
        ("PRIVATE-TOKEN", ""),
        _gitlab,
    ),
    Service(
        "slack",
        re.compile(rb"xox[abpors]-[A-Za-z0-9\-]{10,250}\Z"),
        "POST",
        "/api/auth.test",
        ("Authorization", "Bearer "),
        _slack,
    ),
)


def service_for(value: bytes) -> Service | None:
    """Who issued `value`, by its shape; None: nobody that can be asked."""
    return next((each for each in SERVICES if each.shape.match(value)), None)


def check_address(name: str, url: str) -> str:
    """`url` of the service `name` without a slash at its end. Raises ConfigError: not safe."""
    parts = urlsplit(url)
    plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not parts.hostname or (parts.scheme != "https" and not plain) or "@" in parts.netloc:
        raise ConfigError(
            f"verify.{name}_url must begin with https://",
            hint=f"credguard config get {quote(f'verify.{name}_url')}",
        )
    return url.rstrip("/")


def ask_all(asks: Sequence[Callable[[], Answer]], deadline_s: float | None = None) -> list[Answer]:
    """What each of `asks` gives, in order, four at work at once.

    What gives no answer within `deadline_s` is UNKNOWN; None: DEADLINE_S and a second for each.
    """
    answers = [Answer(UNKNOWN, "no answer in time")] * len(asks)
    waiting = iter(range(len(asks)))
    guard = threading.Lock()

    def work() -> None:
        while True:
            with guard:
                at = next(waiting, None)
            if at is None:
                return
            answers[at] = asks[at]()

    workers = [threading.Thread(target=work, daemon=True) for _ in range(min(4, len(asks)))]
    for each in workers:
        each.start()
    end = time.monotonic() + (DEADLINE_S + len(asks) if deadline_s is None else deadline_s)
    for each in workers:
        each.join(max(0.0, end - time.monotonic()))
    return list(answers)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def ask(service: Service, address: str, token: Secret) -> Answer:
    """What `service` at `address` says of `token`. Never raises for what the network does."""
    name, prefix = service.header
    request = urllib.request.Request(  # noqa: S310 - check_address let https and loopback pass
        address + service.path,
        method=service.method,
        headers={
            "Accept": "application/json",
            "User-Agent": "credguard",
            name: prefix + token.reveal(),
        },
        data=b"" if service.method == "POST" else None,
    )
    try:
        # A proxy is for what is not on this machine.
        direct = [urllib.request.ProxyHandler({})] if address.startswith("http://") else []
        opener = urllib.request.build_opener(_NoRedirect, *direct)
        with opener.open(request, timeout=_QUIET_S) as reply:
            return service.judge(reply.status, _object(reply.read(_MOST_BYTES)))
    except urllib.error.HTTPError as error:
        with error:
            return service.judge(error.code, _object(_body(error)))
    except (OSError, http.client.HTTPException, ValueError) as error:
        # Its text may quote the header: only its kind is told.
        return Answer(UNKNOWN, type(error).__name__)


def _body(error: urllib.error.HTTPError) -> bytes:
    try:
        return error.read(_MOST_BYTES)
    except (OSError, http.client.HTTPException):
        return b""


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):  # nested as no service does
        return {}
    return found if isinstance(found, dict) else {}
