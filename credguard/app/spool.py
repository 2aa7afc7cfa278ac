"""Rows of a report beyond what memory should hold: in a temporary file without a name.

A row has the mask of a value, never the value, so that is all that the file holds.
"""

from __future__ import annotations

import contextlib
import marshal
import tempfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import repeat
from typing import IO, Any

from credguard.errors import CredguardError
from credguard.report.model import Row

_CHUNK = 1000  # rows packed together; so many are unpacked at once when they are read
_Numbered = tuple[int, Row]


class Rows(Collection[Row]):
    """Rows in order of their numbers; may be gone through again and again. Closed with its file.

    Only what is in no full chunk yet is in memory. The file has no name where the system allows
    that (else its owner alone may open it), so nothing is left of it after a crash.
    """

    def __init__(self) -> None:
        """Nothing in it, and no file yet."""
        self._file: IO[bytes] | None = None
        self._sizes: list[int] = []
        self._numbers: list[int] = []  # of the rows of the chunk that is not full yet
        self._last: list[Row] = []
        self._count = 0
        self._amended: dict[int, Row] = {}
        self._inserted: list[_Numbered] = []

    def __del__(self) -> None:
        if self._file is not None:
            # What a full disk did not take is written once more, in vain; it is told already.
            with contextlib.suppress(OSError):
                self._file.close()

    def append(self, number: int, row: Row) -> None:
        """One more; `number`: higher than those before. Raises CredguardError: no space."""
        self._numbers.append(number)
        self._last.append(row)
        self._count += 1
        if len(self._last) >= _CHUNK:
            self._write()

    def amend(self, number: int, row: Row) -> None:
        """Let `row` stand for that of `number`, should there be one."""
        self._amended[number] = row

    def insert(self, number: int, row: Row) -> None:
        """One more, before that of `number`, after those that were inserted there later."""
        self._inserted.append((number, row))
        self._count += 1

    def _write(self) -> None:
        # Marshal: texts that are no UTF-8 come back as they were, and no code is run. By columns:
        # of many findings in a file most are the same all the way down, and stand there once.
        columns = [_narrow(column) for column in (self._numbers, *zip(*self._last, strict=True))]
        packed = zlib.compress(marshal.dumps((len(self._last), columns)), 1)
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this object
            self._file.seek(0, 2)
            self._file.write(packed)
            self._file.flush()
        except OSError as exc:
            raise CredguardError(
                f"too many findings to hold, and no temporary file for them: {exc.strerror}",
                hint="make space in the folder for temporary files, or set TMPDIR to another",
            ) from exc
        self._sizes.append(len(packed))
        self._numbers, self._last = [], []

    def _stored(self) -> Iterator[tuple[Iterable[int], Iterable[Row]]]:
        at = 0
        for size in self._sizes:
            if self._file is not None:
                self._file.seek(at)
                at += size
                # Ours alone: the file has no name.
                count, columns = marshal.loads(zlib.decompress(self._file.read(size)))  # noqa: S302
                numbers, *rest = (_widened(column, count) for column in columns)
                yield numbers, map(Row._make, zip(*rest, strict=True))
        yield self._numbers, self._last

    def __len__(self) -> int:
        return self._count

    def __contains__(self, row: object) -> bool:
        return any(each == row for each in self)

    def __iter__(self) -> Iterator[Row]:
        if not self._inserted and not self._amended:
            for _, rows in self._stored():
                yield from rows
            return
        more = [*reversed(self._inserted)]
        more.sort(key=lambda each: each[0])
        at = 0
        for numbers, rows in self._stored():
            for number, row in zip(numbers, rows, strict=True):
                while at < len(more) and more[at][0] <= number:
                    yield more[at][1]
                    at += 1
                yield self._amended.get(number, row)
        for _, row in more[at:]:
            yield row


def _narrow(column: Sequence[Any]) -> tuple[Any, ...]:
    """`column`, or its only value where all are the same."""
    first = column[0]
    return (first,) if column.count(first) == len(column) else tuple(column)


def _widened(column: Sequence[Any], count: int) -> Iterable[Any]:
    return column if len(column) == count else repeat(column[0], count)
