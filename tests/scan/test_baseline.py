import hmac
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credguard.errors import ConfigError
from credguard.scan.baseline import HEAD, NOT_A_SECRET, OPEN, SECRET, Baseline, parse
from credguard.scan.fingerprint import Fingerprints
from credguard.scan.model import MEDIUM, Finding
from tests.support import samples

KEY = bytes(range(16))


def found(seed: int = 1, line: int = 3, rule: str = "some-rule") -> Finding:
    value = samples.aws_secret(seed).encode()
    return Finding(b"x", line, 4, line, rule, "A rule", MEDIUM, value)


def test_a_finding_is_known_wherever_its_line_went() -> None:
    baseline = Baseline([KEY])
    baseline.add(found(line=3), b"a/b")
    again = parse(baseline.text(), "f")
    assert again.verdict(found(line=99), b"a/b") == OPEN
    assert again.verdict(found(), b"a/c") is None
    assert again.verdict(found(rule="other"), b"a/b") is None
    assert again.verdict(found(2), b"a/b") is None


def test_a_line_holds_24_bits_and_no_value() -> None:
    baseline = Baseline([KEY])
    baseline.add(found(), b"a", SECRET)
    line = baseline.text().splitlines()[-1]
    path, rule, made, verdict = line.split(" ")
    assert (path, rule, len(made), verdict) == ("a", "some-rule", 6, "secret")
    assert samples.aws_secret()[:4] not in baseline.text()


def test_another_key_gives_another_fingerprint() -> None:
    one, other = (Fingerprints(key, 24).of(found(), b"a") for key in (KEY, KEY[::-1]))
    assert one != other
    assert Fingerprints(KEY, 128).of(found(), b"a").startswith(one)


@given(
    st.binary(max_size=80),
    st.lists(st.tuples(st.sampled_from("ab"), st.binary(max_size=2), st.binary(max_size=200))),
)
def test_a_fingerprint_is_the_hmac_of_rule_path_and_value(
    key: bytes, parts: list[tuple[str, bytes, bytes]]
) -> None:
    prints = Fingerprints(key, 128)
    for rule, path, value in parts:
        joined = b"".join(
            len(part).to_bytes(8, "big") + part for part in (rule.encode(), path, value)
        )
        each = Finding(b"x", 3, 4, 3, rule, "A rule", MEDIUM, value)
        assert prints.of(each, path) == hmac.digest(key, joined, "sha256").hex()[:32]


@given(st.lists(st.binary(min_size=1, max_size=12), min_size=1, max_size=5, unique=True))
def test_any_path_survives_and_the_file_is_sorted_ascii(paths: list[bytes]) -> None:
    baseline = Baseline([KEY])
    for path in paths:
        baseline.add(found(), path)
    text = baseline.text()
    assert text.isascii()
    lines = text.splitlines()
    assert lines[2:] == sorted(lines[2:])
    again = parse(text, "f")
    assert again == baseline
    assert again.text() == text


def test_verdicts_survive_an_update_and_what_is_gone_goes() -> None:
    baseline = Baseline([KEY])
    baseline.add(found(1), b"a", NOT_A_SECRET)
    baseline.add(found(2), b"a", SECRET)
    fresh = baseline.renewed([(found(1, line=70), b"a"), (found(3), b"a")])
    assert fresh.verdict(found(1), b"a") == NOT_A_SECRET
    assert fresh.verdict(found(2), b"a") is None
    assert fresh.verdict(found(3), b"a") == OPEN


def test_two_branches_merge_without_a_conflict(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True, timeout=30)

    file = tmp_path / ".credguard.baseline"
    git("init", "-q")
    (tmp_path / ".gitattributes").write_text(".credguard.baseline merge=union\n")
    base = Baseline([KEY])
    base.add(found(1), b"a")
    file.write_text(base.text())
    git("add", ".")
    git("commit", "-qm", "base")
    for branch, seed in (("one", 2), ("two", 3)):
        git("checkout", "-q", "-b", branch, "main")
        mine = parse(base.text(), "f")
        mine.add(found(1), b"a", SECRET if branch == "one" else NOT_A_SECRET)
        mine.add(found(seed), b"a")
        file.write_text(mine.text())
        git("commit", "-qam", branch)
    git("merge", "-q", "-m", "both", "one")
    merged = parse(file.read_text(), "f")
    assert merged.verdict(found(1), b"a") == SECRET
    assert merged.verdict(found(2), b"a") == merged.verdict(found(3), b"a") == OPEN


def test_two_baselines_made_apart_both_count() -> None:
    one, two = Baseline([KEY]), Baseline([KEY[::-1]])
    one.add(found(1), b"a")
    two.add(found(2), b"a", NOT_A_SECRET)
    both = parse(one.text() + two.text(), "f")
    assert both.verdict(found(1), b"a") == OPEN
    assert both.verdict(found(2), b"a") == NOT_A_SECRET


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a baseline"),
        ("{}", "line 1"),
        (f"{HEAD}\n", "not a baseline"),
        (f"{HEAD}\n# key {KEY.hex()}\n<<<<<<< HEAD\n", "line 3: .*merge conflict"),
        (f"{HEAD}\n# key {KEY.hex()}\na b c d e\n", "line 3"),
        (f"{HEAD}\n# key {KEY.hex()}\na rule 12345 \n", "line 3"),
    ],
)
def test_what_is_no_baseline_is_said_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse(text, "f")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    said = ""
    try:
        parse(f"{HEAD}\n# key {KEY.hex()}\n{text}", "f")
    except ConfigError as exc:
        said = str(exc)
    assert "\n" not in said
