"""The general detector: from the probes' hits to judged findings."""

from __future__ import annotations

from credguard.scan.general import forgery, kinds, names, places, readers, score, weighing
from credguard.scan.general.shapes import shape
from credguard.scan.model import JUDGED, LOW, UNJUDGED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from credguard.scan.general.extract import Candidate
    from credguard.scan.general.places import Text

    # start, end, confidence, index in kinds.GENERAL_RULES, its signals
    Judged = tuple[int, int, int, int, tuple[str, ...]]

PREFIX = "general."
# So many hits are read, and so many candidates weighed, in a text of up to 10 MB; in a larger one
# as many more. A text that has more is a dump, or made to exhaust the scanner.
_HITS, _WEIGHED, _UNIT = 16_000, 8_000, 10_000_000
_BEFORE, _AFTER = 40, 32


def candidates(
    text: Text, probed: dict[str, list[int]], share: int | None = None
) -> list[Candidate]:
    """What the probes' hits point to, by place; one candidate for a span. `share`: see `find`."""
    found: dict[tuple[int, int], Candidate] = {}
    budget = _HITS * max(1, len(text.data) // _UNIT)
    if share is not None:
        budget = min(budget, share * _HITS // _WEIGHED)
    for kind, ends in _within_budget(text.data, probed, budget):
        read, width = readers.READERS[kind]
        for end in ends:
            for each in read(text, end - width, kind):
                span = (each.start, each.end)
                if each.value and span not in found and worth(each):
                    found[span] = each
    return [found[span] for span in sorted(found)]


def _within_budget(
    data: bytes, probed: dict[str, list[int]], budget: int
) -> Iterator[tuple[str, list[int]]]:
    """The `budget` hits to read, by probe; those left out are counted in `probed` as UNJUDGED.

    Each probe has a fair share, so that junk for one cannot hide another's. Of hits with the same
    bytes around them one stands for all; of what is still too much, some from all over the text.
    """
    kinds_left = sorted(
        ((len(ends), name) for name, ends in probed.items() if name.startswith(PREFIX))
    )
    left_out = 0
    for index, (count, name) in enumerate(kinds_left):
        share = budget // (len(kinds_left) - index)
        ends = probed[name]
        if count > share:
            apart = {data[max(0, end - _BEFORE) : end + _AFTER]: end for end in reversed(ends)}
            ends = sorted(apart.values())
            if len(ends) > share:
                left_out += len(ends) - share
                ends = ends[: share // 2] + _spread(ends[share // 2 :], share - share // 2)
        budget -= len(ends)
        yield name[len(PREFIX) :], ends
    if left_out:
        probed[UNJUDGED] = [left_out]


def _spread(ends: list[int], count: int) -> list[int]:
    """`count` of `ends`, at even distances, the last one among them."""
    size = len(ends)
    return [ends[size - 1 - index * size // count] for index in range(count)][::-1]


_IDENTIFIERS = frozenset(("camel", "pascal", "snake", "constant", "kebab"))
# Under a weak name only what looks made at random is looked at.
_RANDOM = frozenset(
    ("hex", "alnum", "loweralnum", "upperalnum", "base64", "base64url", "jwt", "uuid", "symbols")
)
_NAMELESS = frozenset(("header", "url", "curl", "short"))


def worth(each: Candidate) -> bool:
    """Whether a candidate is worth weighing: most that are not are told by name and shape alone."""
    kind = names.judge(each.name)[0]
    if kind in ("", "public") and each.kind not in _NAMELESS:
        return False
    form = shape(each.value)
    if kind == "sid" and len(each.value) - len(each.value.translate(None, b"0123456789")) < 6:
        return False
    if each.kind.startswith("weak"):
        return form in _RANDOM and not each.value.isalpha()
    if form in ("call", "dotted", "indexed") and each.kind == "code":
        return False
    if form == "call" and not each.quote:
        return False
    return not (form in _IDENTIFIERS and kind != "password" and kind in names.words(each.value))


def find(
    data: bytes, path: bytes, probed: dict[str, list[int]], share: int | None = None
) -> list[Judged]:
    """The candidates in `data` that are likely secrets, by place, at least at LOW.

    Leaves in `probed`, under UNJUDGED, how many hits the budget left unread, if any, and under
    JUDGED how many candidates were weighed. `share`: of those at most so many.
    """
    text = places.Text(data, path)
    every = candidates(text, probed, share)
    most = _WEIGHED * max(1, len(data) // _UNIT)
    if share is not None:
        most = min(most, share)
    if len(every) > most:
        probed[UNJUDGED] = [len(every) - most + sum(probed.get(UNJUDGED, ()))]
        every = every[: most // 2] + every[len(every) - (most - most // 2) :]
    probed[JUDGED] = [len(every)]
    times: dict[bytes, int] = {}
    for each in every:
        times[each.value] = times.get(each.value, 0) + 1
    found = []
    for each in every:
        held = weighing.weighed(text, each, times[each.value])
        if held is None:
            continue
        confidence = score.confidence(held)
        if confidence > LOW and (forged := forgery.signs(data, each)):
            confidence, held = LOW, held + forged
        if confidence >= LOW:
            rule = kinds.rule_of(each.kind, names.judge(each.name)[0], each.name)
            found.append((each.start, each.end, confidence, rule, held))
    return found
