"""Where matches may stand, and which of those that overlap are kept.

Loaded only once something matched.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    # start and end of the secret; its rank and its rule: what wins sorts first
    Span = tuple[int, int, int, int]


def windows(ends: list[int], width: int, size: int, ahead: int = 1) -> Iterator[tuple[int, int]]:
    """Disjoint ranges of offsets, in order, that hold every match of at most `width` bytes.

    `ends`: where Hyperscan saw matches end, perhaps with one byte that follows, or up to `ahead`
    bytes before they do: one byte, so that a look-ahead sees what follows. Together the ranges are
    never longer than the data, so confirming reads no byte twice for a rule.
    """
    return ordered_windows(sorted(ends), width, size, ahead)


def ordered_windows(
    ends: Iterable[int], width: int, size: int, ahead: int = 1
) -> Iterator[tuple[int, int]]:
    """As `windows`; `ends` ascend."""
    first = last = -1
    for end in ends:
        start = max(0, end - width - 1)
        if start > last:
            if last >= 0:
                yield first, last
            first = start
        last = min(size, end + ahead)
    if last >= 0:
        yield first, last


def best(spans: list[Span]) -> Iterator[Span]:
    """Of sorted `spans` those that overlap none more confident, or of an earlier rule; by place."""
    group: list[Span] = []
    reach = -1
    for span in spans:
        if span[0] >= reach and group:
            yield from disjoint(group, reach)
            group = []
        group.append(span)
        reach = max(reach, span[1])
    if group:
        yield from disjoint(group, reach)


def disjoint(group: list[Span], reach: int) -> list[Span]:
    """The best of spans that overlap, of which none ends after `reach`; by place."""
    if len(group) == 1:
        return group
    base = group[0][0]
    taken = bytearray(reach - base)
    kept = []
    for span in sorted(group, key=lambda each: (each[2], each[3], each[0])):
        start, end = span[0] - base, span[1] - base
        if taken.find(1, start, end) < 0:
            taken[start:end] = b"\1" * (end - start)
            kept.append(span)
    kept.sort()
    return kept
