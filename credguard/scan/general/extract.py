"""From a probe's hit to a candidate: the value's bytes, the name it stands under, and how.

Every pattern here is bounded and runs over a window of at most a few hundred bytes, so the work is
linear in the number of hits. What stands before a value is read backwards, from the value on:
those patterns are written for reversed text.
"""

from __future__ import annotations

import re
from functools import lru_cache

from credguard.scan.general import names, places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from credguard.scan.general.places import Text

_BACK = 200
MAX_VALUE = 4096
"""The longest value in bytes; a longer literal is data."""
_ITEMS = 12  # so many further members of a list are looked at

_Q = rb"(?:[\"'`]\\{0,3}|;touq&|;[93]43?#&|;43#&)"
_BACK_TYPE = rb"(?:\s{0,3}[\w.?\[\]<>*]{2,24}\s?:)?"
_BACK_OP = rb"(?:>=|=:|=\?|=\+|=\.|=\|\||={1,3}|=::?|=!|-<|<<|[:=,(>~])"
_BACK_NAME = rb"(?P<name>[\w.\-$\[\] @\"']{1,60})"
_BACK_OPEN = (
    rb"(?P<pre>[bBuUfFrRNL@$]{0,2})(?P<wrap>(?:\s{0,8}[(\[{][\w.:\[\]*&<>]{0,40}(?:\swen)?){0,2}?)"
)
_QUOTED = re.compile(
    rb"(?P<q>[\"']{3}|\"\"(?!\")|" + _Q + rb")" + _BACK_OPEN
    + rb"\s{0,12}(?P<op>" + _BACK_OP + rb")"
    + _BACK_TYPE + rb"\s{0,20}(?P<close>(?:" + _Q + rb"|\]|\)|\*\*){0,3})" + _BACK_NAME
)  # fmt: skip
# The same with a call or a list around the value for certain: `password = String::from("`.
_WRAPPED = re.compile(_QUOTED.pattern.replace(rb"{0,2}?)", rb"{1,2})"))
# And without a type: the colon of `:password => "` is no type's.
_UNTYPED = re.compile(_QUOTED.pattern.replace(_BACK_TYPE, b""))
_SPACED = re.compile(
    rb"(?P<q>" + _Q + rb")(?P<op>\s{1,3})(?P<name>yb\s{1,3}deifitnedi|[\w.\-]{1,60})", re.IGNORECASE
)
_SECOND = re.compile(
    rb"(?P<q>" + _Q + rb")@?\s{0,4}," + _Q + rb"(?P<user>[^\"'\n]{0,60}?)" + _Q
    + rb"@?\s{0,4}(?P<op>\()(?:\s{0,2}=\s{0,2})?(?P<name>[\w.\-]{1,60})"
)  # fmt: skip
_QUOTED_BY_KIND = {"quoted-space": _SPACED, "second": _SECOND}
# What is the name of the next value, as in `"token": {"type":`, is none itself. By the two bytes
# before it, so neither an escaped quote nor a threefold one is meant.
_KEYS = {
    bytes((before, quote[0])): re.compile(
        rb"[^\\\n" + quote + rb"]{1,80}" + quote + rb"[ \t]{0,8}(?:=>|[:=][^\r\n])"
    )
    for quote in (b'"', b"'")
    for before in b" \t\n(,=:[{"
}
_BARE = re.compile(
    rb"(?P<op>\s{0,4}(?:>=|=:|=\?|={1,2}|:|[dD]3%)\s{0,4})(?P<close>(?:"
    + _Q
    + rb"|\]|\)|\*\*){0,3})"
    rb"(?P<name>[\w.\-\[\]]{1,60}(?: [\w\-]{1,20}){0,2})"
)
_ITEM = re.compile(
    rb"(?P<q>"
    + _Q
    + rb"?)(?:\s{1,4}-)?\s{0,24}(?P<op>\n\r?[ \t]{0,3}[:=]|[nrt]\\{1,3}\s{0,3}[:=])"
    + rb"\s{0,4}(?P<close>(?:"
    + _Q
    + rb"|\*\*){0,3})"
    rb"(?P<name>[\w.\-]{1,60}(?: [\w\-]{1,20}){0,2})"
)
_OPTION = re.compile(
    rb"(?P<q>" + _Q + rb"?)(?P<op>\s{1,3}|\s{0,3}," + _Q + rb")(?P<name>[\w\-.]{1,80})"
)
_ENV = re.compile(rb"(?P<q>" + _Q + rb"?)(?P<op>\s{1,3})(?P<name>\w{1,60})")
_NAMED = re.compile(
    rb"(?is)(?:key|name|id|var|field|header)\W{1,8}(?P<name>[\w.\- ]{1,60})"
    rb"(?:\\{0,3}[\"'])?[\s,;]{1,30}"
    rb"(?:[\w\-]{1,16}[\"']?\s?[:=]\s?[\"']?[\w\-]{1,16}[\"']?[\s,]{1,20})?"
    rb"(?:\\{0,3}[\"'])?(?:default_?)?value(?:\\{0,3}[\"'])?\s{0,3}[:=]\s{0,3}(?P<q>\\{0,3}[\"'`]|)\Z"
)
_TAG = re.compile(rb"<(?P<name>[\w:.\-]{1,80})(?:\s[^<>\n]{0,80})?>\s{0,30}\Z")
_HEADER = re.compile(
    rb"(?i)(?P<name>(?:(?<![\w:])(?:proxy-)?authorization\W{1,12})?(?P<scheme>bearer|basic|digest|(?:api-?)?token|api-?key|bot|ssws|oauth|key|sso-key|splunk)?)"
    rb"(?:\s|%20|\\u0020|=){1,2}[\"'<]?\Z"
)
_HEADER_NAME = re.compile(rb"(?i)(?:authorization|auth|header|token|curl|bearer)")

_TO_QUOTE = {
    quote: re.compile(rb"(?:[^" + quote + rb"\\\n]{1,4096}+|\\.){1,99}+", re.DOTALL)
    for quote in (b'"', b"'")
} | {b"`": re.compile(rb"[^`]{1,4096}+")}
_BARE_VALUE = re.compile(rb"(?:[^\s\"'`<>,;&|\\)}\]]|\](?=[^\s\"'`,;)}\]])){1,512}")
# What stands bare in code and yet is no name, number or expression: random, of some length.
_NO_NAME = re.compile(rb"(?=(?:[^0-9\n]*[0-9]){3})(?=[^\n]*[A-Za-z])(?!0[xX])[\w\-+/=.%]{16,}\Z")
_REST_OF_LINE = re.compile(rb"[^\r\n]{1,512}")
_TOKEN_VALUE = re.compile(rb"[A-Za-z0-9+/_\-=.~%:]{1,4096}")
_NEXT_ITEM = re.compile(rb"\s{0,40},\s{0,40}")


class Candidate:
    """A value that may be a secret, and what stands around it. Offsets are into the data."""

    __slots__ = (
        "close", "end", "kind", "name", "op", "quote", "start", "user", "value", "wrap",
    )  # fmt: skip

    def __init__(
        self, start: int, end: int, value: bytes, name: bytes, kind: str, op: bytes = b"",
        quote: bytes = b"", wrap: bytes = b"", close: bytes = b"", user: bytes = b"",
    ) -> None:  # fmt: skip
        """`kind`: the probe's name; `op`: the assignment; `wrap`: the call around the value."""
        self.start = start
        self.end = end
        self.value = value
        self.name = name
        self.kind = kind
        self.op = op
        self.quote = quote
        self.wrap = wrap
        self.close = close
        self.user = user


def _back(data: bytes, at: int) -> bytes:
    return data[max(0, at - _BACK) : at][::-1]


def _quoted(text: Text, at: int, kind: str) -> Iterator[Candidate]:
    data = text.data
    key = _KEYS.get(data[at - 2 : at])
    if key and key.match(data, at):
        return
    told = _told_before(data[max(0, at - _BACK) : at], kind)
    if told is None:
        return
    size, name, op, quote, wrap, close, user = told
    if quote and close and data[at - size - 1 : at - size] == b":":
        return  # the end of a longer name, as in "AWS::ApiGateway::ApiKey":
    span = literal_end(data, at, quote)
    if span is None:
        return
    candidate = Candidate(at, span, data[at:span], name, kind, op, quote, wrap, close, user)
    yield candidate
    if b"[" in wrap or b"{" in wrap or b"(" in wrap:
        yield from _more(data, candidate)


@lru_cache(maxsize=2048)
def _told_before(
    before: bytes, kind: str
) -> tuple[int, bytes, bytes, bytes, bytes, bytes, bytes] | None:
    """What `before`, up to a quoted value, says of it: how long it is down to the name, the name,
    operator, quote, wrap, close, user; None: nothing.

    Kept, since of a file's version after the next most is as it was.
    """
    back = before[::-1]
    pattern = _QUOTED_BY_KIND.get(kind, _QUOTED)
    match = pattern.match(back)
    if match is None:
        return None
    if pattern is _QUOTED and not names.judge(_name(match["name"][::-1]))[0]:
        for other in (_WRAPPED, _UNTYPED):
            again = other.match(back)
            if again and names.judge(_name(again["name"][::-1]))[0]:
                match = again
                break
    found = {key: (value or b"")[::-1] for key, value in match.groupdict().items()}
    quote, close = found["q"], found.get("close", b"")
    if quote == b'""' and not close.startswith(b'""'):
        return None  # an empty literal
    name = _name(found["name"])
    if kind == "second" and name[-4:].lower() == b"auth":
        name = b"password"  # auth=("user", "password")
    return (
        match.end("name"), name, found["op"].strip() or b" ", quote,
        found.get("wrap", b"").strip(), close, found.get("user", b""),
    )  # fmt: skip


def _more(data: bytes, first: Candidate) -> Iterator[Candidate]:
    """The further members of the list that `first` begins."""
    if b"(" in first.wrap:
        return
    at = first.end
    for _ in range(_ITEMS):
        at += len(first.quote)
        gap = _NEXT_ITEM.match(data, at)
        if gap is None or not data.startswith(first.quote, gap.end()):
            return
        start = gap.end() + len(first.quote)
        end = literal_end(data, start, first.quote)
        if end is None:
            return
        yield Candidate(
            start, end, data[start:end], first.name, first.kind, first.op, first.quote, first.wrap
        )
        at = end


def rest_of_line(data: bytes, at: int) -> bytes:
    """What stands from `at` to the end of the line or a comment, without `,` or `;` at its end."""
    rest = line[0] if (line := _REST_OF_LINE.match(data, at)) else b""
    cut = rest.find(b" #")
    return (rest if cut < 0 else rest[:cut]).rstrip(b" \t,;")


def literal_end(data: bytes, at: int, quote: bytes) -> int | None:
    """Where the literal that begins at `at` ends; None: it does not end on its line."""
    if len(quote) == 1:
        match = _TO_QUOTE[quote].match(data, at)
        end = match.end() if match else at
        return end if at < end <= at + MAX_VALUE and data[end : end + 1] == quote else None
    end = data.find(quote, at, at + MAX_VALUE)
    if end < 0 or b"\n" in data[at:end]:
        return None
    return end


# Words that stand before or after a name and are no part of it.
_DECLARES = re.compile(
    rb"\A(?:(?:public|private|protected|internal|static|final|const|var|let|val|readonly|export|auto"
    rb"|string|str|char|byte|bytes|new|def|local|set|if|elif|else|and|or|not|while|in|return|case"
    rb"|typeof|when|override|lateinit|mut|pub|object|dim|my|our|final|extern|unsigned)\s+)+",
    re.IGNORECASE,
)
_TYPED = re.compile(rb"\s+(?:string|str|text|char|bytes?|object|any)\Z", re.IGNORECASE)


def _name(name: bytes) -> bytes:
    if name[:10].lower() == b"identified":
        return b"password"
    name = name.strip(b" .-[]\"'@$")
    return _TYPED.sub(b"", _DECLARES.sub(b"", name)) if b" " in name else name


def _bare(text: Text, at: int, kind: str) -> Iterator[Candidate]:
    data = text.data
    if text.grammar == "code" and _is_expression(text, at, kind):
        return
    match = _BARE.match(_back(data, at))
    if match is None:
        return
    name, op = match["name"][::-1], match["op"][::-1].strip()
    where = places.bare_place(text, at, at - match.end("name"))
    value = _BARE_VALUE.match(data, at)
    if value is None:
        return
    if where == "code" and not (kind == "bare" and _NO_NAME.match(value[0])):
        return
    end = value.end()
    if where == "line":
        rest = rest_of_line(data, at)
        end = max(end, at + len(rest)) if rest[:1] not in b"|>" else end
    while end > at and data[end - 1 : end] in b".,:;":
        end -= 1
    if end <= at:
        return
    where = where if kind == "bare" else "weak-" + where
    yield Candidate(at, end, data[at:end], _name(name), where, op, close=match["close"][::-1])


# A line of code up to a bare value, without a mark of a comment, literal, query or shell in it.
_CODE = re.compile(
    rb"[ \t]*(?!REM\b|[^\n]*(?:export|ENV|ARG|SET)\s)[\w(\[{][\w.\[\](){}=,: \t!+|]*\Z"
)


def _is_expression(text: Text, at: int, kind: str) -> bool:
    """Whether what begins at `at` is plainly an expression: `bare_place` would tell "code"."""
    data = text.data
    if _CODE.match(data, places.line_start(data, at), at) is None or text.has_blocks:
        return False
    value = _BARE_VALUE.match(data, at) if kind == "bare" else None
    return value is None or _NO_NAME.match(value[0]) is None


def _item(text: Text, at: int, kind: str) -> Iterator[Candidate]:
    data = text.data
    match = None if text.grammar == "code" else _ITEM.match(_back(data, at))
    if match is None:
        return
    yield from _after(data, at, kind, match, data[at - len(match["q"]) : at])


def _option(text: Text, at: int, kind: str) -> Iterator[Candidate]:
    data = text.data
    match = (_ENV if kind == "env" else _OPTION).match(_back(data, at))
    if match is None or (kind == "option" and b"--" not in match["name"] + b"-"):
        return
    yield from _after(data, at, kind, match, match["q"][::-1])


def _after(data: bytes, at: int, kind: str, match: Any, quote: bytes) -> Iterator[Candidate]:
    """The value at `at`, in `quote` or bare, under the name of the reversed `match`."""
    end = literal_end(data, at, quote) if quote else None
    if end is None:
        value = _BARE_VALUE.match(data, at)
        if value is None:
            return
        end = value.end()
        while end > at and data[end - 1 : end] in b".,:;":
            end -= 1
    if end > at:
        name = _name(match["name"][::-1])
        yield Candidate(at, end, data[at:end], name, kind, match["op"][::-1].strip() or b" ", quote)


def _curl(text: Text, at: int, kind: str) -> Iterator[Candidate]:
    data = text.data
    value = _BARE_VALUE.match(data, at)
    start = data.rfind(b" ", max(0, at - _BACK), at) + 1
    if value is None or (kind == "curl" and b"curl" not in data[max(0, at - 400) : at].lower()):
        return
    user = data[start:at].rstrip(b":\"'`").lstrip(b"\"'-u") if kind == "curl" else b""
    yield Candidate(at, value.end(), value[0], b"password", kind, b" ", user=user)


def _tag(text: Text, at: int, kind: str) -> Iterator[Candidate]:
    data = text.data
    match = _TAG.search(data, max(0, at - _BACK), at)
    end = data.find(b"<", at, at + MAX_VALUE)
    if match is None or end < 0 or not data.startswith(b"</", end):
        return
    value = data[at:end].rstrip()
    yield Candidate(at, at + len(value), value, match["name"], kind, b">")


def _named(text: Text, at: int, kind: str) -> Iterator[Candidate]:
    data = text.data
    match = _NAMED.search(data, max(0, at - _BACK), at)
    if match is None:
        return
    quote = match["q"]
    end = literal_end(data, at, quote) if quote else None
    if end is None:
        line = _REST_OF_LINE.match(data, at)
        if quote or line is None:
            return
        end = at + len(line[0].rstrip())
    yield Candidate(at, end, data[at:end], match["name"].strip(), kind, b":", quote)


def _header(text: Text, at: int, kind: str) -> Iterator[Candidate]:
    data = text.data
    match = _HEADER.search(data, max(0, at - 60), at)
    value = _TOKEN_VALUE.match(data, at)
    if match is None or not match["name"] or value is None or len(value[0]) < 6:
        return
    scheme = (match["scheme"] or b"").lower()
    head = match["name"] if len(match["name"]) > len(scheme) else b""
    token = value[0].rstrip(b".:")
    yield Candidate(
        at, at + len(token), token, scheme or b"authorization", kind, head[-1:], wrap=head
    )


def _url(text: Text, at: int, kind: str) -> Iterator[Candidate]:
    data = text.data
    sign = at - 1
    first = max(0, sign - 260)
    window = data[first:sign]
    mark = max(window.rfind(b"://"), window.rfind(b"\\/\\/") + 1, window.rfind(b"%2F%2F") + 3)
    colon = window.find(b":", mark + 3)
    if mark < 0 or colon < 0:
        return
    start = first + colon + 1
    if start < sign:
        yield Candidate(
            start, sign, data[start:sign], b"password", kind, b":", user=window[mark + 3 : colon]
        )


READERS: dict[str, tuple[Any, int]] = {
    "quoted": (_quoted, 1), "quoted-space": (_quoted, 1), "weak": (_quoted, 16),
    "second": (_quoted, 1), "bare": (_bare, 1), "bare-weak": (_bare, 16), "item": (_item, 8),
    "option": (_option, 1), "env": (_option, 1), "curl": (_curl, 1), "short": (_curl, 1),
    "tag": (_tag, 1), "named": (_named, 1), "header": (_header, 6), "url": (_url, 1),
}  # fmt: skip
