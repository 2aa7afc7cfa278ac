"""The general detector: from the probes' hits to judged findings."""

from __future__ import annotations

from credguard.scan.general import extract, kinds, names, places, score, signals
from credguard.scan.general.shapes import shape
from credguard.scan.model import LOW

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.scan.general.extract import Candidate
    from credguard.scan.general.places import Text

    # start, end, confidence, index in kinds.GENERAL_RULES, its signals
    Judged = tuple[int, int, int, int, tuple[str, ...]]

PREFIX = "general."


def candidates(text: Text, probed: dict[str, list[int]]) -> list[Candidate]:
    """What the probes' hits point to, by place; one candidate for a span."""
    found: dict[tuple[int, int], Candidate] = {}
    look = extract.candidates
    for name, ends in probed.items():
        if not name.startswith(PREFIX):
            continue
        kind = name[len(PREFIX) :]
        for end in ends:
            for each in look(text, kind, end):
                if (each.start, each.end) not in found and worth(each):
                    found[each.start, each.end] = each
    return [found[span] for span in sorted(found)]


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
    if each.kind.startswith("weak"):
        return form in _RANDOM and not each.value.isalpha()
    if form == "call" and not each.quote:
        return False
    return not (form in _IDENTIFIERS and kind != "password" and kind in names.words(each.value))


def find(data: bytes, path: bytes, probed: dict[str, list[int]]) -> list[Judged]:
    """The candidates in `data` that are likely secrets, by place, at least at LOW."""
    text = places.Text(data, path)
    every = candidates(text, probed)
    times: dict[bytes, int] = {}
    for each in every:
        times[each.value] = times.get(each.value, 0) + 1
    found = []
    for each in every:
        held = tuple(dict.fromkeys(signals.signals(text, each, times[each.value])))
        confidence = score.confidence(held)
        if confidence >= LOW:
            rule = kinds.rule_of(each.kind, names.judge(each.name)[0], each.name)
            found.append((each.start, each.end, confidence, rule, held))
    return found
