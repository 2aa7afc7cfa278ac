"""Weighs signals together: an additive score card, fitted by bench/fit.py, kept as data."""

from __future__ import annotations

from credguard.scan.general.weights import BIAS, THRESHOLDS, WEIGHTS
from credguard.scan.model import HIGH, LOW, MEDIUM


def explain(found: tuple[str, ...]) -> list[tuple[str, float]]:
    """The signals with what each adds to the logarithm of the odds, the strongest first."""
    weighed = [(name, WEIGHTS[name] / 100) for name in found if name in WEIGHTS]
    weighed.sort(key=lambda pair: (-abs(pair[1]), pair[0]))
    return weighed


NEVER = frozenset(
    (
        "template:braces",
        "next:name",
        "template:yaml",
        "template:env",
        "template:angle",
        "placeholder:null",
        "date",
        "placeholder:aws",
        "template:regex",
        "template:call",
        "run:all",
    )
)
"""Signals that alone decide: no secret at all."""
# And those that leave at most LOW, or MEDIUM.
_LOW_AT_MOST = frozenset(
    (
        "placeholder:your", "placeholder:article", "placeholder:stock", "placeholder:redacted",
        "placeholder:example", "placeholder:dummy", "uuid:verb", "run:sequence", "trivial:url",
    )
)  # fmt: skip
_MEDIUM_AT_MOST = frozenset(("trivial", "same:all", "placeholder:keyword"))


def most(found: tuple[str, ...]) -> int:
    """The highest confidence that the signals leave possible: HIGH to LOW, or 0."""
    if not NEVER.isdisjoint(found):
        return 0
    if not _LOW_AT_MOST.isdisjoint(found):
        return LOW
    return HIGH if _MEDIUM_AT_MOST.isdisjoint(found) else MEDIUM


def total(found: tuple[str, ...]) -> int:
    """The score of a candidate in hundredths of log odds, of signals that are there once each."""
    known = WEIGHTS.get
    return BIAS + sum([known(name, 0) for name in found])


def highest(read: frozenset[str], single: frozenset[str]) -> int:
    """The most that signals can add that are of no family in `read`, a name or what is before `:`.

    Those of a family in `single` hold one at a time.
    """
    most: dict[str, int] = {}
    for name, weight in WEIGHTS.items():
        family = name.partition(":")[0]
        if weight > 0 and family not in read and name not in read:
            before = most.get(family, 0)
            most[family] = max(before, weight) if family in single else before + weight
    return sum(most.values())


def confidence(found: tuple[str, ...]) -> int:
    """LOW, MEDIUM or HIGH; 0 when the value is more likely no secret."""
    low, medium, high = THRESHOLDS
    score = total(found)
    sure = HIGH if score >= high else MEDIUM if score >= medium else LOW if score >= low else 0
    return min(sure, most(found)) if sure else 0
