"""Rules as data: reads rules.toml's text, checks it, and gives what the engine runs.

Only the build of the compiled database imports this; the hook loads the finished rows.
"""

import re
import tomllib
from re import _parser  # type: ignore[attr-defined]
from typing import Any

from credguard.scan.model import HIGH, LOW, MEDIUM

_CONFIDENCE = {"low": LOW, "medium": MEDIUM, "high": HIGH}
_SEVERITIES = {"low", "medium", "high", "critical"}
_TESTS = {"password", "name"}
_FIELDS = {
    "id", "title", "near", "value", "pattern", "before", "after", "entropy", "tests", "paths",
    "confidence", "severity", "source", "sample", "clean",
}  # fmt: skip
# A name that goes on, its end, an assignment in some language, an opening quote.
_ASSIGNED = (
    r"[\w.\- \[\]]{{0,25}}?['\"`\])}}]{{0,2}}\s{{0,5}}(?:=>|:=|[:=,>(]){{1,2}}"
    r"\s{{0,5}}(?:\\?['\"`]){{0,2}}({value})"
)

# id, title, confidence, entropy, tests, paths, pattern for Python's re (bytes), its longest match
Row = tuple[str, str, int, float, tuple[str, ...], tuple[bytes, ...], bytes, int]
MAX_WIDTH = 16_384
"""The longest match, in bytes, that a rule may have."""


class RuleError(ValueError):
    """A rule is not what it must be; names the rule."""


def parse(text: str) -> list[dict[str, Any]]:
    """The rule tables of a rules.toml. Raises RuleError."""
    try:
        tables = tomllib.loads(text)["rule"]
    except (tomllib.TOMLDecodeError, KeyError) as exc:
        raise RuleError(f"the rules are not valid TOML: {exc}") from exc
    seen: set[str] = set()
    for table in tables:
        _check(table)
        if table["id"] in seen:
            raise RuleError(f"rule {table['id']}: the id is there twice")
        seen.add(table["id"])
    return list(tables)


def _check(table: dict[str, Any]) -> None:
    name = table.get("id", "?")
    unknown = set(table) - _FIELDS
    if unknown:
        raise RuleError(f"rule {name}: unknown field {min(unknown)}")
    for field in ("id", "title", "confidence", "severity", "source", "sample", "clean"):
        if not table.get(field):
            raise RuleError(f"rule {name}: no {field}")
    if ("pattern" in table) == ("near" in table and "value" in table):
        raise RuleError(f"rule {name}: give a pattern, or near and value")
    if table["confidence"] not in _CONFIDENCE or table["severity"] not in _SEVERITIES:
        raise RuleError(f"rule {name}: unknown confidence or severity")
    if set(table.get("tests", ())) - _TESTS:
        raise RuleError(f"rule {name}: unknown test")
    try:
        groups = re.compile(_core(table).encode()).groups
    except re.error as exc:
        raise RuleError(f"rule {name}: {exc}") from exc
    if groups != 1:
        raise RuleError(f"rule {name}: {groups} capture groups, not one")
    if width(table) > MAX_WIDTH:
        raise RuleError(f"rule {name}: a match may be over {MAX_WIDTH} bytes; bound what repeats")


def _core(table: dict[str, Any]) -> str:
    if "pattern" in table:
        return str(table["pattern"])
    return f"(?i:{table['near']})" + _ASSIGNED.format(value=table["value"])


def width(table: dict[str, Any]) -> int:
    """The longest match of the rule's pattern in bytes."""
    return int(_parser.parse(_core(table).encode()).getwidth()[1])


def _edge(characters: str | None, *, others: bool = False) -> str:
    """The class of `characters`, or of all `others`; "" for none. A leading ^ negates."""
    if not characters:
        return ""
    negated = characters.startswith("^") != others
    return f"[{'^' if negated else ''}{characters.removeprefix('^')}]"


def confirm_pattern(table: dict[str, Any]) -> bytes:
    """The pattern for Python's re: group 1 is the secret, look-arounds at the edges."""
    before, after = _edge(table.get("before")), _edge(table.get("after"))
    start = f"(?<!{before})" if before else ""
    end = f"(?!{after})" if after else ""
    return (start + _core(table) + end).encode()


def scan_pattern(table: dict[str, Any]) -> bytes:
    """The pattern for Hyperscan, which has no look-arounds: the edges are consumed instead."""
    before, after = _edge(table.get("before"), others=True), _edge(table.get("after"), others=True)
    start = f"(?:^|{before})" if before else ""
    end = f"(?:{after}|\\z)" if after else ""
    return (start + _core(table) + end).encode()


def rows(tables: list[dict[str, Any]]) -> list[Row]:
    """What the engine needs of each rule, in the order of the database's ids."""
    return [
        (
            table["id"],
            table["title"],
            _CONFIDENCE[table["confidence"]],
            float(table.get("entropy", 0.0)),
            tuple(table.get("tests", ())),
            tuple(path.encode() for path in table.get("paths", ())),
            confirm_pattern(table),
            width(table),
        )
        for table in tables
    ]
