"""A person's own rules: what is refused, what is found where, limits, gitleaks' import."""

from pathlib import Path

import pytest

from credguard.app.rules import fill, import_gitleaks, try_file
from credguard.errors import CredguardError
from credguard.report.model import row
from credguard.scan import custom
from credguard.scan.custom import parse_custom
from credguard.scan.gitleaks import convert, groups
from credguard.scan.model import HIGH, MEDIUM
from credguard.scan.rules import RuleError
from credguard.sources.custom import compile_custom, read_custom

PATTERN = '[[rules]]\nid = "ours"\ntitle = "Our key"\npattern = "ACME-[a-z0-9]{20}"\n'
NEAR = '[[rules]]\nid = "near"\nnear = "acme"\nvalue = "[0-9a-f]{32}"\nconfidence = "high"\n'


def _engine(tmp_path: Path, text: str) -> custom.CustomEngine:
    file = tmp_path / ".credguard.toml"
    file.write_text(text)
    return load(str(file))


def load(path: str) -> custom.CustomEngine:
    return compile_custom(read_custom(path), path)


def test_a_match_is_found_with_its_place_and_span(tmp_path: Path) -> None:
    value = fill("ACME-{lower:20}", 1)
    text = f"one\ntwo = '{value}'\nthree {value}\n"
    found = _engine(tmp_path, PATTERN).scan(text.encode(), b"a.py")
    assert [(each.line, each.column, each.value.decode()) for each in found] == [
        (2, 8, value), (3, 7, value)
    ]  # fmt: skip
    assert found[0].rule_id == "ours"
    assert found[0].title == "Our key"
    assert found[0].confidence == MEDIUM


@pytest.mark.parametrize("text", ["acme_key = '{}'", "ACME: {}", 'acmeToken => "{}"', "acme {}"])
def test_a_near_rule_gives_the_value_alone(tmp_path: Path, text: str) -> None:
    value = fill("{hex:32}", 3)
    (found,) = _engine(tmp_path, NEAR).scan(text.format(value).encode(), b"a")
    assert found.value.decode() == value
    assert found.confidence == HIGH


def test_tests_and_paths_count(tmp_path: Path) -> None:
    value = fill("ACME-{lower:20}", 1).encode()
    engine = _engine(tmp_path, PATTERN + 'paths = [".ENV"]\nentropy = 3\n')
    assert engine.scan(value, b"x/a.env")
    assert not engine.scan(value, b"a.py")
    assert not engine.scan(b"ACME-" + b"a" * 20, b"a.env")


@pytest.mark.parametrize("severity", ["", "low", "medium", "high", "critical"])
def test_the_severity_that_a_rule_gives_is_the_one_reported(tmp_path: Path, severity: str) -> None:
    text = PATTERN + (f'severity = "{severity}"\n' if severity else "")
    (found,) = _engine(tmp_path, text).scan(fill("ACME-{lower:20}", 1).encode(), b"a")
    assert row(found, {}).severity == (severity or "high")


def test_a_longer_match_is_one_finding(tmp_path: Path) -> None:
    engine = _engine(tmp_path, '[[rules]]\nid = "x"\npattern = "k[0-9a-f]{8,64}"\n')
    (found,) = engine.scan(b"k" + fill("{hex:40}", 1).encode(), b"a")
    assert len(found.value) == 41


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rules = 1", "write [[rules]]"),
        ("[[rules]]\npattern = 'x'", "rule 1: give it an id"),
        ("[[rules]]\nid = 'x'", "give a pattern"),
        ("[[rules]]\nid = 'x'\nnear = 'a'", "give a pattern"),
        ("[[rules]]\nid = 'x'\npattern = 'a'\nnear = 'b'\nvalue = 'c'", "give a pattern"),
        ("[[rules]]\nid = 'x'\npattern = 3", "pattern must be a string"),
        ("[[rules]]\nid = 'x'\npattern = ''", "pattern is empty"),
        ("[[rules]]\nid = 'x'\npattern = 'a'\ncolour = 1", "unknown field colour"),
        ("[[rules]]\nid = 'x'\npattern = 'a'\nentropy = 9", "entropy"),
        ("[[rules]]\nid = 'x'\npattern = 'a'\nentropy = true", "entropy"),
        ("[[rules]]\nid = 'x'\npattern = 'a'\nconfidence = 'sure'", "confidence"),
        ("[[rules]]\nid = 'x'\npattern = 'a'\nseverity = 'bad'", "severity"),
        ("[[rules]]\nid = 'x'\npattern = 'a'\ntests = ['magic']", "unknown test"),
        ("[[rules]]\nid = 'x'\npattern = 'a'\npaths = 'a'", "list of strings"),
        ("[[rules]]\nid = 'x'\npattern = 'a'\n" * 2, "twice"),
        ("[[rules", "not valid TOML"),
        (f"[[rules]]\nid = 'x'\npattern = '{'a' * 2001}'", "longer than"),
        ("[[rules]]\nid = 'x'\npattern = '((a{1,999}){1,999}){1,999}'", "repeats too much"),
        (f"[[rules]]\nid = 'x'\npattern = '{'(' * 900}a{')' * 900}'", ""),
    ],
)
def test_what_is_no_rule_is_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(CredguardError) as caught:
        load(str(file))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("pattern", ["(", "a(?=b)", "(a)\\\\1", "a*", "[z-a]"])
def test_what_hyperscan_does_not_take_names_the_rule(tmp_path: Path, pattern: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text(f'{PATTERN}[[rules]]\nid = "bad"\npattern = "{pattern}"\n')
    with pytest.raises(CredguardError, match="rule bad: "):
        load(str(file))


def test_the_count_of_rules_is_bounded() -> None:
    with pytest.raises(RuleError, match="at most"):
        parse_custom("".join(f"[[rules]]\nid = 'r{n}'\npattern = 'a'\n" for n in range(501)))


def test_no_file_and_no_rules_are_none(tmp_path: Path) -> None:
    assert read_custom(str(tmp_path / "absent")) == []
    (tmp_path / "empty").write_text("[other]\na = 1\n")
    assert read_custom(str(tmp_path / "empty")) == []
    with pytest.raises(CredguardError, match="rules not read"):
        load(str(tmp_path))


def test_a_rule_that_matches_everywhere_ends_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custom, "MAX_REPORTS", 1_000)
    engine = _engine(tmp_path, '[[rules]]\nid = "x"\npattern = "[a-z0-9]"\n')
    engine.scan(b"a1b2c3d4" * 1_000, b"x")
    assert engine.cut
    engine.scan(b"a1", b"x")
    assert not engine.cut


def test_an_exponential_pattern_is_linear_here(tmp_path: Path) -> None:
    engine = _engine(tmp_path, '[[rules]]\nid = "x"\npattern = "(a|aa){5,40}b"\n')
    assert engine.scan(b"a" * 200_000, b"x") == []


GITLEAKS = r"""
title = "x"
[allowlist]
paths = ["a"]
[[rules]]
id = "acme"
description = "ACME token"
regex = '''(?i)\b(acme-[a-z0-9]{20})(?:['"\s]|$)'''
entropy = 3
keywords = ["acme"]
[[rules]]
id = "second"
regex = '''(x|y)=([0-9a-f]{32})'''
secretGroup = 2
[[rules.allowlists]]
regexes = ["a"]
[[rules]]
id = "files"
path = '''\.p12$'''
[[rules]]
id = "ahead"
regex = '''a(?=b)'''
"""


def test_gitleaks_rules_are_taken_over(tmp_path: Path) -> None:
    (tmp_path / "gitleaks.toml").write_text(GITLEAKS)
    text, notes = import_gitleaks(str(tmp_path / "gitleaks.toml"))
    engine = _engine(tmp_path, text)
    value = fill("acme-{lower:20}", 1)
    (found,) = engine.scan(f"k = '{value}'".encode(), b"a")
    assert (found.rule_id, found.value.decode()) == ("acme", value)
    value = fill("{hex:32}", 1)
    (found,) = engine.scan(f"y={value}".encode(), b"a")
    assert (found.rule_id, found.value.decode()) == ("second", value)
    told = "\n".join(notes)
    for part in (
        "allowlist: not",
        "rule second: allowlists",
        "rule files: only",
        "rule ahead: left",
    ):
        assert part in told


@pytest.mark.parametrize(
    ("regex", "found"),
    [
        ("abc", []),
        ("(a)(b(c))", ["a", "b(c)", "c"]),
        (r"\((a)[()](?:b)(?P<n>c)", ["a", "c"]),
        (r"[]()](a)", ["a"]),
        (r"(?i)(a[^])]b)", ["a[^])]b"]),
    ],
)
def test_capture_groups_of_a_regex(regex: str, found: list[str]) -> None:
    assert groups(regex) == found


def test_what_is_no_gitleaks_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match=r"no \[\[rules\]\]"):
        convert("a = 1")
    with pytest.raises(CredguardError):
        import_gitleaks(str(tmp_path / "absent"))


def test_samples_of_own_rules_are_tried(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(PATTERN + 'sample = "k: ACME-{lower:20}"\nclean = ["ACME-x"]\n')
    assert [(each.wanted, bool(each.found)) for each in try_file(str(file))] == [
        (True, True), (False, False)
    ]  # fmt: skip
