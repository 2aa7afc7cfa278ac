import sys
from collections.abc import Callable

import pytest

from credguard.errors import ConfigError
from credguard.scan.allow import MARK, ONE_WORD_RULES, OWN_RULES, Allow, marks
from credguard.scan.model import MEDIUM, Finding

VALUE = b"some-value"


def found(
    path: bytes = b"a.py",
    line: int = 1,
    end: int = 0,
    rule: str = "some-rule",
    value: bytes = VALUE,
) -> Finding:
    return Finding(path, line, 1, end or line, rule, "A rule", MEDIUM, value)


def judged(text: bytes, finding: Finding, allow: Allow | None = None) -> str:
    (allow or Allow()).judge([finding], text, finding.path)
    return finding.allowed


@pytest.mark.parametrize(
    "line",
    [
        b"x = 1  # credguard:allow",
        b"x = 1  # credguard:allow not real",
        b"x = 1  # credguard:allow some-rule it is an example",
        b"credguard:allow",
        b"x  # gitleaks:allow",
        b"x = 1  # pragma: allowlist secret",
        b"x = 1  # pragma:allowlist-secret why",
        b"x = 1  # pragma: whitelist secret",
        b"x = 1  // pragma: allowlist secret\r",
        b"x = 1  /* pragma: allowlist secret */",
        b"x = 1  -- pragma: allowlist secret",
        b"x = 1  ' pragma: allowlist secret",
        b"x = 1  <!-- # pragma: allowlist secret -->",
    ],
)
def test_a_mark_lets_its_own_line_pass_and_no_other(line: bytes) -> None:
    assert judged(line + b"\nx\n", found(line=1))
    assert not judged(line + b"\nx\n", found(line=2))
    assert judged(b"x\n" + line + b"\n", found(line=2))


@pytest.mark.parametrize(
    "line",
    [
        b"# credguard:allow other-rule",
        b"# credguard:allowed",
        b"# gitleaks:allow-nothing",
        b"x = 'pragma: nothing'",
        b"x = 1 pragma: allowlist secret",
        b"x = 1 /* pragma: allowlist secret",
        b"x = 1  # pragma: allowlist nextline secret",
        b"# pragma: allow secret",
    ],
)
def test_what_is_no_mark_lets_nothing_pass(line: bytes) -> None:
    assert not judged(line + b"\nx\n", found(line=1))
    assert not judged(line + b"\nx\n", found(line=2))


def test_the_next_line_pragma_stands_alone_on_its_line() -> None:
    text = b"  # pragma: allowlist nextline secret\nx\ny\n"
    assert [bool(judged(text, found(line=line))) for line in (1, 2, 3)] == [False, True, False]


def test_in_yaml_only_its_own_comments_count() -> None:
    text = b"x: 1  // pragma: allowlist secret\n"
    assert judged(text, found(b"a.go"))
    assert not judged(text, found(b"a.yaml"))


def test_any_line_of_a_long_finding_may_carry_the_mark() -> None:
    text = b"a\nb\nc # credguard:allow\nd\n"
    assert judged(text, found(line=2, end=4))
    assert not judged(text, found(line=1, end=2))


def test_the_reason_tells_nothing_of_what_stands_beside_the_mark() -> None:
    text = b"/* credguard:allow */ password = 'some-value'"
    assert judged(text, found()) == "credguard:allow, line 1"


def test_own_secrets_are_never_hidden() -> None:
    text = b"x # credguard:allow # gitleaks:allow # pragma: allowlist secret"
    rules = '[allow]\nrules = ["own-secret"]\npaths = ["*"]\nstopwords = ["some"]\n'
    allow = Allow.of({b"": rules + '[scan]\nexclude = ["*"]\n'})
    assert judged(text, found(rule="other"), allow)
    assert not judged(text, found(rule=OWN_RULES + "secret"), allow)


def test_built_in_rules_of_one_word_can_be_named() -> None:
    from credguard.sources.rulefacts import rule_facts

    assert {name.encode() for name in rule_facts() if "-" not in name} == set(ONE_WORD_RULES)
    assert not any(name.startswith(OWN_RULES) for name in rule_facts())


def test_marks_are_found_in_one_pass() -> None:
    text = b"x # credguard:allow\n" * 1000
    assert sorted(marks(text, b"a")) == list(range(1, 1001))


def allowed(text: str, finding: Finding, compiler: Callable[..., object] | None = None) -> str:
    return Allow.of({b"": text}, compiler).allows(finding) or ""  # type: ignore[arg-type]


def test_settings_by_path_rule_and_stopword() -> None:
    assert "path tests/" in allowed('[allow]\npaths = ["tests/"]', found(b"tests/a.py"))
    assert not allowed('[allow]\npaths = ["tests/"]', found(b"src/a.py"))
    assert "rule some-rule" in allowed('[allow]\nrules = ["some-rule"]', found())
    assert "stopword" in allowed('[allow]\nstopwords = ["VALUE"]', found())
    assert "exclude" in allowed('[scan]\nexclude = ["*.py"]', found())
    assert not allowed("", found())
    assert not allowed("[[rules]]\nid = 1", found())


def test_regexes_look_at_the_value() -> None:
    from credguard.sources.settings import compiler

    assert "regex" in allowed("[allow]\nregexes = ['^some-']", found(), compiler)
    assert not allowed("[allow]\nregexes = ['^value']", found(), compiler)


def test_the_nearest_file_adds_and_decides() -> None:
    allow = Allow.of(
        {
            b"": '[allow]\npaths = ["*.snap"]\nrules = ["some-rule"]\n[scan]\nexclude = ["big/"]',
            b"a": '[allow]\npaths = ["!keep.snap"]\nstopwords = ["value"]',
        }
    )
    assert allow.allows(found(b"a/x.snap", rule="r", value=b"v"))
    assert not allow.allows(found(b"a/keep.snap", rule="r", value=b"v"))
    assert allow.allows(found(b"keep.snap", rule="r", value=b"v"))
    assert allow.allows(found(b"a/b", rule="some-rule", value=b"v"))
    assert allow.allows(found(b"a/b", rule="r"))
    assert not allow.allows(found(b"ab", rule="r"))
    assert allow.excluded(b"a/big/x")
    assert not allow.excluded(b"a/small/x")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[alow]\n", "no table 'alow'"),
        ("[allow]\npath = ['a']", "no setting 'allow.path'"),
        ("[allow]\npaths = 'a'", "allow.paths must be a list"),
        ("[allow]\npaths = [1]", "allow.paths must be a list"),
        ("allow = 1", "allow must be a table"),
        ("[allow]\nstopwords = ['']", "empty entry"),
        ("[allow", "not valid TOML"),
        ("[allow]\nregexes = ['(?<=a)b']", "allow.regexes: number 1"),
        ("[allow]\nregexes = ['(']", "allow.regexes: number 1"),
    ],
)
def test_a_typo_is_one_clear_line(text: str, said: str) -> None:
    from credguard.sources.settings import compiler

    with pytest.raises(ConfigError) as caught:
        Allow.of({b"sub": text}, compiler)
    assert said in str(caught.value)
    assert str(caught.value).startswith("sub/.credguard.toml")
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_judging_by_marks_loads_no_toml() -> None:
    import subprocess

    code = """
import sys
sys.path.insert(0, ".")
from credguard.scan.allow import Allow
from credguard.scan.model import Finding
finding = Finding(b"a", 1, 1, 1, "r", "t", 2, b"v")
Allow().judge([finding], b"# credguard:allow", b"a")
assert finding.allowed
print(sorted({"tomllib", "re", "difflib", "typing"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.stdout.strip() == "[]", done.stderr


def test_the_mark_is_what_people_are_told() -> None:
    assert MARK == b"credguard:allow"


def test_regexes_that_take_long_to_compile_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from credguard.sources import settings

    monkeypatch.setattr(settings, "COMPILE_S", -1.0)
    with pytest.raises(ValueError, match="number 1, 'a': they take too long"):
        settings.compiler([b"a"])
