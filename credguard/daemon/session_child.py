"""The agent's child: one request on standard input, one answer on standard output, and its end.

The answer is a line of JSON (`kind` as on the wire; `line`: of an error; else what the cache is to
know) and the bytes to hand out, `length` of them.
"""

import json
import os
import sys
from contextlib import suppress
from shlex import quote

from credguard.app import longterm, sessions
from credguard.app.context import Context
from credguard.app.mfa import Codes
from credguard.errors import CodeRefused, CredguardError, NeedsCode, VaultLocked
from credguard.hardening import no_core_dump
from credguard.ipc import wire
from credguard.ipc.server import bug
from credguard.secret import Secret
from credguard.store import profiles

_LARGEST = 64 << 10


def main() -> None:
    """Answer, and end; a failure is an answer too."""
    no_core_dump()
    request = json.loads(sys.stdin.buffer.read(_LARGEST))
    head: dict[str, object]
    body = b""
    try:
        head, body = _obtained(request["profile"], request["code"], request["min_ttl"])
    except (NeedsCode, CodeRefused) as error:
        if error.hint == NeedsCode.hint:
            # An AWS tool asks, which takes no code and no --code-stdin.
            error.hint = f"{NeedsCode.at_a_terminal}{quote(request['profile'])} -- true"
        head = {"kind": wire.NEEDS_CODE, "line": line(error)}
    except VaultLocked as error:
        head = {"kind": wire.LOCKED, "line": line(error)}
    except CredguardError as error:
        head = {"kind": wire.ERROR, "line": line(error)}
    except Exception as error:  # noqa: BLE001 - a process boundary; the text may hold a value
        head = {"kind": wire.ERROR, "line": bug(error)}
    answer = json.dumps(head | {"length": len(body)}).encode() + b"\n" + body
    with suppress(BrokenPipeError):
        while answer:
            answer = answer[os.write(1, answer) :]


def line(error: CredguardError) -> str:
    """An error as one line."""
    return " ".join((f"{error}; {error.hint}" if error.hint else str(error)).split())


def _obtained(profile: str, code: str, min_ttl: int) -> tuple[dict[str, object], bytes]:
    """`code`: empty: none; "-": and nobody is there to give one either. Raises CredguardError."""
    ctx = Context()
    codes = None
    if code != "-":
        codes = Codes(ctx, [profile], given=Secret(code) if code else None)
    handed = sessions.obtain(ctx, profile, codes, min_ttl_s=min_ttl)
    credentials = handed.credentials
    body = longterm.as_process(
        credentials.key_id, credentials.secret, credentials.token, handed.expiration, handed.account
    )
    source = handed.key_id_of_long_term
    head = {
        "kind": wire.NOTED if handed.note else wire.OK,
        "note": " ".join(handed.note.split()),
        "expiration": handed.expiration,
        "key_id": credentials.key_id,
        "source_key": source,
        "identity": _identity(ctx, source) if source else "",
        "long_term": credentials.token is None,
    }
    return head, body


def _identity(ctx: Context, key_id: str) -> str:
    found = [key.identity for key in profiles.keys(ctx.db) if key.key_id == key_id]
    return found[0] if found else ""
