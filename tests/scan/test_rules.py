"""Every rule finds its samples and passes over its counter-examples; the table is well-formed."""

import random
import re
from pathlib import Path

import pytest

from credguard.app.rules import fill
from credguard.scan.engine import Engine
from credguard.scan.rules import (
    RuleError,
    ahead,
    alternation,
    confirm_pattern,
    matches,
    names,
    parse,
    scan_pattern,
    scan_patterns,
    width,
)
from credguard.scan.spans import windows
from credguard.sources.database import read_rules

RULES = parse(*read_rules())
SERVICES = read_rules()[1]
_EXTENSIONS = {rule["id"]: (rule.get("paths") or [".py"])[0] for rule in RULES}


@pytest.fixture(scope="module")
def engine(rules_once: Path) -> Engine:
    from credguard.sources.database import load_engine

    return load_engine(str(rules_once))


def test_there_are_many_and_aws_comes_first() -> None:
    assert len(RULES) >= 320
    assert len({rule["vendor"] for rule in RULES}) >= 160
    assert len(names(SERVICES, "plain")) >= 700
    assert RULES[0]["id"].startswith("aws-")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["id"])
def test_every_sample_is_found(rule: dict[str, str], engine: Engine) -> None:
    path = ("file" + _EXTENSIONS[rule["id"]]).encode()
    for seed in range(6):
        sample = fill(rule["sample"], seed)
        for text in (sample, f"x = 1\n  {sample}\ny = 2\n"):
            data = text.encode()
            own = matches(rule, data)
            assert own, (rule["id"], seed)
            # Perhaps told under another rule, where two fit: that is no less sure.
            start, end, sure = own[0]
            lines = (data.count(b"\n", 0, start) + 1, data.count(b"\n", 0, end) + 1)
            told = [each for each in engine.scan(data, path) if lines[0] <= each.line <= lines[1]]
            assert max((each.confidence for each in told), default=0) >= sure, (rule["id"], seed)


@pytest.mark.parametrize("kind", ["plain", "word"])
def test_every_service_is_known_by_each_spelling(kind: str, engine: Engine) -> None:
    for name in names(SERVICES, kind):
        for between in ("", "-", "_", " ", "."):
            spelled = name.replace("-", between)
            for text in ("{}_api_key = '{}'", "{}Token: {}", "{} SECRET {}", "export {}_KEY={}"):
                data = text.format(spelled.upper(), fill("{lower:32}", 1)).encode()
                found = engine.scan(data, b"x.yaml")
                assert found, data
        assert re.fullmatch(alternation(names(SERVICES, kind)), name.replace("-", ""))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["id"])
def test_no_counter_example_is_found(rule: dict[str, str], engine: Engine) -> None:
    path = ("file" + _EXTENSIONS[rule["id"]]).encode()
    for text in (fill(each, 1) for each in rule["clean"]):
        assert rule["id"] not in {each.rule_id for each in engine.scan(text.encode(), path)}, text


def _table(**fields: object) -> str:
    table: dict[str, object] = {
        "id": "x", "title": "X", "vendor": "V", "pattern": "(x)", "confidence": "low",
        "severity": "low",
        "source": "s", "sample": "x", "clean": ["y"],
    }  # fmt: skip
    table |= fields
    lines = [f"{name} = {value!r}" for name, value in table.items() if value is not None]
    return "[[rule]]\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"pattern": "x"}, "0 capture groups"),
        ({"pattern": "(x)(y)"}, "2 capture groups"),
        ({"pattern": "(x"}, "x:"),
        ({"pattern": None}, "give a pattern"),
        ({"confidence": "sure"}, "unknown confidence"),
        ({"colour": "red"}, "unknown field colour"),
        ({"sample": None}, "no sample"),
        ({"tests": ["magic"]}, "unknown test"),
        ({"checksum": "magic"}, "unknown checksum"),
        ({"vendor": None}, "no vendor"),
        ({"pattern": "(x+)"}, "bound what repeats"),
    ],
)
def test_a_wrong_rule_is_named(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(RuleError, match="rule x") as caught:
        parse([_table(**wrong)])
    assert said in str(caught.value)


def test_an_id_is_there_once() -> None:
    with pytest.raises(RuleError, match="twice"):
        parse([_table(), _table()])


def test_both_dialects_get_the_same_edges() -> None:
    rule = {"pattern": "(a)", "before": "b", "after": "c"}
    assert confirm_pattern(rule) == b"(?<![b])(a)(?![c])"
    assert scan_pattern(rule) == b"(?:^|[^b])(a)(?:[^c]|\\z)"
    rule = {"pattern": "(a)", "after": "^c"}
    assert confirm_pattern(rule) == b"(a)(?![^c])"
    assert scan_pattern(rule) == b"(a)(?:[c]|\\z)"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["id"])
def test_the_scan_pattern_finds_what_the_confirming_one_does(rule: dict[str, str]) -> None:
    import hyperscan

    patterns = scan_patterns(rule)
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=patterns, ids=[0] * len(patterns), elements=len(patterns),
        flags=[0] * len(patterns),
    )  # fmt: skip
    confirm = re.compile(confirm_pattern(rule))
    generator = random.Random(rule["id"])
    found = 0
    for seed in range(12):
        text = bytearray(fill(rule["sample"], seed).encode())
        for _ in range(seed % 4):
            at = generator.randrange(len(text))
            text[at : at + generator.randrange(2)] = generator.choice([b"", b"a", b"=", b" ", b"'"])
        for data in (bytes(text), b"x" + text + b"\n", b'"' + text + b'"', b" " + text + b"-"):
            ends: list[int] = []
            database.scan(data, match_event_handler=lambda *hit, ends=ends: ends.append(hit[2]))
            expected = [match.span(1) for match in confirm.finditer(data)]
            found += len(expected)
            got = [
                match.span(1)
                for first, last in windows(ends, width(rule), len(data), ahead(rule))
                for match in confirm.finditer(data, first, last)
            ]
            assert got == expected, data
    assert found >= 4
