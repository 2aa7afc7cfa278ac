"""The signals of a candidate, read no further than its verdict needs.

Most candidates are no secrets by far: with them what is read first leaves no room for the rest to
change it. The bounds come from the weights, so new weights need no change here.
"""

from __future__ import annotations

from functools import lru_cache

from credguard.scan.general import names, score, signals
from credguard.scan.general.extract import Candidate
from credguard.scan.general.shapes import shape
from credguard.scan.general.weights import BIAS, THRESHOLDS, WEIGHTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.scan.general.places import Text

_FLOOR = THRESHOLDS[0]
# Families of signals in the order in which they are read; what is not named here comes last.
_FIRST = frozenset(
    (
        "kind", "file", "kind-file", "shape", "name-shape", "kind-shape", "length", "name-length",
        "name", "tail", "head", "entropy", "evenness", "letters", "words", "shape-words",
        "template", "placeholder", "bytes", "digits", "first", "last", "trivial", "run", "date",
    )
)  # fmt: skip
_THEN = frozenset(("same", "user", "op", "wrap", "header", "basic"))
_ONE_EACH = frozenset(("line", "next", "op", "wrap", "header", "basic", "again"))
# The most that those can add that are read after the first, and after the next.
_REST = score.highest(_FIRST, _ONE_EACH) + max(0, WEIGHTS.get("trivial:url", 0))
_LAST = score.highest(_FIRST | _THEN, _ONE_EACH) + max(0, WEIGHTS.get("trivial:url", 0))


@lru_cache(maxsize=4096)
def _weighed_value(value: bytes, form: str) -> tuple[tuple[str, ...], int, int]:
    """What a value tells by itself, the weight of it, and the confidence that it leaves."""
    found = tuple(dict.fromkeys(signals.of_value(value, form)))
    return found, score.total(found) - BIAS, score.most(found)


# So far around a value its line and those above are read; see `signals.of_place`.
_BEFORE, _AFTER = 540, 256


def weighed(text: Text, each: Candidate, times: int) -> tuple[str, ...] | None:
    """What `signals.signals` gives, each once; None when they surely give no confidence.

    What is cheap or decides alone is read first; what was weighed is kept, since from one version
    of a file to the next most is as it was.
    """
    data, start, end = text.data, each.start, each.end
    weigh = _weighed if end - start <= signals.SAMPLE else _weighed.__wrapped__
    return weigh(
        text.grammar, each.kind, each.name, each.value, each.op, each.quote, each.wrap, each.close,
        each.user, min(times, 3), data[max(0, start - _BEFORE) : start], data[start:end],
        data[end : end + _AFTER],
    )  # fmt: skip


@lru_cache(maxsize=2048)
def _weighed(
    grammar: str, probe: str, name: bytes, value: bytes, op: bytes, quote: bytes, wrap: bytes,
    close: bytes, user: bytes, times: int, before: bytes, raw: bytes, after: bytes,
) -> tuple[str, ...] | None:  # fmt: skip
    data, start = before + raw + after, len(before)
    end = start + len(raw)
    each = Candidate(start, end, value, name, probe, op, quote, wrap, close, user)
    if signals.following(data, each) in score.NEVER:
        return None
    value = value[: signals.SAMPLE]
    kind, found_name = names.judge(name)
    form = shape(value)
    found = signals.of_kind(probe, grammar, kind, form, len(value))
    found.extend(found_name)
    of_it, adds, most = _weighed_value(value, form)
    if not most or score.total(tuple(found)) + adds + _REST < _FLOOR:
        return None
    found.extend(of_it)
    found.extend(signals.of_relation(each, kind))
    if score.total(tuple(dict.fromkeys(found))) + _LAST < _FLOOR:
        return None
    found.extend(signals.of_place(data, each))
    found.extend(signals.of_all(each, form, found, times))
    return tuple(dict.fromkeys(found))
