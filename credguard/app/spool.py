"""Rows of a report beyond what memory should hold: in a temporary file without a name.

A row has the mask of a value, never the value, so that is all that the file holds.
"""

from __future__ import annotations

import contextlib
import marshal
import tempfile
import zlib
from collections.abc import Collection, Iterator
from dataclasses import fields
from operator import attrgetter
from typing import IO

from credguard.errors import CredguardError
from credguard.report.model import Row

_CHUNK = 1000  # rows packed together; so many are unpacked at once when they are read
_Numbered = tuple[int, Row]
_flat = attrgetter(*(each.name for each in fields(Row)))  # a fifth of what `astuple` takes


class Rows(Collection[Row]):
    """Rows in order of their numbers; may be gone through again and again. Closed with its file.

    Only what is in no full chunk yet is in memory. The file has no name where the system allows
    that (else its owner alone may open it), so nothing is left of it after a crash.
    """

    def __init__(self) -> None:
        """Nothing in it, and no file yet."""
        self._file: IO[bytes] | None = None
        self._sizes: list[int] = []
        self._last: list[_Numbered] = []
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
        self._last.append((number, row))
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
        # Marshal: texts that are no UTF-8 come back as they were, and no code is run.
        flat = [(number, *_flat(row)) for number, row in self._last]
        packed = zlib.compress(marshal.dumps(flat), 1)
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
        self._last = []

    def _stored(self) -> Iterator[_Numbered]:
        at = 0
        for size in self._sizes:
            if self._file is not None:
                self._file.seek(at)
                at += size
                # Ours alone: the file has no name.
                flat = marshal.loads(zlib.decompress(self._file.read(size)))  # noqa: S302
                yield from ((number, Row(*row)) for number, *row in flat)
        yield from self._last

    def __len__(self) -> int:
        return self._count

    def __contains__(self, row: object) -> bool:
        return any(each == row for each in self)

    def __iter__(self) -> Iterator[Row]:
        more = [*reversed(self._inserted)]
        more.sort(key=lambda each: each[0])
        at = 0
        for number, row in self._stored():
            while at < len(more) and more[at][0] <= number:
                yield more[at][1]
                at += 1
            yield self._amended.get(number, row)
        for _, row in more[at:]:
            yield row
