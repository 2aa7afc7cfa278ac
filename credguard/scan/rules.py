"""Rules as data: reads the tables of rules/*.toml, checks them, and gives what the engine runs.

Only the build of the compiled database imports this; the hook loads the finished rows.
"""

import re
import tomllib
from collections.abc import Iterable
from re import _parser  # type: ignore[attr-defined]
from typing import Any

from credguard.scan.checksums import CHECKS
from credguard.scan.model import HIGH, LOW, MEDIUM

_CONFIDENCE = {"low": LOW, "medium": MEDIUM, "high": HIGH}
SEVERITIES = {"low", "medium", "high", "critical"}
RULE_TESTS = {"password", "name", "runs", "random", "same", "example"}
_FIELDS = {
    "id", "title", "vendor", "near", "services", "value", "pattern", "before", "after", "entropy",
    "checksum", "tests", "paths", "confidence", "severity", "source", "sample", "clean", "names",
}  # fmt: skip
# A name that goes on, its end, then an assignment in some language, a blank or a hyphen, a quote.
_ASSIGNED = (
    r"[\w.\- \[\]]{{0,25}}?['\"`\])}}]{{0,2}}"
    r"(?:\s{{0,5}}(?:\?=|[.|]{{0,2}}=?=>?|:{{1,3}}=|[:,>(|]{{1,2}})\s{{0,8}}|[ \t]{{1,4}}|-)"
    r"(?:\\?['\"`]){{0,2}}({value})"
)
# A repeat that may go on for so long is unbounded for Hyperscan: compiling takes half the time.
_MANY = 100
_LONG = re.compile(r"\{(\d+),(\d+)\}")
_GAP = 56  # the longest that may stand between the name and the value above
# What a service's name that is also a word needs beside it.
_KEYWORD = (
    r"[_.\- ]{{0,2}}(?i:api|access|auth|secret|token|key|private"
    r"|(?:app|client)[_.\- ]?(?:id|key|secret|token|api))"
)
# Where a service's name may begin: not within a word, unless at a capital inside camelCase.
_BEGINS = r"(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))"
# Where its value must not go on: after a comma or colon without a blank.
_GOES_ON = r"(?![,:;|][A-Za-z0-9])"
# The name of a service goes on with at most three words, of which the last is not "id", then
# anything that parts it from a value.
_BESIDE = (
    r"(?:[_.\- ]{{0,2}}[A-Za-z]{{2,14}}){{0,3}}?[_.\-]{{0,2}}"
    r"(?<![_.\- ][Ii][Dd])(?<![a-z]I[Dd])['\"`\])}}]{{0,3}}"
    r"(?:\s{{0,6}}(?:::?:?=|\?=|=>|[=:,>(\-|])\s{{0,12}}|[ \t]{{1,4}}|-)"
    r"(?:\\?['\"`{{(\[<]){{0,2}}({value})"
)

# What of the above Hyperscan looks for: all that it may match, and more; of a value the start.
_LOOSELY = r"[A-Za-z_.\- ]{0,56}['\"`\])}\s=:?,>(\-|{\[<\\][^\w]{0,35}[A-Za-z0-9_\-+/]{16}"
# That ends within the value: so far after it the value may go on.
_VALUE_REST = 200
_TOGETHER = 20

# id, title, confidence, entropy, tests, paths, pattern for Python's re (bytes), its longest match,
# and how far after what Hyperscan tells it may end
Row = tuple[str, str, int, float, tuple[str, ...], tuple[bytes, ...], bytes, int, int]
MAX_WIDTH = 16_384
"""The longest match, in bytes, that a rule may have."""


class RuleError(ValueError):
    """A rule is not what it must be; names the rule."""


def parse(texts: Iterable[str], services: str = "") -> list[dict[str, Any]]:
    """The rule tables of several TOML texts, in order. Raises RuleError.

    `services`: names of services, one a line (`#` starts a comment), for rules with `services`.
    """
    tables: list[dict[str, Any]] = []
    for text in texts:
        try:
            tables += tomllib.loads(text)["rule"]
        except (tomllib.TOMLDecodeError, KeyError) as exc:
            raise RuleError(f"the rules are not valid TOML: {exc}") from exc
    seen: set[str] = set()
    for table in tables:
        if kind := table.get("services"):
            table["names"] = names(services, kind)
            table["near"] = alternation(table["names"])
        _check(table)
        if table["id"] in seen:
            raise RuleError(f"rule {table['id']}: the id is there twice")
        seen.add(table["id"])
    return tables


def names(services: str, kind: str) -> list[str]:
    """The names of `kind` in the list of services: those between its head `[kind]` and the next."""
    found: list[str] = []
    inside = False
    for line in services.splitlines():
        words = line.partition("#")[0]
        if words.startswith("["):
            inside = words.strip() == f"[{kind}]"
        elif inside:
            found += words.split()
    return sorted(set(found))


def alternation(words: Iterable[str]) -> str:
    """A pattern of `words` that branches at each character once, so that trying it is quick.

    A hyphen or blank in a word may be written `-`, `_`, `.`, a blank or nothing.
    """
    tree: dict[str, Any] = {}
    for word in words:
        branch = tree
        for character in word.lower():
            branch = branch.setdefault(character, {})
        branch[""] = {}
    return _branches(tree)


def _branches(tree: dict[str, Any]) -> str:
    parts = []
    for character in sorted(tree, reverse=True):
        if character:
            written = "[-_. ]?" if character == "-" else re.escape(character)
            parts.append(written + _branches(tree[character]))
    if not parts:
        return ""
    together = parts[0] if len(parts) == 1 else "(?:" + "|".join(parts) + ")"
    if "" not in tree:
        return together
    return f"(?:{together})?" if len(parts) == 1 else f"{together}?"


def _check(table: dict[str, Any]) -> None:
    name = table.get("id", "?")
    unknown = set(table) - _FIELDS
    if unknown:
        raise RuleError(f"rule {name}: unknown field {min(unknown)}")
    for field in ("id", "title", "vendor", "confidence", "severity", "source", "sample", "clean"):
        if not table.get(field):
            raise RuleError(f"rule {name}: no {field}")
    if ("pattern" in table) == ("near" in table and "value" in table):
        raise RuleError(f"rule {name}: give a pattern, or near and value")
    if table["confidence"] not in _CONFIDENCE or table["severity"] not in SEVERITIES:
        raise RuleError(f"rule {name}: unknown confidence or severity")
    if set(table.get("tests", ())) - RULE_TESTS:
        raise RuleError(f"rule {name}: unknown test")
    if table.get("checksum", "github") not in CHECKS:
        raise RuleError(f"rule {name}: unknown checksum")
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
    between, begins = _ASSIGNED, ""
    if "services" in table:
        between = (_KEYWORD if table["services"] == "word" else "") + _BESIDE + _GOES_ON
        begins = _BEGINS
    return f"{begins}(?i:{table['near']})" + between.format(value=table["value"])


def width(table: dict[str, Any]) -> int:
    """The longest match of the rule's pattern in bytes."""
    return int(_parser.parse(_core(table).encode()).getwidth()[1])


def ahead(table: dict[str, Any]) -> int:
    """How many bytes after the end that Hyperscan tells the rule's match ends, and one for more."""
    return 1 + (_VALUE_REST if "services" in table else 0)


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
    """The pattern for Hyperscan, which has no look-arounds: the edges are consumed instead.

    Between `near` and the value anything may stand here: a fifth of the size, and no slower.
    """
    before, after = _edge(table.get("before"), others=True), _edge(table.get("after"), others=True)
    start = f"(?:^|{before})" if before else ""
    end = f"(?:{after}|\\z)" if after else ""
    core = _core(table)
    if "pattern" not in table:
        core = f"(?i:{table['near']})[\\s\\S]{{1,{_GAP}}}(?:{table['value']})"
    return _LONG.sub(_unbounded, start + core + end).encode()


def _unbounded(repeat: re.Match[str]) -> str:
    return f"{{{repeat[1]},}}" if int(repeat[2]) >= _MANY else repeat[0]


def scan_patterns(table: dict[str, Any]) -> list[bytes]:
    """The patterns for Hyperscan, of which one ends wherever the confirming pattern does, or at
    most `ahead` before.

    For a list of services they are many simple ones, over a part of the names each: Hyperscan
    turns those down by their literals at once, but not one great pattern.
    """
    if "services" not in table:
        return [scan_pattern(table)]
    written = sorted(spelling for name in table["names"] for spelling in _spellings(name))
    keyword = _KEYWORD.format() if table["services"] == "word" else ""
    return [
        f"(?i:{'|'.join(written[first : first + _TOGETHER])}){keyword}{_LOOSELY}".encode()
        for first in range(0, len(written), _TOGETHER)
    ]


def _spellings(name: str) -> list[str]:
    return sorted({name.replace("-", between) for between in ("", "-", "_", "[.]", " ")})


def decodable(tables: Iterable[dict[str, Any]]) -> list[bytes]:
    """The patterns whose texts are worth looking for in encoded form: those with a mark of theirs.

    Names of services are left to the words that stand beside any secret.
    """
    return [confirm_pattern(table) for table in tables if "pattern" in table]


def rows(tables: list[dict[str, Any]]) -> list[Row]:
    """What the engine needs of each rule, in the order of the database's ids."""
    return [
        (
            table["id"],
            table["title"],
            _CONFIDENCE[table["confidence"]],
            float(table.get("entropy", 0.0)),
            (*table.get("tests", ()), *([table["checksum"]] if "checksum" in table else ())),
            tuple(path.encode() for path in table.get("paths", ())),
            confirm_pattern(table),
            width(table),
            ahead(table),
        )
        for table in tables
    ]


def matches(table: dict[str, Any], data: bytes) -> list[tuple[int, int, int]]:
    """Start, end and confidence of what the rule by itself finds in `data`, however long it takes.

    For `rules test` and tests: no other rule covers it, the file's name is not asked.
    """
    from credguard.scan.checksums import sureness
    from credguard.scan.values import plausible

    (_, _, confidence, least, tests, _, pattern, _, _) = rows([table])[0]
    found = []
    for match in re.finditer(pattern, data):
        value = match[1]
        if plausible(value, least, tests) and (sure := sureness(value, tests, confidence)):
            found.append((*match.span(1), sure))
    return found
