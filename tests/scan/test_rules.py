"""Every rule finds its samples and passes over its counter-examples; the table is well-formed."""

from importlib import resources

import pytest

from credguard.scan.engine import Engine
from credguard.scan.rules import RuleError, confirm_pattern, parse, scan_pattern
from tests.scan.generate import fill

TEXT = (resources.files("credguard.scan") / "rules.toml").read_text()
RULES = parse(TEXT)
_EXTENSIONS = {rule["id"]: (rule.get("paths") or [".py"])[0] for rule in RULES}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    from credguard.sources.database import load_engine

    return load_engine(str(tmp_path_factory.mktemp("cache")))


def test_there_are_sixty_and_aws_comes_first() -> None:
    assert len(RULES) >= 60
    assert RULES[0]["id"].startswith("aws-")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["id"])
def test_every_sample_is_found_by_its_own_rule(rule: dict[str, str], engine: Engine) -> None:
    path = ("file" + _EXTENSIONS[rule["id"]]).encode()
    for seed in range(20):
        sample = fill(rule["sample"], seed)
        for text in (sample, f"x = 1\n  {sample}\ny = 2\n"):
            found = {each.rule_id for each in engine.scan(text.encode(), path)}
            covering = {"aws-key-pair", "npmrc-auth"} if "aws" in rule["id"] else set()
            assert found & ({rule["id"]} | covering), (rule["id"], seed)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["id"])
def test_no_counter_example_is_found(rule: dict[str, str], engine: Engine) -> None:
    path = ("file" + _EXTENSIONS[rule["id"]]).encode()
    for text in rule["clean"]:
        assert rule["id"] not in {each.rule_id for each in engine.scan(text.encode(), path)}, text


def _table(**fields: object) -> str:
    table: dict[str, object] = {
        "id": "x", "title": "X", "pattern": "(x)", "confidence": "low", "severity": "low",
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
    ],
)
def test_a_wrong_rule_is_named(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(RuleError, match="rule x") as caught:
        parse(_table(**wrong))
    assert said in str(caught.value)


def test_an_id_is_there_once() -> None:
    with pytest.raises(RuleError, match="twice"):
        parse(_table() + _table())


def test_both_dialects_get_the_same_edges() -> None:
    rule = {"pattern": "(a)", "before": "b", "after": "c"}
    assert confirm_pattern(rule) == b"(?<![b])(a)(?![c])"
    assert scan_pattern(rule) == b"(?:^|[^b])(a)(?:[^c]|\\z)"
