"""The wire between the agent and its clients, version 1. Imports next to nothing: hot path.

A frame is four bytes, big-endian: the length of the body that follows, 1 to 64 KiB. A connection
carries one request (JSON, UTF-8) and one answer (one byte: what it is, then its bytes).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

VERSION = 1
HEAD = 4
LARGEST = 64 << 10

OK = 0  # of creds: the exact bytes that credential_process prints; else JSON, or nothing
ERROR = 1  # one line: what failed; what to do
NEEDS_CODE = 2  # the same line; asking again with `code` may do
LOCKED = 3  # the same line; a vault that a person at the asker's side may be able to unlock
ELSEWHERE = 4  # the agent serves another home (other state folder): it is as if there was none
NOTED = 5  # OK, after one line to tell a person and a line end


class Malformed(ValueError):
    """What came is not of this wire; its text is for a person and quotes nothing that came."""


def framed(body: bytes) -> bytes:
    """`body` with its length before it. Raises Malformed: empty, or over the cap."""
    if not 0 < len(body) <= LARGEST:
        raise Malformed("a message of 1 to 65536 bytes is needed")
    return len(body).to_bytes(HEAD, "big") + body


def length(head: bytes | bytearray | memoryview) -> int:
    """The length that a frame's first four bytes give. Raises Malformed: zero, or over the cap."""
    found = int.from_bytes(head[:HEAD], "big")
    if not 0 < found <= LARGEST:
        raise Malformed("a message of 1 to 65536 bytes is needed")
    return found


def request(op: str, **fields: "str | int | None") -> bytes:
    """The JSON of a request; a field that is None is left out."""
    quoted = _quoter()
    parts = [f'"v":{VERSION}', f'"op":{quoted(op)}']
    for name, value in fields.items():
        if value is not None:
            shown = quoted(value) if isinstance(value, str) else str(int(value))
            parts.append(f"{quoted(name)}:{shown}")
    return ("{" + ",".join(parts) + "}").encode("ascii")


def _quoter() -> "Callable[[str], str]":
    # The json package costs more than the whole call of a warm agent.
    try:
        from _json import encode_basestring_ascii
    except ImportError:  # another Python than CPython
        from json import dumps

        return dumps
    return encode_basestring_ascii
