"""The scan of an archive or compressed file that is too large to be read whole.

The file as it is goes through the rules in windows, as any long file does; then each member is
read: whole up to 16 MiB, else in windows. Nothing is written, and no more than a member is held.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

from credguard.scan.containers import parts
from credguard.scan.containers.zips import Source
from credguard.scan.decode.streams import Cut, kind, stem, unpacked
from credguard.scan.engine import Engine
from credguard.scan.model import Finding, Limits, Scanned
from credguard.scan.whole import scan_all
from credguard.sources.files import MOST, WHOLE, Unreadable, windows
from credguard.sources.wide import readings

_DEPTH, _MEMBERS = 5, 200_000
_RATIO = 32  # so many times its size an archive may unpack to
_TIME_S, _TIME_S_A_BYTE = 10.0, 5e-7
_HEAD = 512


class _Spent(Exception):
    """A bound is reached: nothing more of the file is read."""


class _Budget:
    """What may be read of one file: bytes, members and time."""

    def __init__(self, size: int) -> None:
        self.size = _RATIO * size
        self.members = _MEMBERS
        self._end = time.monotonic() + _TIME_S + size * _TIME_S_A_BYTE

    def expired(self) -> bool:
        return time.monotonic() > self._end

    def timed(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """`pieces`, as long as there is time: also what lies between members takes some."""
        for piece in pieces:
            if self.expired():
                raise _Spent("took too long; what is packed after it was not read")
            yield piece

    def metered(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in self.timed(pieces):
            self.size -= len(piece)
            if self.size < 0:
                raise _Spent("holds more than is read of one file")
            yield piece


def is_packed(held: Source) -> str:
    """The kind of archive or stream that the file is; "" for what is read in windows alone."""
    found = kind(held[0:_HEAD])
    return found if found in parts.PACKED else ""


def scan_packed(engine: Engine, held: Source, path: bytes, packed: str) -> Scanned:
    """What the file and its members hold; findings by member and place.

    What is cut short, damaged, or beyond the bounds in size, time, depth and count is a problem.
    """
    reader = _Reader(engine, path, _Budget(len(held)))
    try:
        reader.raw(held)
        if packed == "zip":
            reader.inside(parts.of_zip(held), path, (packed,))
        else:
            reader.stream(parts.blocks(held, 0, len(held)), path, packed, ())
    except _Spent as exc:
        reader.problem(path, str(exc))
    except Unreadable as exc:
        reader.problem(path, str(exc))
    return Scanned(reader.found(), sorted(reader.problems))


def _peeked(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, and `pieces` as if they had not been taken; what they raise comes later."""
    head = b""
    try:
        while len(head) < _HEAD and (piece := next(pieces, b"")):
            head += piece
    except Cut as exc:
        return head, _then(head, exc)
    return head[:_HEAD], itertools.chain((head,), pieces)


def _then(head: bytes, error: Cut) -> Iterator[bytes]:
    yield head
    raise error


class _Reader:
    """Goes through one file's members and keeps what they hold."""

    def __init__(self, engine: Engine, path: bytes, budget: _Budget) -> None:
        self._engine = engine
        self._path = path
        self._budget = budget
        self._outside: list[Finding] = []
        self._inside: list[Finding] = []
        self.problems: dict[tuple[bytes, str], None] = {}

    def problem(self, path: bytes, why: str) -> None:
        self.problems[(path, why)] = None

    def found(self) -> list[Finding]:
        """Everything, by place; what a member has is not told of the archive's own bytes too."""
        known = {(each.rule_id, each.value) for each in self._inside}
        found = [each for each in self._outside if (each.rule_id, each.value) not in known]
        found += self._inside
        found.sort(key=lambda each: (each.path, each.line, each.column, each.rule_id, each.via))
        return found

    def raw(self, held: Source) -> None:
        """The bytes of the file as they are: rules alone, whatever the bounds."""
        for window in windows(parts.blocks(held, 0, min(len(held), MOST))):
            found = self._engine.scan(window.data, self._path)
            self._outside += window.own(found, self._path)

    def stream(
        self, pieces: Iterator[bytes], path: bytes, packed: str, via: tuple[str, ...]
    ) -> None:
        """A tar archive, or a compressed stream and the one text or tar archive in it."""
        pieces = self._budget.timed(pieces)
        if packed != "tar":
            via = (*via, packed)
            head, pieces = _peeked(self._budget.timed(unpacked(packed, pieces, alone=True)))
            if kind(head) != "tar":
                self.inside(iter((parts.Part(stem(path, packed), pieces),)), path, via)
                return
        self.inside(parts.of_tar(pieces), path, (*via, "tar"))

    def inside(self, members: Iterator[parts.Part], path: bytes, via: tuple[str, ...]) -> None:
        """Each of `members`; `via`: what was opened to come to them. Raises _Spent."""
        try:
            for part in members:
                self._budget.members -= 1
                if self._budget.members < 0:
                    raise _Spent("holds more members than are read of one file")
                shown = path + b"!" + part.name if part.name else path
                if part.problem:
                    self.problem(shown, part.problem)
                    continue
                try:
                    self._member(part, shown, via)
                except Cut as exc:
                    self.problem(shown, str(exc))
        except Cut as exc:
            self.problem(path, str(exc))

    def _member(self, part: parts.Part, shown: bytes, via: tuple[str, ...]) -> None:
        pieces = self._budget.metered(part.pieces)
        head, have, cut = [], 0, None
        try:
            while have <= WHOLE and (piece := next(pieces, b"")):
                head.append(piece)
                have += len(piece)
        except Cut as exc:
            cut = exc
        data = b"".join(head)
        head.clear()
        if have > WHOLE and cut is None:
            self._large(itertools.chain((data,), pieces), data[:_HEAD], shown, via)
            return
        self._text(data, shown, via)
        if cut is not None:
            raise cut

    def _text(self, data: bytes, shown: bytes, via: tuple[str, ...]) -> list[Finding]:
        depth = max(0, _DEPTH - len(via))
        limits = Limits(depth=depth, members=self._budget.members, expired=self._budget.expired)
        scanned = scan_all(self._engine, data, shown, lambda: limits)
        for each in scanned.findings:
            each.via = ">".join(filter(None, (*via, each.via)))
        self._inside += scanned.findings
        for path, why in scanned.problems:
            self.problem(path, why)
        return scanned.findings

    def _bytes(self, data: bytes, shown: bytes, via: tuple[str, ...]) -> list[Finding]:
        """What the bytes of a text in UTF-16 or UTF-32 show: rules alone."""
        found = self._engine.scan(data, shown)
        for each in found:
            each.via = ">".join(filter(None, (*via, each.via)))
        return found

    def _large(
        self, pieces: Iterator[bytes], head: bytes, shown: bytes, via: tuple[str, ...]
    ) -> None:
        packed = kind(head)
        if packed in parts.PACKED and len(via) >= _DEPTH:
            raise Cut(f"holds more than {_DEPTH} archives in one another")
        if packed == "zip":
            raise Cut(
                f"is a zip archive of over {WHOLE >> 20} MiB in another: unpack it to scan it"
            )
        if packed in parts.PACKED:
            self.stream(pieces, shown, packed, via)
            return
        try:
            for window, is_text in readings(_told(pieces)):
                before = len(self._inside)
                read = self._text if is_text else self._bytes
                found = read(window.data, shown, via)
                del self._inside[before:]
                self._inside += window.own(found, shown)
        except Unreadable as exc:
            raise Cut(str(exc)) from exc


def _told(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """`pieces` for `windows`, which gives what was read before an Unreadable."""
    try:
        yield from pieces
    except Cut as exc:
        raise Unreadable(str(exc)) from exc
