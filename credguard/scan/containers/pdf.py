"""The text of a PDF: its compressed streams, and the words in those that draw pages.

Strings in fonts with an encoding of their own stay unread. Format: ISO 32000-1, 7.3 and 9.4.
"""

import base64
import re
from collections.abc import Callable, Iterator

from credguard.scan.decode.streams import unpack

_STREAM = re.compile(rb"stream\r?\n")
_TOKEN = re.compile(rb"\\.|[()]|<([0-9A-Fa-f \r\n]{2,4096})>|\b(?:T[dDm*]|ET)\b", re.DOTALL)
_DRAWING = 4 << 20  # a longer one is given as it is
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|(\r?\n)|(.))", re.DOTALL)
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_DICTIONARY = 2048


def read(data: bytes, cap: Callable[[], int]) -> Iterator[tuple[bytes, bytes, str]]:
    """Name, bytes and what is wrong of each compressed stream, and the text of each page."""
    at = 0
    number = 0
    while (match := _STREAM.search(data, at)) is not None:
        start = match.end()
        end = data.find(b"endstream", start)
        cut = end < 0
        end = len(data) if cut else end
        about = data[max(at, match.start() - _DICTIONARY) : match.start()]
        about = about[about.rfind(b" obj") + 1 :]
        at = end
        if b"/FlateDecode" not in about and b"/Fl " not in about:
            continue
        number += 1
        raw = data[start:end]
        if b"/ASCII85Decode" in about:
            try:
                raw = base64.a85decode(
                    b"".join(raw.split()).removesuffix(b"~>").removeprefix(b"<~")
                )
            except ValueError:
                yield b"stream%d" % number, b"", "is damaged: not base 85"
                continue
        text, problem = unpack("zlib", raw, cap())
        if problem == "ends too early" and not cut:
            problem = ""  # many writers leave the checksum out
        if b"/Subtype/Image" in about.replace(b" ", b"") and not problem:
            continue
        if len(text) <= _DRAWING and (b"Tj" in text or b"TJ" in text):
            yield b"text%d" % number, _shown(text), problem
        else:
            yield b"stream%d" % number, text, problem


def _shown(drawing: bytes) -> bytes:
    """The strings of what draws a page, a line end wherever the pen is moved."""
    out = []
    depth = start = 0
    for match in _TOKEN.finditer(drawing):
        token = match[0]
        if token == b"(":
            depth += 1
            if depth == 1:
                start = match.end()
        elif token == b")" and depth:
            depth -= 1
            if not depth:
                out.append(_ESCAPE.sub(_plain, drawing[start : match.start()]))
        elif depth or token[:1] in (b"\\", b")"):
            continue
        elif match[1]:
            even = b"".join(match[1].split())
            out.append(bytes.fromhex((even + b"0" * (len(even) % 2)).decode("ascii")))
        else:
            out.append(b"\n")
    return b"".join(out)


def _plain(match: re.Match[bytes]) -> bytes:
    if match[1]:
        return bytes([int(match[1], 8) & 255])
    if match[2]:
        return b""
    return _LETTERS.get(match[3], match[3])
