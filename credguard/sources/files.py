"""Bytes from the file system: one regular file, whole or in windows that overlap.

Every open is non-blocking and told what it opened: a FIFO or a device put in a file's place
neither hangs nor is read.
"""

from __future__ import annotations

import os
import stat

from credguard.errors import GitError
from credguard.scan.engine import MARKS as _MARKS
from credguard.scan.engine import WIDEST, is_wide

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from credguard.scan.model import Finding

WHOLE = 16 << 20
"""Files up to this many bytes are read whole, longer ones in windows of so many."""
OVERLAP = 1 << 20
"""Bytes that two neighbouring windows share; no match of a rule is as long as half of it."""
MOST = 64 << 30
"""Bytes read of one file; holes of a sparse one do not count."""

_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
_FLAGS |= getattr(os, "O_BINARY", 0)
_BLOCK = 1 << 20
_NEAR = 4096  # what is sought is looked for so near first


class Unreadable(Exception):
    """Why nothing, or no more, can be read of a file; `args[0]`: in words for a person."""


def read(path: bytes) -> bytes | None:
    """What stands in the regular file `path`; None when it is longer than `WHOLE`.

    A file that says it is empty (/proc) or grows meanwhile is read to its end. Raises Unreadable.
    """
    return opened(path)[0]


def opened(path: bytes) -> tuple[bytes | None, os.stat_result]:
    """What `read` gives, and the status of the file before the first byte was read."""
    try:
        descriptor = os.open(path, _FLAGS)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable("not a regular file")
            size = status.st_size
            if size > WHOLE:
                return None, status
            asked = size + 1 if size else 1 << 16
            data = os.read(descriptor, asked)
            return (data if len(data) == size else _rest(descriptor, data)), status
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as exc:
        raise Unreadable(getattr(exc, "strerror", None) or "not readable") from exc


def _rest(descriptor: int, data: bytes) -> bytes | None:
    parts, have = [data], len(data)
    while have <= WHOLE:
        part = os.read(descriptor, _BLOCK)
        if not part:
            return b"".join(parts)
        parts.append(part)
        have += len(part)
    return None


def blocks(path: bytes) -> Iterator[bytes | int]:
    """The regular file `path` piece by piece; a number: so many zero bytes (a hole).

    Ends at the size the file had when it was opened, or where it says none at its end.
    Raises Unreadable, also midway.
    """
    try:
        descriptor = os.open(path, _FLAGS)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable("not a regular file")
            yield from _blocks(descriptor, status)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as exc:
        raise Unreadable(getattr(exc, "strerror", None) or "not readable") from exc


class Held:
    """A regular file that is sought in, as `bytes` are; use as a context. Raises Unreadable.

    It has the size that it had when it was opened; what it lost since then reads as less.
    """

    def __init__(self, path: bytes) -> None:
        """Open it."""
        try:
            self._descriptor = os.open(path, _FLAGS)
        except (OSError, ValueError) as exc:
            raise Unreadable(getattr(exc, "strerror", None) or "not readable") from exc
        status = os.fstat(self._descriptor)
        self._size = status.st_size
        if not stat.S_ISREG(status.st_mode):
            os.close(self._descriptor)
            raise Unreadable("not a regular file")

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, where: slice) -> bytes:
        start, stop, _ = where.indices(self._size)
        parts = []
        try:
            while start < stop:
                os.lseek(self._descriptor, start, os.SEEK_SET)
                part = os.read(self._descriptor, stop - start)
                if not part:
                    break
                parts.append(part)
                start += len(part)
        except OSError as exc:
            raise Unreadable(exc.strerror or "not readable") from exc
        return b"".join(parts)

    def find(self, what: bytes, start: int) -> int:
        """As `bytes.find`."""
        step = _NEAR
        while start < self._size:
            at = self[start : start + step].find(what)
            if at >= 0:
                return start + at
            start += step - len(what) + 1
            step = min(4 * step, _BLOCK)
        return -1

    def rfind(self, what: bytes, start: int, end: int | None = None) -> int:
        """As `bytes.rfind`."""
        last = self._size if end is None else min(end, self._size)
        while last - start >= len(what):
            first = max(start, last - _BLOCK)
            at = self[first:last].rfind(what)
            if at >= 0:
                return first + at
            if first == start:
                break
            last = first + len(what) - 1
        return -1


def _blocks(descriptor: int, status: os.stat_result) -> Iterator[bytes | int]:
    size = status.st_size
    sparse = getattr(status, "st_blocks", size) * 512 < size and hasattr(os, "SEEK_DATA")
    at = taken = 0
    data_end = 0 if sparse else size
    while at < size or not size:
        if sparse and at >= data_end:
            start, data_end = _next_data(descriptor, at, size)
            if start > at:
                yield start - at
                at = start
                continue
        part = os.read(descriptor, min(_BLOCK, data_end - at) if size else _BLOCK)
        if not part:
            return
        at += len(part)
        taken += len(part)
        yield part
        if taken >= MOST:
            raise Unreadable(f"larger than {MOST >> 30} GiB: what comes after is not scanned")


def _next_data(descriptor: int, at: int, size: int) -> tuple[int, int]:
    """Start and end of the first stretch from `at` that holds data; `size` twice: none."""
    try:
        start = os.lseek(descriptor, at, os.SEEK_DATA)
    except OSError as exc:
        import errno

        if exc.errno == errno.ENXIO:  # nothing but a hole
            return size, size
        os.lseek(descriptor, at, os.SEEK_SET)  # this file system knows no holes
        return at, size
    end = os.lseek(descriptor, start, os.SEEK_HOLE)
    os.lseek(descriptor, start, os.SEEK_SET)
    return min(start, size), min(end, size)


class Window:
    """A stretch of a long text: its bytes, where it lies, and which of its offsets are its own."""

    __slots__ = ("column", "data", "first", "last", "line")

    def __init__(self, data: bytes, line: int, column: int, first: int, last: int) -> None:
        """`line`, `column`: newlines before it, and characters since the last of them.

        What starts from `first` up to before `last` belongs to this window, else to a neighbour.
        """
        self.data = data
        self.line = line
        self.column = column
        self.first = first
        self.last = last

    def own(self, found: Iterable[Finding], path: bytes) -> list[Finding]:
        """Those of `found`, in order of place, that are this window's, placed in the whole text."""
        return self.owner(path)(found)

    def owner(self, path: bytes) -> Callable[[Iterable[Finding]], list[Finding]]:
        """What gives as `own` does; called with one part of what was found after the other."""
        at, line, column = 0, 1, 1

        def own(found: Iterable[Finding]) -> list[Finding]:
            nonlocal at, line, column
            kept = []
            for each in found:
                if each.path == path:
                    while line < each.line:
                        at = self.data.index(b"\n", at) + 1
                        line, column = line + 1, 1
                    if each.column > column:
                        at, column = _forward(self.data, at, each.column - column), each.column
                    if not self.first <= at < self.last:
                        continue
                    each.column += self.column if each.line == 1 else 0
                    each.line += self.line
                    each.end_line += self.line
                kept.append(each)
            return kept

        return own


def _forward(data: bytes, at: int, count: int) -> int:
    """The offset `count` characters after `at`, an undecodable byte being one."""
    ahead = data[at : at + count]
    if ahead.isascii():
        return at + count
    low, high = count, 4 * count
    while low < high:
        middle = (low + high) // 2
        if _characters(data[at : at + middle]) < count:
            low = middle + 1
        else:
            high = middle
    while data[at + low : at + low + 1] and data[at + low] & 0xC0 == 0x80:
        if _characters(data[at : at + low + 1]) > count:
            break
        low += 1  # within one character
    return at + low


def _characters(data: bytes) -> int:
    return len(data) if data.isascii() else len(data.decode("utf-8", "replace"))


def windows(
    pieces: Iterable[bytes | int], size: int = WHOLE, shared: int = OVERLAP
) -> Iterator[Window]:
    """The text that `pieces` make up in windows of about `size` bytes that share `shared` bytes.

    A number among the pieces is a hole of so many zero bytes: no window goes over it. UTF-16 and
    UTF-32 with their mark come as UTF-8. When `pieces` fails midway, what was read is given first.
    """
    parts: list[bytes] = []
    have = line = column = first = 0
    failure: Exception | None = None
    feed = _plain(pieces)
    while True:
        try:
            piece = next(feed, None)
        except (Unreadable, GitError) as exc:
            failure, piece = exc, None
        if isinstance(piece, bytes):
            parts.append(piece)
            have += len(piece)
            if have < size:
                continue
        data = b"".join(parts)
        if isinstance(piece, bytes):
            start, last = len(data) - shared, len(data) - shared // 2
            yield Window(data, line, column, first, last)
            for _ in range(3):  # not within a character
                start -= start > 0 and data[start] & 0xC0 == 0x80
            line, column = _after(data[:start], line, column)
            first = last - start
            rest = data[start:]
            if rest[:2] in _MARKS:  # by chance; its first byte belongs to the window before
                rest = b"\0" + rest[1:]
            parts, have = [rest], len(rest)
            continue
        if first < len(data):
            yield Window(data, line, column, first, len(data))
        if piece is None:
            break
        line, column = _after(data, line, column)
        parts, have, first, column = [], 0, 0, column + piece
    if failure is not None:
        raise failure


def _after(data: bytes, line: int, column: int) -> tuple[int, int]:
    newline = data.rfind(b"\n")
    if newline < 0:
        return line, column + _characters(data)
    return line + data.count(b"\n"), _characters(data[newline + 1 :])


def encoding(start: bytes) -> str | None:
    """The codec of a text that begins with `start`; None: it is read as it is."""
    if start[:4] in WIDEST:
        return "utf-32"
    return "utf-16" if start[:2] in _MARKS and is_wide(start) else None


def _plain(pieces: Iterable[bytes | int]) -> Iterator[bytes | int]:
    """`pieces`, decoded where the first of them begins with the mark of UTF-16 or UTF-32."""
    decoder = None
    first = True
    for piece in pieces:
        if first:
            first = False
            codec = encoding(piece) if isinstance(piece, bytes) else None
            if codec is not None:
                from codecs import getincrementaldecoder

                decoder = getincrementaldecoder(codec)("replace")
        if decoder is None or isinstance(piece, int):
            yield piece
        else:
            yield decoder.decode(piece).encode("utf-8", "replace")
