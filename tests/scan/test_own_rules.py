"""A person's own rules in every kind of scan: which hold where, layers, what is wrong."""

import base64
import os
from pathlib import Path

import pytest

from credguard.app.rules import fill
from credguard.app.scan import Options, scan_paths, scan_stream
from credguard.errors import CredguardError
from credguard.scan import custom
from credguard.scan.model import Finding

pytestmark = pytest.mark.usefixtures("compiled_rules")

VALUE = fill("ACME-{lower:20}", 1)
RULE = '[[rules]]\nid = "{}"\npattern = "{}-[a-z0-9]{{20}}"\n'


def _put(place: Path, text: str) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    return place


def _scan(*names: Path) -> list[Finding]:
    return scan_paths([str(name) for name in names]).findings


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    _put(tmp_path / ".git/HEAD", "")
    _put(tmp_path / ".credguard.toml", RULE.format("our-key", "ACME"))
    return tmp_path


def test_rules_of_the_top_hold_below_wherever_the_scan_starts(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _put(tree / "a/b/c.txt", f"k = {VALUE}\n")
    monkeypatch.chdir(tree / "a/b")
    for start in (tree, tree / "a", tree / "a/b/c.txt", Path(), Path("c.txt")):
        (found,) = _scan(start)
        assert (found.rule_id, found.value.decode(), found.line) == ("our-key", VALUE, 1)


def test_rules_of_a_folder_hold_below_it_alone_and_add_up(tree: Path) -> None:
    other = fill("OTHER-{lower:20}", 2)
    _put(tree / "sub/.credguard.toml", RULE.format("sub-key", "OTHER"))
    for name in ("a", "sub/a", "sub/b/a", "subway/a"):
        _put(tree / name, f"{VALUE}\n{other}\n")
    found = sorted((os.path.relpath(os.fsdecode(e.path), tree), e.rule_id) for e in _scan(tree))
    assert found == [
        ("a", "our-key"), ("sub/a", "our-key"), ("sub/a", "sub-key"), ("sub/b/a", "our-key"),
        ("sub/b/a", "sub-key"), ("subway/a", "our-key"),
    ]  # fmt: skip


def test_rules_above_the_worktree_do_not_hold(tree: Path) -> None:
    _put(tree / "inner/.git/HEAD", "")
    _put(tree / "inner/a", VALUE)
    assert _scan(tree / "inner") == []


def test_a_text_from_standard_input_is_scanned_with_them(tree: Path) -> None:
    path = os.fsencode(tree / "new/a.txt")
    (found,) = scan_stream([f"\n{VALUE}".encode()], path).findings
    assert (found.rule_id, found.line) == ("our-key", 2)


def test_what_is_encoded_or_packed_is_scanned_with_them(tree: Path) -> None:
    encoded = base64.b64encode(f"the key is {VALUE} and no other".encode()).decode()
    _put(tree / "a", f"one\nblob: {encoded}\n")
    (found,) = _scan(tree / "a")
    assert (found.rule_id, found.line, found.via) == ("our-key", 2, "base64")


def test_marks_and_settings_count_for_them(tree: Path) -> None:
    _put(tree / "a", f"{VALUE} # credguard:allow our-key why\n")
    (found,) = _scan(tree / "a")
    assert found.allowed == "credguard:allow, line 1"


def test_a_built_in_rule_is_not_hidden_by_a_weaker_one(tree: Path) -> None:
    token = "ghp_" + fill("{alnum:36}", 1)
    _put(tree / "a", f"token: {token}\n")
    (before,) = _scan(tree / "a")
    _put(
        tree / ".credguard.toml",
        '[[rules]]\nid="any-of"\npattern="[ -~]{9,50}"\nconfidence="low"\n',
    )
    assert [each.rule_id for each in _scan(tree / "a")] == [before.rule_id]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[rules]]\nid = 'x'\npattern = '('", "rule x: "),
        ("[[rule]]\nid = 'x-y'\npattern = 'abc'", "rules"),
        ("[[rules]]\nid = 'own-key'\npattern = 'abc'", "does not begin with own-"),
    ],
)
@pytest.mark.parametrize("place", ["", "sub/"])
def test_an_invalid_rule_is_told_though_nothing_is_found(
    tree: Path, place: str, text: str, said: str
) -> None:
    _put(tree / place / ".credguard.toml", text)
    _put(tree / "sub/a", "clean")
    with pytest.raises(CredguardError) as caught:
        _scan(tree / "sub")
    assert said in str(caught.value) + str(caught.value.hint)
    assert "\n" not in str(caught.value)


def test_what_was_cut_short_is_told(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custom, "MAX_REPORTS", 100)
    _put(tree / ".credguard.toml", '[[rules]]\nid = "x-y"\npattern = "a[0-9]"\n')
    _put(tree / "a", "a1 " * 200)
    result = scan_paths([str(tree / "a")])
    assert result.problems == [
        (os.fsencode(tree / "a"), "own rules match too often; not all was looked at")
    ]


def test_they_hold_in_every_process(tree: Path) -> None:
    for number in range(900):
        _put(tree / f"{number % 7}/{number}", f"{VALUE}\n" + "x\n" * 9)
    result = scan_paths([str(tree)], Options(jobs=2))
    assert len(result.findings) == 900


def test_a_vaults_secret_stays_whatever_own_rules_find_beside_it() -> None:
    def one(rule: str, sure: int, offset: int, value: bytes) -> Finding:
        found = Finding(b"a", 1, offset + 1, 1, rule, rule, sure, value)
        found.offset = offset
        return found

    own, vendor = one("own-key", 3, 4, b"secret"), one("aws-key", 3, 4, b"secret+")
    low, custom_ = one("generic-x", 1, 20, b"abc"), one("our-key", 2, 20, b"abcd")
    hiding = one("our-key", 3, 0, b"xxxxsecret+yyy")
    assert custom._surest([vendor, own, low], [hiding, custom_]) == [vendor, own, custom_]
