"""Texts in which very much matches: what `engine` finds in them, from numbers and by thousands.

The same findings in the same order; `tests/scan/test_dense.py` compares. Held are the offsets of
what is confirmed, eight bytes each, never a value or an object for each.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from itertools import islice, repeat
from operator import le

from credguard.scan.found import Found
from credguard.scan.model import HIGH
from credguard.scan.sieve import sure_of_all
from credguard.scan.spans import disjoint, ordered_windows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from re import Match, Pattern
    from typing import Any

    from credguard.scan.found import Kind
    from credguard.scan.general.detect import Judged
    from credguard.scan.rules import Row
    from credguard.scan.spans import Span

BATCH = 4096
"""So many values are confirmed at once, or so many bytes of them, whichever are fewer."""
_BATCH_BYTES = 1 << 18


class Run:
    """What one rule holds for secrets, by place: starts, ends, and the rank of each."""

    __slots__ = ("at", "ends", "ranks", "rule", "starts", "tidy")

    def __init__(self, rule: int) -> None:
        """Nothing yet. `at`: so many were merged; `tidy`: they are by place, and none overlap."""
        self.rule = rule
        self.starts, self.ends, self.ranks = array("q"), array("q"), bytearray()
        self.at = 0
        self.tidy = True

    def add(self, spans: Iterable[tuple[int, int, int]]) -> None:
        """More of them: start, end, rank."""
        for start, end, rank in spans:
            self.starts.append(start)
            self.ends.append(end)
            self.ranks.append(rank)

    def settle(self) -> None:
        """Bring all in order: a match that was cut short may have been found in two pieces."""
        self.tidy = all(map(le, self.ends, islice(self.starts, 1, None)))
        if not self.tidy:
            spans = sorted(set(zip(self.starts, self.ends, self.ranks, strict=True)))
            self.starts, self.ends, self.ranks = array("q"), array("q"), bytearray()
            self.add(spans)


def run_of(rule: int, row: Row, pattern: Pattern[bytes], data: bytes, hits: Any) -> Run:
    """What the rule `row`, whose matches Hyperscan saw end at `hits`, holds for secrets."""
    _, _, confidence, least, tests, _, _, width, ahead = row
    run = Run(rule)
    for spans in _matched(pattern, data, hits, width, ahead):
        sure = sure_of_all([data[start:end] for start, end in spans], least, tests, confidence)
        if all(sure):
            starts, ends = zip(*spans, strict=True)
            run.starts.extend(starts)
            run.ends.extend(ends)
            run.ranks.extend(HIGH - each for each in sure)
        else:
            run.add(
                (start, end, HIGH - each)
                for (start, end), each in zip(spans, sure, strict=True)
                if each
            )
    run.settle()
    return run


def _matched(
    pattern: Pattern[bytes], data: bytes, ends: Any, width: int, ahead: int
) -> Iterator[list[tuple[int, int]]]:
    """Where the secrets of all matches stand, some thousands at a time; as `Engine` has them."""
    size = len(data)
    most = max(1, min(BATCH, _BATCH_BYTES // width))
    spans: list[tuple[int, int]] = []
    ordered = ends if all(map(le, ends, islice(ends, 1, None))) else sorted(ends)
    for first, last in ordered_windows(ordered, width, size, ahead):
        matches = pattern.finditer(data, first, last)
        while part := list(islice(matches, most)):
            if part[-1].end() == last < size:  # perhaps cut short: look at it in full
                part = list(_in_full(pattern, data, part, last))
            spans += [match.span(1) for match in part]
            if len(spans) >= most:
                yield spans
                spans = []
    if spans:
        yield spans


def _in_full(
    pattern: Pattern[bytes], data: bytes, part: list[Match[bytes]], last: int
) -> Iterator[Match[bytes]]:
    for match in part:
        whole = pattern.match(data, match.start()) if match.end() == last else match
        if whole is not None:
            yield whole


def found_in(
    data: bytes,
    path: bytes,
    runs: list[Run],
    judged: list[Judged],
    ranks: dict[int, int],
    rows: list[Row],
    general: tuple[tuple[str, str, str], ...],
) -> Found:
    """The best of what overlaps, of `runs` (the surest rule's first) and of what was `judged`.

    `ranks`: of what was judged, by confidence; `general`: id and title of the rules it names.
    """
    kept = _Kept(Found(data, path), judged, rows, general)
    weighed = Run(len(rows))  # its rules count up, so it is never copied as it is
    weighed.add((start, end, ranks[confidence]) for start, end, confidence, _, _ in judged)
    every = [*runs, weighed]
    while (slab := _slab(every)) is not None:
        run, first, last = slab[0]
        alone = len(slab) == 1 and run.tidy and run is not weighed
        if alone and run.starts[first] >= kept.reach:
            kept.copy(run, first, last)
        else:
            for span in _sorted(slab, weighed):
                kept.take(span)
    kept.close()
    return kept.found


class _Kept:
    """Takes spans by place and adds to `found` what is kept of them.

    Those from `_group` on, up to `reach`, overlap one another, and maybe what comes next.
    """

    def __init__(
        self,
        found: Found,
        judged: list[Judged],
        rows: list[Row],
        general: tuple[tuple[str, str, str], ...],
    ) -> None:
        self.found = found
        self.reach = -1
        self._judged, self._rows, self._general = judged, rows, general
        self._group: list[Span] = []
        self._kinds: dict[tuple[int, int], int] = {}

    def take(self, span: Span) -> None:
        """The next one."""
        if span[0] >= self.reach:
            self.close()
        self._group.append(span)
        self.reach = max(self.reach, span[1])

    def copy(self, run: Run, first: int, last: int) -> None:
        """Those of a tidy run, none of which overlaps what came before."""
        self.close()
        end = last - 1  # but for the last, which what comes after may overlap
        part = slice(first, end)
        numbers = {rank: self._kind(rank, run.rule) for rank in set(run.ranks[part])}
        kinds = map(numbers.__getitem__, run.ranks[part])
        self.found.extend(run.starts[part], run.ends[part], kinds)
        self.take((run.starts[end], run.ends[end], run.ranks[end], run.rule))

    def close(self) -> None:
        """Nothing overlaps what came so far."""
        if self._group:
            for start, end, rank, rule in disjoint(self._group, self.reach):
                self.found.add(start, end, self._kind(rank, rule))
            self._group = []

    def _kind(self, rank: int, rule: int) -> int:
        number = self._kinds.get((rank, rule))
        if number is None:
            kind: Kind
            if rule < len(self._rows):
                kind = (self._rows[rule][0], self._rows[rule][1], HIGH - rank, (), "", "")
            else:
                _, _, confidence, index, signals = self._judged[rule - len(self._rows)]
                named, title, _ = self._general[index]
                kind = (named, title, confidence, signals, "", "")
            number = self._kinds[rank, rule] = self.found.kind(kind)
        return number


def _slab(runs: list[Run]) -> list[tuple[Run, int, int]] | None:
    """The next spans: of each run that has some before an offset, from where to where; None: none.

    About `BATCH` of each at most.
    """
    left = [run for run in runs if run.at < len(run.starts)]
    if not left:
        return None
    limits = [run.starts[run.at + BATCH] for run in left if run.at + BATCH < len(run.starts)]
    # At least one goes on: several of a run that is not tidy may stand at one place.
    limit = max(min(limits), min(run.starts[run.at] for run in left) + 1) if limits else -1
    slab = []
    for run in left:
        end = len(run.starts) if limit < 0 else bisect_left(run.starts, limit, run.at)
        if end > run.at:
            slab.append((run, run.at, end))
            run.at = end
    return slab


def _sorted(slab: list[tuple[Run, int, int]], weighed: Run) -> list[Span]:
    """The spans of a slab by place; of the same one of two rules the surer rule's."""
    spans: list[Span] = []
    seen: set[tuple[int, int]] = set()
    for run, first, last in slab:
        part = slice(first, last)
        starts, ends, ranks = run.starts[part], run.ends[part], run.ranks[part]
        if run is weighed:
            numbers = range(run.rule + first, run.rule + last)
            spans += zip(starts, ends, ranks, numbers, strict=True)
            continue
        here = list(zip(starts, ends, ranks, repeat(run.rule, last - first), strict=True))
        spans += [each for each in here if each[:2] not in seen] if seen else here
        if len(slab) > 1:
            seen.update(zip(starts, ends, strict=True))
    spans.sort()
    return spans
