"""Zip archives, and what is one: jar, whl, docx, xlsx, pptx, apk.

Not by the standard library's reader: it makes an object of each of a million entries before the
first is read, and refuses an archive whose end is missing. Format: PKWARE's APPNOTE.TXT.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Protocol

from credguard.scan.decode.streams import unpack


class Source(Protocol):
    """Bytes that can be sought in, on the disk or in memory, with the methods of `bytes`."""

    def __len__(self) -> int: ...

    def __getitem__(self, where: slice, /) -> bytes: ...

    def find(self, what: bytes, start: int, /) -> int: ...  # noqa: D102

    def rfind(self, what: bytes, start: int, end: int | None = ..., /) -> int: ...  # noqa: D102


_END, _ENTRY, _LOCAL = b"PK\5\6", b"PK\1\2", b"PK\3\4"
_END_SIZE, _ENTRY_SIZE, _LOCAL_SIZE = 22, 46, 30
_COMMENT = 65_535
METHODS = {8: "deflate", 12: "bz2", 93: "zstd", 95: "xz"}
LZMA = 14
_ENCRYPTED, _LATER_SIZES = 1, 8

# size told, name, offset of its local header, compressed size (None: told nowhere), flags, method
_Entry = tuple[int, bytes, int, int | None, int, int]
_Found = tuple[bytes, bytes, str]
# name, start and end of its packed bytes, method, what is wrong with it
Located = tuple[bytes, int, int, int, str]
_MOST_SORTED, _MOST_SEEN = 20_000, 300_000


def read(data: bytes, cap: Callable[[], int]) -> Iterator[_Found]:
    """Name, bytes and what is wrong of each file in the archive, small ones first."""
    for found in located(data):
        if isinstance(found, str):
            yield b"", b"", found
        else:
            yield _member(data, found, cap())


def located(data: Source) -> Iterator[Located | str]:
    """Where each file in the archive lies, small ones first; a text: what is wrong with it all."""
    entries = _every(data)
    first: list[_Entry] = []
    for entry in entries:
        if isinstance(entry, str):
            yield entry
            continue
        first.append(entry)
        if len(first) >= _MOST_SORTED:
            break
    first.sort(key=lambda entry: entry[0])
    for entry in first:
        yield _place(data, entry)
    for entry in entries:
        yield entry if isinstance(entry, str) else _place(data, entry)


def _every(data: Source) -> Iterator[_Entry | str]:
    """Each file's entry, and a text where the directory does not lead to all of them."""
    directory = _directory(data)
    if directory is None:
        yield "the archive's end is missing; its files are read one by one"
        yield from _files(_locals(data))
        return
    told, entries = directory
    count, seen = 0, set[int]()
    for entry in entries:
        count += 1
        if len(seen) < _MOST_SEEN:
            seen.add(entry[2])
        yield from _files(iter((entry,)))
    # Without zip64 the count is one of 16 bits.
    if (count - told) & 0xFFFF or (not count and data.find(_LOCAL, 0) >= 0):
        yield "the archive's directory is damaged; its files are read one by one"
        yield from _files(entry for entry in _locals(data) if entry[2] not in seen)


def _files(entries: Iterator[_Entry]) -> Iterator[_Entry]:
    return (entry for entry in entries if not entry[1].endswith(b"/"))


def ending(data: Source) -> int:
    """Where the archive's last record ends: its comment follows, or nothing; its size: no end."""
    at = data.rfind(_END, max(0, len(data) - _COMMENT - _END_SIZE))
    return len(data) if at < 0 else min(len(data), at + _END_SIZE)


def is_whole(data: Source) -> bool:
    """Whether an archive that ends with `data` begins in it, too: a window of a file may not."""
    at = len(data) - _END_SIZE
    size, start = struct.unpack("<II", data[at + 12 : at + 20])
    return bool(start <= at - size)


def _directory(data: Source) -> tuple[int, Iterator[_Entry]] | None:
    """How many entries the central directory is said to have, and those; None: it is not found."""
    at = data.rfind(_END, max(0, len(data) - _COMMENT - _END_SIZE))
    if at < 0 or at + _END_SIZE > len(data):
        return None
    count, size, start = struct.unpack("<HII", data[at + 10 : at + 20])
    wide = data[max(0, at - 20) : at][:4] == b"PK\6\7"  # zip64's locator
    if start == 0xFFFFFFFF or size == 0xFFFFFFFF or (count == 0xFFFF and wide):
        # Zip64: its record stands before its locator.
        record = data.rfind(b"PK\6\6", 0, at)
        if record < 0 or record + 56 > at:
            return None
        count, size, start = struct.unpack("<QQQ", data[record + 32 : record + 56])
        at = record
    # What stands before an archive, such as a program that unpacks itself, shifts every offset.
    begin = at - size
    if begin < 0 or (size and data[begin : begin + 4] != _ENTRY):
        begin = start
        if size and data[begin : begin + 4] != _ENTRY:
            return None
    return count, _entries(data, begin, at, begin - start)


def _entries(data: Source, at: int, end: int, shift: int) -> Iterator[_Entry]:
    while at + _ENTRY_SIZE <= end:
        head = data[at : at + _ENTRY_SIZE]
        if head[:4] != _ENTRY or len(head) < _ENTRY_SIZE:
            return
        flags, method = struct.unpack_from("<HH", head, 8)
        packed, size, named, extra, comment = struct.unpack_from("<IIHHH", head, 20)
        (offset,) = struct.unpack_from("<I", head, 42)
        name = data[at + _ENTRY_SIZE : at + _ENTRY_SIZE + named]
        following = at + _ENTRY_SIZE + named
        if 0xFFFFFFFF in (packed, size, offset):
            size, packed, offset = _wide(data[following : following + extra], size, packed, offset)
        at = following + extra + comment
        yield size, name, offset + shift, packed, flags, method


def _wide(extra: bytes, *told: int) -> tuple[int, int, int]:
    """Sizes and offset of 64 bits, which stand in the extra field where 32 did not do."""
    values = list(told)
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<HH", extra, at)
        if tag == 1:
            inside = at + 4
            for index, value in enumerate(values):
                if value == 0xFFFFFFFF and inside + 8 <= min(len(extra), at + 4 + length):
                    (values[index],) = struct.unpack_from("<Q", extra, inside)
                    inside += 8
            break
        at += 4 + length
    return values[0], values[1], values[2]


def _locals(data: Source) -> Iterator[_Entry]:
    """The entries by their own headers, in an archive that is cut."""
    at = data.find(_LOCAL, 0)
    while 0 <= at <= len(data) - _LOCAL_SIZE:
        head = data[at : at + _LOCAL_SIZE]
        if len(head) < _LOCAL_SIZE:
            return
        flags, method = struct.unpack_from("<HH", head, 6)
        packed, size, named, extra = struct.unpack_from("<IIHH", head, 18)
        name = data[at + _LOCAL_SIZE : at + _LOCAL_SIZE + named]
        unknown = bool(flags & _LATER_SIZES) or packed == 0xFFFFFFFF
        begin = at + _LOCAL_SIZE + named + extra
        yield size, name, at, None if unknown else packed, flags, method
        at = data.find(_LOCAL, begin if unknown else begin + packed)


def _place(data: Source, entry: _Entry) -> Located:
    _, name, offset, packed, flags, method = entry
    head = data[offset : offset + _LOCAL_SIZE] if offset >= 0 else b""
    if head[:4] != _LOCAL or len(head) < _LOCAL_SIZE:
        return name, 0, 0, method, "is not where the archive says"
    if flags & _ENCRYPTED:
        return name, 0, 0, method, "is encrypted"
    named, extra = struct.unpack_from("<HH", head, 26)
    start = offset + _LOCAL_SIZE + named + extra
    end = len(data) if packed is None else start + packed
    if method == 0 and packed is None:
        end = data.find(b"PK", start)
        end = len(data) if end < 0 else end
    return name, start, end, method, ""


def _member(data: bytes, found: Located, limit: int) -> _Found:
    name, start, end, method, problem = found
    if problem:
        return name, b"", problem
    if method == 0:
        over = f"is larger than {limit:,} bytes" if end - start > limit else ""
        cut = "ends too early" if end > len(data) else ""
        return name, data[start : min(end, start + limit)], cut or over
    if method == LZMA:
        return name, *_lzma(data[start:end], limit)
    if method not in METHODS:
        return name, b"", f"is packed by a method that is not read ({method})"
    # Not a copy: of thousands of which no size is told, each may reach to the archive's end.
    text, problem = unpack(METHODS[method], memoryview(data)[start:end], limit)
    return name, text, problem


def _lzma(data: bytes, limit: int) -> tuple[bytes, str]:
    """LZMA in a zip has a header of its own: version, size of the properties, the properties."""
    if len(data) < 9:
        return b"", "ends too early"
    (size,) = struct.unpack_from("<H", data, 2)
    return unpack("lzma", data[4 : 4 + size] + b"\xff" * 8 + data[4 + size :], limit)


def lzma_pieces(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same stream with the header that `streams.unpacked` reads as lzma."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= 9:
            (size,) = struct.unpack_from("<H", head, 2)
            if len(head) >= 4 + size:
                yield head[4 : 4 + size] + b"\xff" * 8 + head[4 + size :]
                break
    yield from pieces
