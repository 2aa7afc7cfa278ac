"""The `faults` fixture's rows and switches: what fails, how late a change is seen, time, MFA."""

import base64
import hashlib
import hmac
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from tests.support import samples
from tests.support.wire import Request

Kind = Literal[
    "drop",  # the connection is closed without an answer
    "hang",  # no answer ever, until the fixture ends
    "truncated",  # executed; the connection closes before the last bytes of the body
    "garbled",  # executed; a complete answer whose body lacks its last bytes
    "empty",  # executed; status 200 and no body
    "not-aws",  # a web page with status 200, as a captive portal sends it
    "500",
    "503",
    "throttled",
    "denied",
    "mfa-required",  # a policy that denies all but a session made with an MFA code
    "expired-token",
    "request-expired",
    "clock-skew",
    "bad-signature",
    "invalid-key",
]
ALWAYS_EXECUTED = {"truncated", "garbled", "empty"}
AFTER_LOGIN = {"denied", "mfa-required"}  # AWS looks at policies only once it knows who asks
_TXN = re.compile(r"\btxn/(\S+)")


@dataclass(frozen=True, slots=True)
class Fault:
    """One row: which calls, and what happens to them. The first row that fits a call is used.

    `action`: "CreateAccessKey", "iam:CreateAccessKey", "iam:*" or "*". `key_id`: the signing key.
    `nth`: only the n-th call that fits the rest, from 1; `times`: only the first so many; neither:
    each. `executed`: AWS does what was asked, then fails to say so.
    """

    action: str
    kind: Kind
    nth: int | None = None
    times: int | None = None
    region: str | None = None
    key_id: str | None = None
    when: Callable[[Request], bool] | None = None
    executed: bool = False

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"no such kind of fault: {self.kind}")
        if self.nth is not None and self.times is not None:
            raise ValueError("nth and times exclude each other")
        if self.executed and self.kind in ALWAYS_EXECUTED | AFTER_LOGIN:
            raise ValueError(f"{self.kind} has its own idea of being executed")

    def fits(self, request: Request) -> bool:
        service, _, action = self.action.rpartition(":")
        return (
            action in {"*", request.action}
            and service in {"", request.service}
            and self.region in {None, request.region}
            and self.key_id in {None, request.key_id}
            and (self.when is None or self.when(request))
        )

    def due(self, count: int) -> bool:
        if self.nth is not None:
            return count == self.nth
        return self.times is None or count <= self.times


@dataclass(frozen=True, slots=True)
class Lag:
    """Seconds until a change is seen. A new key: by STS, by IAM, by any `other` service.

    `status` and `deletion`: until every service acts on them. `listing`: until ListAccessKeys
    shows any of these changes.
    """

    sts: float = 0
    iam: float = 0
    other: float = 0
    status: float = 0
    deletion: float = 0
    listing: float = 0

    def of(self, change: str, view: str) -> float:
        if view == "listing":
            return self.listing
        if change == "created":
            return {"sts": self.sts, "iam": self.iam}.get(view, self.other)
        return self.deletion if change == "deleted" else self.status


class Clock:
    """Unix seconds that move only when told."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class MfaDevice:
    """A virtual MFA device (RFC 6238, 30 s, six digits); AWS takes each code once."""

    def __init__(self, serial: str, user_name: str, clock: Clock) -> None:
        self.serial = serial
        self.user_name = user_name
        self._seed = samples.text(20, seed=len(serial)).encode()
        self._clock = clock
        self._spent: set[int] = set()

    def base32(self) -> str:
        """Its seed as the console shows it."""
        return base64.b32encode(self._seed).decode()

    def code(self, steps: int = 0) -> str:
        """The code now, or `steps` times 30 s later."""
        counter = int(self._clock() // 30) + steps
        digest = hmac.new(self._seed, struct.pack(">Q", counter), hashlib.sha1).digest()
        at = digest[-1] & 15
        return f"{(int.from_bytes(digest[at : at + 4]) & 0x7FFFFFFF) % 1_000_000:06}"

    def accept(self, code: str) -> bool:
        for steps in (0, -1, 1):
            counter = int(self._clock() // 30) + steps
            if hmac.compare_digest(code.encode(), self.code(steps).encode()):
                fresh = counter not in self._spent
                self._spent.add(counter)
                return fresh
        return False


@dataclass
class Call:
    """One request as it arrived, and what became of it. `at`: by the proxy's clock."""

    at: float
    service: str
    action: str
    key_id: str
    region: str
    user_agent: str
    parameters: dict[str, str]
    executed: bool = False
    answered: str = "pending"

    @property
    def transaction(self) -> str | None:
        found = _TXN.search(self.user_agent)
        return found.group(1) if found else None
