"""Runs of base64 and hexadecimal digits: found in one pass, decoded, and put on one sheet.

A sheet is one layer with all that a text's runs hold, one after the other, each with the text
before it on its line: so a value keeps the name it stands under, and many runs cost one scan.
"""

import binascii
import re
from collections.abc import Iterator
from functools import lru_cache

from credguard.scan.decode.layer import BESIDE, WHOLE, Layer, Pieces, Scale
from credguard.scan.decode.streams import kind
from credguard.scan.short import FIRST, PACKED, SECOND

SHORTEST = 24
"""The least length of a run, in digits: a name in source is seldom as long."""
_PLAIN = b"a" * 16  # printable bytes in a row that binary data does not hold by chance
_CONTEXT, _VALUE = 96, 1024  # a run over _VALUE has a context of its own
_TEXT = bytes(range(32, 127)) + b"\t\n\r"
_IS_TEXT = bytes(97 if byte in _TEXT else 0 for byte in range(256))
_REPEATED = 1 << 17
_WRAPPED = 40  # a line of a wrapped run is at least so long
_NAME = 64  # a run of up to so many digits may be a name
_JOINTS = 8  # of base64 fewer than one digit in so many is - _ or /


class _Codec:
    """One of two, told apart by what it is and not by what it holds."""

    __slots__ = ("ascii", "enough", "following", "marks", "name", "scale", "unit")

    def __init__(
        self, name: str, digits: bytes, scale: Scale, firsts: bytes, seconds: bytes
    ) -> None:
        """`firsts`, `seconds`: digits that may begin a unit of ASCII text, or be its second."""
        self.name = name
        self.marks = _marks(digits)  # translates a digit to "a", all else to a blank
        self.scale = scale
        self.unit = scale[0]  # digits that stand for whole bytes
        self.ascii = _marks(firsts), _marks(seconds)
        self.enough = b"a" * (len(_PLAIN) // scale[1])  # of units so many in a row hold _PLAIN
        line_end = rb"(?:\r?\n[ \t]{0,64}|\\(?:r\\)?n|[\"'][ \t]*[+\\]?[ \t]*\r?\n[ \t]{0,64}[\"'])"
        run = b"([" + re.escape(digits) + rb"]+)=*(?=[\s\"'`<\\,;)\]}]|\Z)"
        self.following = re.compile(line_end + run)


def _marks(digits: bytes) -> bytes:
    return bytes(97 if byte in digits else 32 for byte in range(256))


_ALNUM = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_HEX_DIGITS = b"0123456789abcdefABCDEF"
_BASE64 = _Codec("base64", _ALNUM + b"+/-_", (4, 3), FIRST, SECOND)
_HEX = _Codec("hex", _HEX_DIGITS, (2, 1), b"01234567", _HEX_DIGITS)
_URL_SAFE = bytes.maketrans(b"-_", b"+/")

Run = list[tuple[int, int]]
# Digits skipped before it, bytes, whether all of it is text.
Decoding = tuple[int, bytes, bool]


def base64_layers(layer: Layer) -> list[Layer]:
    """What the base64 of a layer holds: one sheet of text, then each compressed or packed run."""
    return _layers(layer, _BASE64)


def hex_layers(layer: Layer) -> list[Layer]:
    """The same for runs of hexadecimal digits."""
    return _layers(layer, _HEX)


def _layers(layer: Layer, codec: _Codec) -> list[Layer]:
    data = layer.data
    via = (*layer.via, codec.name)
    sheet = bytearray()
    pieces = Pieces()
    packed = []
    last = 0
    for run in _runs(data, codec):
        for skipped, decoded, whole in _decoded(data, run, codec):
            start, end = run[0][0] + skipped, run[-1][1]
            if kind(decoded):
                pieces_of_it = Pieces()
                pieces_of_it.add(0, start, end, WHOLE)
                packed.append(Layer(decoded, layer.path, via, layer, pieces_of_it, layer.nested))
                continue
            before = after = b""
            if whole and len(decoded) <= _VALUE and len(run) == 1:
                line = max(data.rfind(b"\n", max(0, start - _CONTEXT), start) + 1, start - _CONTEXT)
                if len(sheet) > _REPEATED:  # very many: none has the others before it again
                    line = max(line, last)
                before = data[max(0, line) : start]
                after = data[end : end + 3].lstrip(b"=")[:1]
                if after not in (b'"', b"'", b"`", b"<"):
                    after = b""
            pieces.add(len(sheet), start - len(before), start, BESIDE)
            sheet += before
            _trace(pieces, len(sheet), run, skipped, codec.scale)
            sheet += decoded + after + b"\n"
            last = end
    found = [Layer(bytes(sheet), layer.path, via, layer, pieces, layer.nested)] if sheet else []
    packed.sort(key=lambda each: len(each.data))
    return found + packed


def _trace(pieces: Pieces, size: int, run: Run, skipped: int, scale: Scale) -> None:
    digits = -skipped
    for start, end in run:
        first = start + max(0, -digits)
        pieces.add(size + max(0, digits) * scale[1] // scale[0], first, end, scale)
        digits += end - start


def _runs(data: bytes, codec: _Codec) -> Iterator[Run]:
    """Each maximal run of digits, as the ranges of its lines."""
    marked = data.translate(codec.marks)
    needle = b"a" * SHORTEST
    at = marked.find(needle)
    while at >= 0:
        end = marked.find(b" ", at)
        end = len(data) if end < 0 else end
        start = at
        if data[start - 1 : start] == b"\\" and data[start : start + 1] in (b"n", b"r", b"t"):
            start += 1  # the letter belongs to an escaped line end
        run = [(start, end)]
        width = end - start
        while width >= _WRAPPED and width % codec.unit == 0 and data[end : end + 1] != b"=":
            following = codec.following.match(data, end)
            if following is None or following.end(1) - following.start(1) > width:
                break
            end = following.end(1)
            run.append(following.span(1))
            if end - following.start(1) < width:
                break
        yield run
        at = marked.find(needle, end)


def _decoded(data: bytes, run: Run, codec: _Codec) -> tuple[Decoding, ...]:
    """What a run may hold; none: it is a name, a path, or noise."""
    first, end = run[0]
    digits = data[first:end]
    if len(run) > 1:
        digits = b"".join([data[start:end] for start, end in run])
    # Long names come again and again in a text.
    return _decodings(digits, codec) if len(digits) <= _NAME else _decode(digits, codec)


def _decode(digits: bytes, codec: _Codec) -> tuple[Decoding, ...]:
    """The same of digits; they may begin with letters that are no part of what is encoded, so each
    alignment is tried.
    """  # fmt: skip
    if codec is _BASE64:
        if digits.islower() or digits.isupper():
            return ()
        joints = digits.count(b"_") + digits.count(b"-") + digits.count(b"/")
        if joints * _JOINTS > len(digits) <= _VALUE and not digits.startswith(PACKED):
            return ()  # a path, a name, a line drawn
        digits = digits.translate(_URL_SAFE)
    whole = _bytes(digits, 0, codec)
    if kind(whole):
        return ((0, whole, False),)
    found: list[Decoding] = []
    for skipped in _plausible(digits, codec):
        decoded = _bytes(digits, skipped, codec) if skipped else whole
        if decoded.translate(_IS_TEXT).find(_PLAIN) >= 0:
            if len(decoded.translate(None, _TEXT)) * 10 <= len(decoded) or _is_utf8(decoded):
                found.append((skipped, decoded, True))
            else:
                found.extend(_parts(decoded, codec, skipped))
    if found:
        return tuple(found)
    if whole.count(0) * 3 >= len(whole):
        return ((0, whole, False),)  # 16-bit text, which its own decoder reads
    return ((0, whole, True),) if _is_utf8(whole) else ()


_decodings = lru_cache(maxsize=4096)(_decode)


def _plausible(digits: bytes, codec: _Codec) -> list[int]:
    """The alignments at which it may hold `_PLAIN` of ASCII text: several where runs are joined.

    Told by the digits that hold the highest bit of a byte, in a fraction of what decoding takes.
    """
    unit, (firsts, seconds), enough = codec.unit, codec.ascii, codec.enough
    first = digits.translate(firsts)
    if first.count(97) < len(enough):
        return []
    second = digits.translate(seconds)
    return [
        skipped
        for skipped in range(unit)
        if enough in first[skipped::unit] and enough in second[skipped + 1 :: unit]
    ]


def _bytes(digits: bytes, skipped: int, codec: _Codec) -> bytes:
    whole = (len(digits) - skipped) // codec.unit * codec.unit + skipped
    if codec is _HEX:
        return bytes.fromhex(digits[skipped:whole].decode("ascii"))
    rest = digits[whole:]
    return binascii.a2b_base64(
        digits[skipped:whole] + (rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b"")
    )


def _is_utf8(decoded: bytes) -> bool:
    if len(decoded) < len(_PLAIN) or b"\0" in decoded:
        return False
    try:
        text = decoded.decode("utf-8")
    except UnicodeDecodeError:
        return False
    odd = sum(not each.isprintable() and each not in "\t\n\r" for each in text[:_VALUE])
    return odd * 10 <= min(len(text), _VALUE)


def _parts(decoded: bytes, codec: _Codec, skipped: int) -> tuple[Decoding, ...]:
    """The stretches of text in binary data."""
    marked = decoded.translate(_IS_TEXT)
    encoded, size = codec.scale
    if kind(decoded):
        return ((skipped, decoded, False),)
    parts = []
    at = marked.find(_PLAIN)
    while at >= 0:
        end = marked.find(b"\0", at)
        end = len(decoded) if end < 0 else end
        parts.append((skipped + at * encoded // size, decoded[at:end], False))
        at = marked.find(_PLAIN, end)
    return tuple(parts)
