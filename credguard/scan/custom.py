"""A person's own rules: `[[rules]]` in `.credguard.toml`, run by Hyperscan alone.

A pattern may come with a repository, so it is not trusted: Hyperscan's time is linear in the text
whatever the pattern, Python's `re` is not. Pure; `credguard.sources.custom` reads and compiles.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from re import _parser  # type: ignore[attr-defined]
from typing import Any

from credguard.scan.allow import OWN_RULES
from credguard.scan.checksums import CHECKS, sureness
from credguard.scan.engine import Engine, plain
from credguard.scan.found import Found
from credguard.scan.model import HIGH, LOW, MEDIUM, Finding, Places
from credguard.scan.rules import RULE_TESTS, SEVERITIES, RuleError
from credguard.scan.values import plausible

MAX_RULES = 500
"""The most rules that a file may hold."""
MAX_PATTERN = 2_000
"""The longest pattern, in characters."""
MAX_POSITIONS = 20_000
"""The most characters that a pattern may stand for with its repeats written out: it bounds the
time that compiling takes."""
MAX_REPORTS = 100_000
"""The most ends of matches that Hyperscan may report of one text, over all rules."""

_CONFIDENCE = {"low": LOW, "medium": MEDIUM, "high": HIGH}
_FIELDS = {
    "id", "title", "vendor", "pattern", "near", "value", "entropy", "checksum", "tests", "paths",
    "confidence", "severity", "source", "sample", "clean",
}  # fmt: skip
_TEXTS = ("id", "title", "vendor", "pattern", "near", "value", "source", "sample", "checksum")
_LISTS = ("tests", "paths", "clean")
_NEAR = r"(?i:{near})[\w.\- \[\]'\"`)}}?=|:,>(\s\\]{{1,50}}(?:{value})"


def parse_custom(text: str) -> list[dict[str, Any]]:
    """The rules of a `.credguard.toml`, with what is not given filled in; [] when there are none.

    Raises RuleError, one line that names the rule and what is wrong.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise RuleError(f"not valid TOML: {exc}") from exc
    if "rule" in document:
        raise RuleError("no table 'rule': write [[rules]] above each")
    tables = document.get("rules", [])
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise RuleError("rules are tables: write [[rules]] above each")
    if len(tables) > MAX_RULES:
        raise RuleError(f"{len(tables)} rules, and at most {MAX_RULES} are taken")
    seen: set[str] = set()
    for number, table in enumerate(tables, 1):
        _check(number, table)
        if table["id"] in seen:
            raise RuleError(f"rule {table['id']}: the id is there twice")
        seen.add(table["id"])
    return tables


def _check(number: int, table: dict[str, Any]) -> None:
    name = table.get("id")
    if not isinstance(name, str) or not name or len(name) > 100 or not name.isprintable():
        raise RuleError(f"rule {number}: give it an id, up to 100 characters")
    if name.startswith(OWN_RULES):  # nothing lets those pass, and a file may not claim that
        raise RuleError(f"rule {name}: an id does not begin with {OWN_RULES}")
    unknown = set(table) - _FIELDS
    if unknown:
        raise RuleError(f"rule {name}: unknown field {min(unknown)}")
    for field in _TEXTS:
        if not isinstance(table.get(field, ""), str):
            raise RuleError(f"rule {name}: {field} must be a string")
    for field in _LISTS:
        value = table.get(field, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise RuleError(f"rule {name}: {field} must be a list of strings")
    if ("pattern" in table) == ("near" in table) or ("near" in table and "value" not in table):
        raise RuleError(f"rule {name}: give a pattern, or near and value")
    entropy = table.setdefault("entropy", 0.0)
    if isinstance(entropy, bool) or not isinstance(entropy, int | float) or not 0 <= entropy <= 8:
        raise RuleError(f"rule {name}: entropy is a number from 0 to 8, bits a character")
    if table.setdefault("confidence", "medium") not in _CONFIDENCE:
        raise RuleError(f"rule {name}: confidence is low, medium or high")
    if table.setdefault("severity", "high") not in SEVERITIES:
        raise RuleError(f"rule {name}: severity is low, medium, high or critical")
    if set(table.get("tests", ())) - RULE_TESTS or table.get("checksum", "jwt") not in CHECKS:
        raise RuleError(f"rule {name}: unknown test or checksum")
    table.setdefault("title", name)
    for field in ("pattern", "near", "value"):
        _check_pattern(name, field, table.get(field, "x"))


def _check_pattern(name: str, field: str, pattern: str) -> None:
    if not pattern:
        raise RuleError(f"rule {name}: {field} is empty")
    if len(pattern) > MAX_PATTERN:
        raise RuleError(f"rule {name}: {field} is longer than {MAX_PATTERN} characters")
    try:
        # Parsing only: nothing is matched by Python. What it does not know Hyperscan may.
        size = _positions(_parser.parse(pattern.encode()))
    except (RecursionError, OverflowError) as exc:
        raise RuleError(f"rule {name}: {field} is nested too deeply") from exc
    except re.error:
        return
    if size > MAX_POSITIONS:
        raise RuleError(f"rule {name}: {field} repeats too much ({size:,} characters written out)")


def _positions(parsed: Any) -> int:
    total = 0
    for operator, argument in parsed:
        word = str(operator)
        if word in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, most, inner = argument
            times = most if most < 1 << 20 else max(least, 1)
            total += _positions(inner) * times
        elif word == "SUBPATTERN":
            total += _positions(argument[-1])
        elif word == "BRANCH":
            total += sum(_positions(each) for each in argument[1])
        else:
            total += 1
    return total


def custom_pattern(table: dict[str, Any]) -> bytes:
    """The pattern for Hyperscan."""
    if "pattern" in table:
        return str(table["pattern"]).encode()
    return _NEAR.format(near=table["near"], value=table["value"]).encode()


class CustomEngine:
    """Scans with a person's own rules, as `Engine` does with the package's. Not for threads.

    `cut`: the last text matched so often that not all of it was looked at.
    """

    def __init__(
        self,
        database: Any,
        values: dict[int, Any],
        tables: list[dict[str, Any]],
        stopped: type[Exception],
    ) -> None:
        """`database` tells starts; `values`: for rules with a `value`, a database of that alone.

        `stopped`: what a scan raises when its handler asks to end it.
        """
        self._database = database
        self._stopped = stopped
        self._values = values
        self._tables = tables
        self.cut = False

    def scan(self, data: bytes, path: bytes) -> list[Finding]:
        """Every secret in `data` that a rule finds, by place; `path` as for `Engine.scan`."""
        data = plain(data)
        name = path.rsplit(b"/", 1)[-1].lower()
        spans = []
        for rule, start, end in self._matched(data):
            table = self._tables[rule]
            paths = tuple(each.lower().encode() for each in table.get("paths", ()))
            if paths and not name.endswith(paths):
                continue
            first, last = self._value(rule, data, start, end)
            tests = (*table.get("tests", ()), *([table["checksum"]] if "checksum" in table else []))
            value = data[first:last]
            sure = 0
            if plausible(value, float(table["entropy"]), tests):
                sure = sureness(value, tests, _CONFIDENCE[table["confidence"]])
            if sure:
                spans.append((first, last, rule, sure))
        spans.sort()
        return self._findings(data, path, spans)

    def _findings(
        self, data: bytes, path: bytes, spans: list[tuple[int, int, int, int]]
    ) -> list[Finding]:
        places = Places(data, path)
        found = []
        for start, end, rule, sure in spans:
            table = self._tables[rule]
            finding = places.finding((start, end), table["id"], table["title"], sure)
            finding.severity = table["severity"]
            found.append(finding)
        return found

    def _matched(self, data: bytes) -> list[tuple[int, int, int]]:
        """Rule, start, end of each match; of those that overlap the first, as long as it goes."""
        kept: dict[int, list[tuple[int, int]]] = {}
        reports = 0

        def hit(rule: int, start: int, end: int, _flags: int, _context: object) -> bool | None:
            nonlocal reports
            reports += 1
            spans = kept.setdefault(rule, [])
            if spans and start <= spans[-1][0]:
                spans[-1] = (start, end)  # the same match goes on
            elif not spans or start >= spans[-1][1]:
                spans.append((start, end))
            return True if reports >= MAX_REPORTS else None

        self.cut = False
        try:
            self._database.scan(data, match_event_handler=hit)
        except self._stopped:
            if reports < MAX_REPORTS:
                raise
        self.cut = reports >= MAX_REPORTS
        return [(rule, *span) for rule, spans in kept.items() for span in spans]

    def _value(self, rule: int, data: bytes, start: int, end: int) -> tuple[int, int]:
        """The span of the rule's `value` within a match: the one that ends last, from its start."""
        inner = self._values.get(rule)
        if inner is None:
            return start, end
        best = (0, end - start)

        def hit(_rule: int, first: int, last: int, _flags: int, _context: object) -> None:
            nonlocal best
            best = (first, last)

        inner.scan(data[start:end], match_event_handler=hit)
        return start + best[0], start + best[1]


class Joined(Engine):
    """The package's rules and a person's own as one engine. Not for threads.

    What stands in the same place is told once: by the package's rule, unless an own one is surer.
    `cut`: the names of texts that own rules matched so often that not all was looked at.
    """

    def __init__(self, engine: Engine, customs: list[CustomEngine]) -> None:
        """`customs`: the nearest file's last."""
        self._engine = engine
        self._customs = customs
        self.cut: dict[bytes, None] = {}

    def look(
        self,
        data: bytes,
        path: bytes,
        hits: dict[int, Any] | None = None,
        share: int | None = None,
    ) -> tuple[list[Finding] | Found, dict[str, list[int]]]:
        """As `Engine.look`; `hits` are those of the package's rules."""
        found, probed = self._engine.look(data, path, hits, share)
        more: list[Finding] = []
        for custom in self._customs:
            more += custom.scan(data, path)
            if custom.cut:
                self.cut[path] = None
        return (_surest(list(found), more) if more else found), probed

    def problems(self) -> list[tuple[bytes, str]]:
        """What was cut since the last call, and why."""
        cut, self.cut = self.cut, {}
        return [(path, "own rules match too often; not all was looked at") for path in cut]


def _surest(found: list[Finding], more: list[Finding]) -> list[Finding]:
    """Both by place; of `more` what overlaps nothing as sure, and then that instead of the weaker.

    A secret of the vault's own is never taken out: nothing a repository has may hide it.
    """
    spans = [(each.offset, each.offset + len(each.value), each) for each in found]
    longest = max((end - start for start, end, _ in spans), default=0)
    spans.sort(key=lambda span: span[:2])
    weaker: set[int] = set()
    kept: list[Finding] = []
    for new in sorted(more, key=lambda each: (-each.confidence, each.offset, -len(each.value))):
        end = new.offset + len(new.value)
        at = bisect_left(spans, new.offset - longest, key=lambda span: span[0])
        over: list[Finding] = []
        while at < len(spans) and spans[at][0] < end:
            if spans[at][1] > new.offset:
                over.append(spans[at][2])
            at += 1
        if any(
            each.confidence >= new.confidence or each.rule_id.startswith(OWN_RULES) for each in over
        ):
            continue
        at = bisect_left(kept, new.offset, key=lambda each: each.offset)
        if at and kept[at - 1].offset + len(kept[at - 1].value) > new.offset:
            continue
        if at < len(kept) and kept[at].offset < end:
            continue
        kept.insert(at, new)
        weaker.update(map(id, over))
    rest = [each for each in found if id(each) not in weaker]
    return sorted(rest + kept, key=lambda each: each.offset)
