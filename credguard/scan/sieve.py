"""Many values of one rule, confirmed at once: the answers are those of one by one, in a third of
the time.

Most values of a dense text pass every test. What shows that for all of some thousands is looked at
in their bytes as a whole; only those in doubt are then tested one by one.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from credguard.scan.checksums import CHECKS, sureness
from credguard.scan.model import LOW
from credguard.scan.published import any_published, published
from credguard.scan.values import NEXT, enough, passes, plausible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WEIGHED = frozenset(("random", "password", "name"))


def sure_of(value: bytes, least: float, tests: tuple[str, ...], confidence: int) -> int:
    """How sure it is that `value`, which a rule of that `confidence` matched, is a secret; 0: not.

    `least`: the rule's entropy floor; `tests`: of its value.
    """
    if not plausible(value, least, tests):
        return 0
    sure = sureness(value, tests, confidence)
    return LOW if sure > LOW and published(value) else sure


def sure_of_all(
    values: Sequence[bytes], least: float, tests: tuple[str, ...], confidence: int
) -> list[int]:
    """What `sure_of` says of each of `values`, of which none is empty."""
    unique = list(dict.fromkeys(values))
    sure = _sure_of_unique(unique, least, tests, confidence)
    if len(unique) == len(values):
        return sure
    known = dict(zip(unique, sure, strict=True))
    return [known[value] for value in values]


def _sure_of_unique(
    values: list[bytes], least: float, tests: tuple[str, ...], confidence: int
) -> list[int]:
    joined = b"\n".join(values)
    lower = joined.lower()
    weighed = not _WEIGHED.isdisjoint(tests) or b"EXAMPLE" in joined
    judged = (
        confidence > LOW and ("random" in tests or b"invalid" in lower or b"example" in lower)
    ) or any(test in CHECKS for test in tests)
    sizes = list(map(len, values))
    floors = {size: enough(size, least) for size in set(sizes)}
    different = map(len, map(set, values))
    found = [
        confidence if have >= floors[size] else -1
        for size, have in zip(sizes, different, strict=True)
    ]
    for number in _perhaps_straight(joined, sizes):
        found[number] = -1
    for number, sure in enumerate(found):
        if sure < 0:
            found[number] = confidence if plausible(values[number], least, tests) else 0
        elif weighed and not passes(values[number], tests, straight=False):
            found[number] = 0
        if judged and found[number]:
            found[number] = sureness(values[number], tests, confidence)
    if confidence > LOW and any_published(values):
        for number, sure in enumerate(found):
            if sure > LOW and published(values[number]):
                found[number] = LOW
    return found


def _perhaps_straight(joined: bytes, sizes: list[int]) -> Iterator[int]:
    """The numbers of the values that may be a straight run: two steps of one, side by side.

    In a run three of four bytes are the one before and one more; without two such steps in a row
    it is no more than every second.
    """
    size = len(joined) - 1
    if size < 1:
        return
    apart = int.from_bytes(joined[1:]) ^ int.from_bytes(joined.translate(NEXT)[:-1])
    steps = apart.to_bytes(size)
    at = steps.find(b"\0\0")
    if at < 0:
        return
    ends = list(accumulate(each + 1 for each in sizes))
    while at >= 0:
        number = bisect_right(ends, at)
        yield number
        at = steps.find(b"\0\0", ends[number])
