"""The findings of a text in which there are very many: held as numbers, made when asked for.

A finding takes a third of a kilobyte as an object, and here twenty-four bytes.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from heapq import merge
from itertools import islice

from credguard.scan.model import Finding, characters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    # Rule, title, confidence, signals, and of an own secret its item and how it is written.
    Kind = tuple[str, str, int, tuple[str, ...], str, str]
    # Start, end, rank, number: see `credguard.scan.layers`.
    Place = tuple[int, int, int, int]

PART = 4096
"""So many findings are made at once."""
_ASCII = 1 << 20  # so far between the first and the last of them all are asked at once


class Found:
    """Disjoint secrets of a text, by place. Each time it is gone through it makes new findings."""

    def __init__(self, data: bytes, path: bytes) -> None:
        """None yet."""
        self.path = path
        self._data = data
        self._starts, self._ends, self._kinds = array("q"), array("q"), array("q")
        self._table: list[Kind] = []
        self._dropped: set[int] = set()
        self._via = ""

    def __len__(self) -> int:
        return len(self._starts) - len(self._dropped)

    def __iter__(self) -> Iterator[Finding]:
        for part in self.parts():
            yield from part

    def kind(self, kind: Kind) -> int:
        """The number by which `kind` is given to `add`."""
        self._table.append(kind)
        return len(self._table) - 1

    def add(self, start: int, end: int, kind: int) -> None:
        """One more, after all that are there."""
        self._starts.append(start)
        self._ends.append(end)
        self._kinds.append(kind)

    def extend(self, starts: array[int], ends: array[int], kinds: Iterable[int]) -> None:
        """As `add`, of many."""
        self._starts.extend(starts)
        self._ends.extend(ends)
        self._kinds.extend(kinds)

    def reached_by(self, *chain: str) -> None:
        """Tell of each, before how it is written itself, how its text was come to."""
        self._via = ">".join(part for part in (*chain, self._via) if part)

    def drop(self, number: int) -> None:
        """Leave out the one of that number, counted as they were added."""
        self._dropped.add(number)

    def has(self, number: int) -> bool:
        """Whether it was not left out."""
        return number not in self._dropped

    def with_own(self, hits: Iterable[tuple[int, int, Kind]]) -> Found:
        """These and, in place of what lies over them, `hits`: disjoint, by place."""
        merged = Found(self._data, self.path)
        merged._table = list(self._table)
        at, size = 0, len(self._starts)
        numbers: dict[Kind, int] = {}
        for start, end, kind in hits:
            first = bisect_right(self._ends, start, at)
            merged._take(self, at, first)
            if kind not in numbers:
                numbers[kind] = merged.kind(kind)
            merged.add(start, end, numbers[kind])
            at = max(first, bisect_left(self._starts, end, first))
        merged._take(self, at, size)
        return merged

    def _take(self, other: Found, first: int, last: int) -> None:
        part = slice(first, last)
        self.extend(other._starts[part], other._ends[part], other._kinds[part])

    def places(self, rank: Callable[[int, bool, bool], int], first: int) -> Sequence[Place]:
        """Of each its start, end, `rank` (of confidence, whether it was weighed, whether it is the
        person's own) and number, counted down from `first`.
        """
        ranks = [rank(confidence, bool(signals), bool(own))
                 for _, _, confidence, signals, own, _ in self._table]  # fmt: skip
        return _Places(self._starts, self._ends, self._kinds, ranks, first)

    def parts(self) -> Iterator[list[Finding]]:
        """All, some thousands at a time."""
        at, line, column = 0, 1, 1
        for first in range(0, len(self._starts), PART):
            part, at, line, column = self._part(first, at, line, column)
            if part:
                yield part

    def _part(
        self, first: int, at: int, line: int, column: int
    ) -> tuple[list[Finding], int, int, int]:
        """What `credguard.scan.model.Places` makes of each, and the place of the last."""
        data, path, table, dropped = self._data, self.path, self._table, self._dropped
        starts, ends = self._starts[first : first + PART], self._ends[first : first + PART]
        kinds = self._kinds[first : first + PART]
        reach = starts[-1]
        plain = reach - at < _ASCII and data[at:reach].isascii()
        count, back = data.count, data.rfind
        made: list[Finding] = []
        for number, (start, end, kind) in enumerate(zip(starts, ends, kinds, strict=True), first):
            lines = count(b"\n", at, start)
            if lines:
                line += lines
                column, at = 1, back(b"\n", at, start) + 1
            column += start - at if plain else characters(data[at:start])
            at = start
            if dropped and number in dropped:
                continue
            rule, title, confidence, signals, own, via = table[kind]
            value = data[start:end]
            last = line + value.count(b"\n") if b"\n" in value else line
            each = Finding(path, line, column, last, rule, title, confidence, value, signals)
            each.offset = start
            each.own = own
            each.via = via
            made.append(each)
        if self._via:
            for each in made:
                each.via = f"{self._via}>{each.via}" if each.via else self._via
        return made, at, line, column


def in_order(large: list[Found], others: list[Finding]) -> Iterator[list[Finding]]:
    """All by path, line, column, rule and chain, some thousands at a time; `others` are so."""
    if len({each.path for each in large}) < len(large):
        merged = merge(*large, others, key=placed)
        while part := list(islice(merged, PART)):
            yield part
        return
    at = 0
    for each in sorted(large, key=lambda one: one.path):
        for part in each.parts():
            end = bisect_right(others, placed(part[-1]), at, key=placed)
            yield sorted([*part, *others[at:end]], key=placed) if end > at else part
            at = end
    if at < len(others):
        yield others[at:]


def placed(each: Finding) -> tuple[bytes, int, int, str, str]:
    """What findings in all layers of a text are ordered by."""
    return each.path, each.line, each.column, each.rule_id, each.via


class _Places(Sequence["Place"]):
    """A sequence that makes each of its tuples when it is asked for."""

    __slots__ = ("_ends", "_first", "_kinds", "_ranks", "_starts")

    def __init__(
        self, starts: array[int], ends: array[int], kinds: array[int], ranks: list[int], first: int
    ) -> None:
        self._starts, self._ends, self._kinds = starts, ends, kinds
        self._ranks, self._first = ranks, first

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, number: Any) -> Any:
        rank = self._ranks[self._kinds[number]]
        return self._starts[number], self._ends[number], rank, self._first - number
