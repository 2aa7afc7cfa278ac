"""Requests as the agent reads them: checked field by field, since anything may come."""

import base64
import binascii
import json
import re
from dataclasses import dataclass, field

from credguard.ipc.wire import VERSION, Malformed
from credguard.secret import Secret

OPS = frozenset({"creds", "drop", "lock", "ping", "status", "stop", "unlock"})
# How long credentials must last at least, unless the asker says otherwise: the SDKs ask anew, each
# time they are used, from 15 minutes before the end (botocore/credentials.py).
MIN_TTL_S = 1200
_LONGEST_TTL_S = 43_200
_LONGEST_TIMEOUT_S = 30 * 86_400
_LONGEST_PATH = 4096
_LONGEST_NAME = 128
_HOW = re.compile(r"[a-z][a-z_]{0,31}\Z")
_CODE = re.compile(r"[0-9]{6,8}\Z")


@dataclass(frozen=True, slots=True)
class Request:
    """`min_ttl`: seconds; `how`: what the hand-out log says; `state`, `config`: the asker's own
    state folder and ~/.aws/config, empty: not said; `identity`: empty: everybody's;
    `timeout_s`: how long an unused passphrase is kept, None: as the settings say.
    """

    op: str
    profile: str = ""
    min_ttl: int = MIN_TTL_S
    code: Secret | None = None
    how: str = "agent"
    state: str = ""
    config: str = ""
    identity: str = ""
    passphrase: bytearray | None = field(default=None, repr=False)
    timeout_s: int | None = None


def decode(body: bytes | bytearray) -> Request:
    """The request in `body`. Raises Malformed."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed("the request is not JSON") from None
    if not isinstance(found, dict):
        raise Malformed("the request is not a JSON object")
    version = found.get("v")
    if type(version) is not int or version != VERSION:
        raise Malformed(f"the request is not of version {VERSION}; start the agent again")
    op = _text(found, "op", 16)
    if op not in OPS:
        raise Malformed("the request names no operation that there is")
    ttl = found.get("min_ttl", MIN_TTL_S)
    if type(ttl) is not int or not 0 <= ttl <= _LONGEST_TTL_S:
        raise Malformed(f"min_ttl is not a number of seconds up to {_LONGEST_TTL_S}")
    code = _text(found, "code", 16)
    if code and not _CODE.match(code):
        raise Malformed("the code does not have six to eight digits")
    how = _text(found, "how", 32) or "agent"
    if not _HOW.match(how):
        raise Malformed("how is not a word")
    profile = _text(found, "profile", _LONGEST_NAME)
    if op == "creds" and not profile:
        raise Malformed("the request names no profile")
    return Request(
        op,
        profile,
        ttl,
        Secret(code) if code else None,
        how,
        _text(found, "state", _LONGEST_PATH),
        _text(found, "config", _LONGEST_PATH),
        _text(found, "identity", 1024),
        _passphrase(found) if op == "unlock" else None,
        _timeout(found) if op == "unlock" else None,
    )


def _timeout(found: dict[str, object]) -> int | None:
    value = found.get("timeout_s")
    if value is None:
        return None
    if type(value) is not int or not 0 < value <= _LONGEST_TIMEOUT_S:
        raise Malformed(f"timeout_s is not a number of seconds up to {_LONGEST_TIMEOUT_S}")
    return value


def _text(found: dict[str, object], name: str, longest: int) -> str:
    value = found.get(name, "")
    if not isinstance(value, str) or len(value) > longest or "\0" in value:
        raise Malformed(f"{name} is not a text of at most {longest} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Malformed(f"{name} is not Unicode text") from None
    return value


def _passphrase(found: dict[str, object]) -> bytearray:
    try:
        passphrase = bytearray(
            base64.b64decode(_text(found, "passphrase_b64", 8192), validate=True)
        )
    except (ValueError, binascii.Error):
        raise Malformed("passphrase_b64 is not base64") from None
    if not 0 < len(passphrase) <= 4096:
        raise Malformed("the passphrase does not have 1 to 4096 bytes")
    return passphrase
