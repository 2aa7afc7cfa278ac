"""The long values of an SQLite file, which go over pages: put together again.

Short ones stand in the file as they are, so the raw pass reads them. No code of SQLite runs, and
nothing is opened. Format: https://www.sqlite.org/fileformat2.html, 1.6.
"""

import struct
from collections.abc import Callable, Iterator

_LEAF = 13  # the kind of page that holds rows


def read(data: bytes, cap: Callable[[], int]) -> Iterator[tuple[bytes, bytes, str]]:
    """Name, bytes and what is wrong of each row that overflows its page."""
    (told,) = struct.unpack_from(">H", data, 16) if len(data) >= 100 else (0,)
    size = 65536 if told == 1 else told
    if size < 512 or size & (size - 1):
        yield b"", b"", "the database's header is damaged"
        return
    usable = size - data[20]
    if usable < 480:
        yield b"", b"", "the database's header is damaged"
        return
    seen: set[int] = set()
    for start in range(0, len(data) - size + 1, size):
        head = start + 100 if start == 0 else start
        if data[head] != _LEAF:
            continue
        (count,) = struct.unpack_from(">H", data, head + 3)
        for index in range(min(count, (size - 8) // 2)):
            if head + 10 + 2 * index > start + size:
                break
            (cell,) = struct.unpack_from(">H", data, head + 8 + 2 * index)
            row = _row(data, start, cell, size, usable, cap(), seen)
            if row:
                yield b"row at %d" % (start + cell), row, ""


def _row(
    data: bytes, page: int, cell: int, size: int, usable: int, limit: int, seen: set[int]
) -> bytes:
    at = page + cell
    length, at = _varint(data, at)
    _, at = _varint(data, at)
    most = usable - 35
    if length <= most or at + 4 > len(data):
        return b""
    least = (usable - 12) * 32 // 255 - 23
    local = least + (length - least) % (usable - 4)
    local = local if local <= most else least
    parts = [data[at : at + local]]
    left = min(length, limit) - local
    if at + local + 4 > page + size:
        return b""
    (following,) = struct.unpack_from(">I", data, at + local)
    while following and left > 0 and following not in seen:
        seen.add(following)  # a page belongs to one row: no loop, and never more than the file
        begin = (following - 1) * size
        if begin + size > len(data):
            break
        parts.append(data[begin + 4 : begin + 4 + min(left, usable - 4)])
        left -= usable - 4
        (following,) = struct.unpack_from(">I", data, begin)
    return b"".join(parts)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(9):
        byte = data[at + index] if at + index < len(data) else 0
        if index == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 127
        if byte < 128:
            return value, at + index + 1
    return value, at + 9
