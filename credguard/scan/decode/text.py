"""Text in which single characters are written in another way: the lines that have such, made plain.

percent, C and JSON escapes, HTML entities and tags, quoted-printable, text of 16 and 32 bits.
"""

import html
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from credguard.scan.decode.layer import Layer, Pieces

_REACH = 4096  # of a line longer than this, so much about what is encoded
_GAP = 256  # lines so near each other are one region: a key block goes over lines
_ONE = (1, 1)
_STEP = 1 << 17
_UNIT = 40  # longer than one encoded character; of tags, as long as most


class _Form(NamedTuple):
    name: str
    sought: re.Pattern[bytes]  # a region has at least one
    encoded: re.Pattern[bytes]  # what is replaced in a region
    plain: Callable[[re.Match[bytes]], bytes]


def _percent(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex(match[0].replace(b"%", b"").decode("ascii"))


_SIMPLE = {
    b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"a": b"\a",
    b"e": b"\x1b",
}  # fmt: skip


def _escape(match: re.Match[bytes]) -> bytes:
    digits = match[1]
    if digits is not None:  # many of the commonest form are read at once
        return bytes.fromhex(digits.replace(b"\\x", b"").decode("ascii"))
    code = match[0].lstrip(b"\\")  # what was escaped many times over is read at once
    first = code[:1]
    if first in b"uU" and len(code) > 1:
        return _utf8(int(code.strip(b"uU{}"), 16))
    if first == b"x" and len(code) == 3:
        return bytes.fromhex(code[1:].decode("ascii"))
    if len(code) == 3 and first.isdigit():
        return bytes([int(code, 8) & 255])
    return _SIMPLE.get(code, code)


def _utf8(number: int) -> bytes:
    return chr(number).encode("utf-8", "replace") if number < 0x110000 else b"?"


def _entity(match: re.Match[bytes]) -> bytes:
    return _entity_text(match[0])


@lru_cache(maxsize=1024)
def _entity_text(entity: bytes) -> bytes:
    return html.unescape(entity.decode("ascii")).encode("utf-8", "replace")


def _quoted(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex(match[1].decode("ascii")) if match[1] else b""


FORMS = {
    "percent": _Form(
        "percent",
        re.compile(rb"%[2-7][0-9A-Fa-f]"),
        re.compile(rb"(?:%[0-9A-Fa-f]{2})++"),
        _percent,
    ),
    "escapes": _Form(
        "escapes",
        re.compile(
            rb"\\(?:u00[2-7][0-9A-Fa-f]|u\{?[2-7][0-9A-Fa-f]\}|U000000[2-7][0-9A-Fa-f]"
            rb"|x[2-7][0-9A-Fa-f]|(?:0[4-7]|1[0-7])[0-7]|/|\":|\\[nrt]|\\\\\")"
        ),
        re.compile(
            rb"((?:\\x[0-9A-Fa-f]{2})++)|\\+(?:u[0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]{1,6}\}"
            rb"|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|[0-3][0-7]{2}|[^\r\n\\])"
        ),
        _escape,
    ),
    "entities": _Form(
        "entities",
        re.compile(rb"&(?:#[xX]?[0-9A-Fa-f]{2,6}|[A-Za-z]{2,8});"),
        re.compile(rb"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,31});"),
        _entity,
    ),
    "quoted-printable": _Form(
        "quoted-printable",
        re.compile(rb"=(?:3D|[2-7][0-9A-F]|\r?\n)"),
        re.compile(rb"=(?:([0-9A-Fa-f]{2})|[ \t]*\r?\n)"),
        _quoted,
    ),
    "tags": _Form(
        "tags",
        re.compile(rb"</?[A-Za-z]"),
        re.compile(rb"</?[A-Za-z][^<>]{0,512}>"),
        lambda _: b"",
    ),
}  # fmt: skip


def form_layers(layer: Layer, name: str) -> list[Layer]:
    """The lines of a layer that are written in the form `name`, made plain: one layer or none."""
    form = FORMS[name]
    data = layer.data
    regions = list(_regions(data, form))
    if not regions:
        return []
    text = bytearray()
    for at, end in regions:
        start = at
        while start < end:  # in steps, since what is being replaced takes far more memory
            cut = _cut(data, start, end, form)
            text += form.encoded.sub(form.plain, data[start:cut])
            start = cut
        text += b"\n"

    def pieces() -> Pieces:
        made = Pieces()
        at = 0
        for start, end in regions:
            at = _trace(made, at, data, start, end, form) + 1
        return made

    return [Layer(bytes(text), layer.path, (*layer.via, name), layer, pieces, layer.nested)]


def _cut(data: bytes, start: int, end: int, form: _Form) -> int:
    """Up to where to go in one step: the end, or a place that nothing encoded goes over."""
    cut = start + _STEP
    if cut >= end:
        return end
    match = form.encoded.search(data, cut - _UNIT, cut + _UNIT)
    while match is not None and match.end() <= cut:
        match = form.encoded.search(data, match.end(), cut + _UNIT)
    return match.start() if match is not None and match.start() < cut else cut


def _trace(pieces: Pieces, at: int, data: bytes, start: int, end: int, form: _Form) -> int:
    for match in form.encoded.finditer(data, start, end):
        if match.start() > start:
            pieces.add(at, start, match.start(), _ONE)
            at += match.start() - start
        size = len(form.plain(match))
        if size:
            pieces.add(at, match.start(), match.end(), (match.end() - match.start(), size))
            at += size
        start = match.end()
    if end > start or not at:
        pieces.add(at, start, end, _ONE)
        at += end - start
    return at


def _regions(data: bytes, form: _Form) -> Iterator[tuple[int, int]]:
    """Disjoint ranges, in order: the lines that have what is sought, near ones together."""
    first = last = -1
    search = form.sought.search
    at = 0
    while (match := search(data, at)) is not None:
        where = match.start()
        start = max(data.rfind(b"\n", max(0, where - _REACH), where) + 1, where - _REACH, 0)
        end = data.find(b"\n", match.end(), match.end() + _REACH)
        if end < 0:
            end = min(len(data), match.end() + _REACH)
        soft = form.name == "quoted-printable"
        while soft and end < len(data) and data[end - 2 : end].rstrip(b"\r")[-1:] == b"=":
            following = data.find(b"\n", end + 1, end + _REACH)  # the line goes on
            end = min(len(data), end + _REACH) if following < 0 else following
        if start > last + _GAP or last < 0:
            if last >= 0:
                yield first, last
            first = start
        last = max(last, end)
        at = max(match.end(), end)
    if last >= 0:
        yield first, last


_WIDE = (
    ("utf-32", re.compile(rb"(?:[\t\n\r\x20-\xff]\0\0\0){8,}+"), 4),
    ("utf-16", re.compile(rb"(?:[\t\n\r\x20-\xff]\0){8,}+"), 2),
)
# Zero, a character of text, or neither: so a search for plain bytes, far faster than the patterns,
# tells where one of them matches.
_KINDS = bytes(
    0 if not each else 1 if each >= 32 or each in b"\t\n\r" else 2 for each in range(256)
)


def _stretches(
    data: bytes, kinds: bytes, pattern: re.Pattern[bytes], width: int
) -> Iterator[tuple[int, int]]:
    """Where `pattern`, one of those above, matches in `data`: what its finditer gives."""
    least = (b"\1" + b"\0" * (width - 1)) * 8
    at = kinds.find(least)
    while at >= 0 and (match := pattern.match(data, at)) is not None:
        yield match.span()
        at = kinds.find(least, match.end())


def wide_layers(layer: Layer) -> list[Layer]:
    """The stretches of text of 16 or 32 bits a character in a layer: one layer of each width.

    No byte order mark is needed; only Latin characters are read, and no secret has others.
    """
    found = []
    kinds = layer.data.translate(_KINDS)
    for name, pattern, width in _WIDE:
        parts: list[bytes] = []
        pieces = Pieces()
        size = 0
        for span in _stretches(layer.data, kinds, pattern, width):
            start, end = span
            if layer.data[start - width + 1 : start] == b"\0" * (width - 1) and start >= width - 1:
                start -= width - 1  # high byte first: the last character has no zeros after it
                if end < len(layer.data) and layer.data[end] >= 32:
                    end += 1
            text = layer.data[start:end].replace(b"\0", b"").decode("latin-1").encode()
            pieces.add(size, start, end, (width, 1))
            parts.append(text)
            size += len(text) + 1
        if parts:
            via = (*layer.via, name)
            found.append(Layer(b"\n".join(parts), layer.path, via, layer, pieces, layer.nested))
    return found
