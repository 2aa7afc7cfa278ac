"""Calls and commands that take a user and a password by place: no name stands beside the password.

As in `extract`, each reader is given where to begin and looks at a few hundred bytes around.
"""

from __future__ import annotations

import re

from credguard.scan.general.extract import Candidate, literal_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from credguard.scan.general.places import Text

_BACK = 200
_QUOTES = (b'"', b"'", b"`")
_USER = re.compile(
    rb"(?i)(?:login|basic_?auth|basicauth)\s{0,2}(?:\(\s{0,4}|\s)@?[\"'`](?P<user>[^\"'`\n]{1,60})[\"'`],"
    rb"\s{0,4}@?[\"'`]\Z"
)
# What comes after the password of a call: nothing, or more arguments, or the end of the line.
_AFTER = re.compile(rb"[\"'`]\s{0,8}[),;\r\n]|[\"'`]\Z")
_GIVEN = re.compile(rb"[^\s\"'|;&<>`\\]{1,256}")
_QUOTED_GIVEN = {
    b'"': re.compile(rb"[^\"\n]{1,256}(?=\")"), b"'": re.compile(rb"[^'\n]{1,256}(?=')"),
}  # fmt: skip
# What stands before the value that is written into a pipe; without quotes only a command.
_SAYS = re.compile(rb"(?:\b(?:echo|printf|print)\s{1,4}(?:-[neE]{1,3}\s{1,4})?)\Z")
_SAYS_QUOTED = re.compile(
    rb"(?:\b(?:echo|printf|print)\s{1,4}(?:-[neE]{1,3}\s{1,4})?|[=(]\s{0,3}|\n[ \t]{0,30})\Z"
)
_COOKIE_VALUE = re.compile(rb"[A-Za-z0-9+/_\-=.%]{16,1024}")
_CHPASSWD = re.compile(rb"[^:\s]{1,40}:")
_HTPASSWD = re.compile(
    rb"htpasswd\s{1,3}(?P<flags>(?:-\w{1,10}\s{1,3}){1,5})(?P<words>(?:[^\s|;&]{1,120}\s{1,3}){1,2})\Z"
)


def _called(text: Text, at: int, _kind: str) -> Iterator[Candidate]:
    """`login("alice", "...")`, `basic_auth 'alice', '...'`: exactly a user and a password."""
    data = text.data
    match = _USER.search(data, max(0, at - _BACK), at)
    quote = data[at - 1 : at]
    if match is None or quote not in _QUOTES:
        return
    end = literal_end(data, at, quote)
    if end is not None and _AFTER.match(data, end) and b" " not in match["user"]:
        yield _password(at, end, data[at:end], "second", b"(", quote, match["user"])


def _connected(text: Text, at: int, _kind: str) -> Iterator[Candidate]:
    """`mysqli_connect(host, user, "...")`: the third argument."""
    quote = text.data[at - 1 : at]
    end = literal_end(text.data, at, quote) if quote in _QUOTES else None
    if end is not None:
        yield _password(at, end, text.data[at:end], "second", b"(", quote)


def _given(text: Text, at: int, _kind: str) -> Iterator[Candidate]:
    """`7z a -p...`, `smbclient -U alice%...`, `openssl enc -k ...`."""
    data = text.data
    if b"htpasswd" in data[max(0, at - 120) : at].rsplit(b"\n", 1)[-1]:
        stop = at - 1 if data[at - 1 : at] in _QUOTED_GIVEN else at
        match = _HTPASSWD.search(data, max(0, at - _BACK), stop)
        if match is None:
            return
        # The password comes after the user, and the user after the file unless that is not written.
        words = 1 if b"n" in match["flags"] else 2
        if len(match["words"].split()) != words:
            return
    value = _QUOTED_GIVEN.get(data[at - 1 : at], _GIVEN).match(data, at)
    if value is not None:
        quote = data[at - 1 : at] if data[at - 1 : at] in _QUOTED_GIVEN else b""
        yield _password(at, value.end(), value[0], "short", b" ", quote)


def _piped(text: Text, at: int, _kind: str) -> Iterator[Candidate]:
    """`echo ... | docker login --password-stdin`: what is written into the pipe."""
    data = text.data
    start = data.rfind(b"\n", max(0, at - 400), at) + 1 or max(0, at - 400)
    end = data.rfind(b"|", start, at)
    line = data[start:end].rstrip(b" \t")
    quote = line[-1:] if line[-1:] in _QUOTED_GIVEN else b""
    begin = line.rfind(quote, 0, -1) + 1 if quote else max(map(line.rfind, (b" ", b"\t"))) + 1
    before = _SAYS_QUOTED if quote else _SAYS
    head = b"\n" + line[: begin - len(quote)]
    if begin < 1 or before.search(head, max(0, len(head) - 40)) is None:
        return
    end = start + len(line) - len(quote)
    begin += start
    end -= 2 * data.endswith(b"\\n", begin, end)
    if data.endswith(b"chpasswd", begin, at):
        user = _CHPASSWD.match(data, begin, end)
        if user is None:
            return
        begin = user.end()
    if begin < end:
        yield _password(begin, end, data[begin:end], "short", b" ", quote)


def _password(
    start: int, end: int, value: bytes, kind: str, op: bytes, quote: bytes, user: bytes = b""
) -> Candidate:
    return Candidate(start, end, value, b"password", kind, op, quote, user=user)


def _cookie(text: Text, at: int, _kind: str) -> Iterator[Candidate]:
    """`Cookie: lang=en; sessionid=...`: what a session goes by."""
    value = _COOKIE_VALUE.match(text.data, at)
    if value is not None:
        yield Candidate(at, value.end(), value[0], b"token", "header", b"=", wrap=b"cookie")


READERS: dict[str, tuple[Any, int]] = {
    "called": (_called, 1), "connected": (_connected, 1), "given": (_given, 1),
    "piped": (_piped, 0), "cookie": (_cookie, 16),
}  # fmt: skip
