"""What a complete scan of a history found clean is not read by the next one."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from credguard import paths
from credguard.app.scan import Options, Result
from credguard.app.scan_history import scan_history
from credguard.scan.own_table import Entry, rows_of, table
from credguard.sources import own, progress
from tests.support import samples
from tests.support.repositories import commit, git, line

pytestmark = pytest.mark.usefixtures("compiled_rules")
OWN = f"correct {samples.text(9, 1)} battery {samples.text(9, 2)}"
RULE = '[[rules]]\nid = "ours"\npattern = "ACME-[a-z0-9]{10}"\n'
PGPASS = f"db.corp.net:5432:main:ada:{samples.text(12, 5)}\n"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    top = tmp_path / "repo"
    top.mkdir()
    git(top, "init", "-q")
    commit(top, a="nothing\n", b=f"{line(1)}", notes=PGPASS)
    commit(top, a="nothing more\n", c=f"we said {OWN} before\n", d="nothing ACME-a1b2c3d4e5\n")
    return top


def again(repo: Path, **more: int) -> Result:
    return scan_history(str(repo), Options(jobs=1, remember=True, **more))  # type: ignore[arg-type]


def kept() -> list[Path]:
    return sorted(Path(paths.cache_dir(), "history").glob("*"))


def told(result: Result) -> list[tuple[str, int, str, str]]:
    return sorted(
        (each.path.decode(), each.line, each.rule_id, each.commit.oid if each.commit else "")
        for each in result.findings
    )


def test_only_what_is_new_is_read(repo: Path) -> None:
    first = again(repo)
    second = again(repo)
    assert first.unchanged == 0
    assert (second.scanned, second.unchanged) == (first.scanned, first.scanned - 1)
    assert told(second) == told(first)
    assert second.notices == []
    commit(repo, e=line(7))
    third = again(repo)
    assert third.scanned - third.unchanged == 2
    assert [name for name, *_ in told(third)] == ["b", "e"]
    commit(repo, f="new\n")
    again(repo)
    assert again(repo).notices == []  # also what was added to a complete one is complete


def _own_secret(_repo: Path) -> None:
    key = b"k" * 32
    rows = rows_of(key, OWN.encode(), random.Random(1).randrange, made=True)
    own.write(table(key, [Entry("mine", "note", rows)]))


def _own_rule(repo: Path) -> None:
    (repo / ".credguard.toml").write_text(RULE)


def _other_name(repo: Path) -> None:
    commit(repo, **{".pgpass": PGPASS})


def _moved_below_a_rule(repo: Path) -> None:
    (repo / "sub").mkdir()
    _own_rule(repo / "sub")
    git(repo, "mv", "d", "sub/d")
    git(repo, "commit", "-qm", "moved")


def _rule_of_a_repository_inside(repo: Path) -> None:
    commit(repo / "inner", **{".credguard.toml": RULE})


@pytest.mark.parametrize(
    "change",
    [_own_secret, _own_rule, _other_name, _moved_below_a_rule, _rule_of_a_repository_inside],
)
def test_what_is_found_in_a_blob_that_was_clean(repo: Path, change: Callable[[Path], None]) -> None:
    (repo / "inner").mkdir()
    commit(repo, **{"inner/f": "nothing ACME-f1b2c3d4e5\n"})
    git(repo, "rm", "-rqf", "inner")
    git(repo, "commit", "-qm", "a folder becomes a repository of its own")
    (repo / "inner").mkdir()
    git(repo / "inner", "init", "-q")
    commit(repo / "inner", g="nothing\n")
    before = told(again(repo))
    again(repo)
    change(repo)
    result = again(repo)
    assert len(result.findings) == len(before) + 1
    assert told(scan_history(str(repo), Options(jobs=1), resume=False)) == told(result)


def test_others_read_everything(repo: Path) -> None:
    again(repo)
    assert scan_history(str(repo), Options(jobs=1, remember=True), resume=False).unchanged == 0
    assert again(repo, least=3).unchanged == 0


def test_a_scan_that_does_not_remember_leaves_nothing(repo: Path) -> None:
    scan_history(str(repo), Options(jobs=1))
    assert kept() == []


@pytest.mark.parametrize("harm", ["other mode", "cut", "changed", "pipe"])
def test_a_file_that_cannot_be_trusted_hides_nothing(repo: Path, harm: str) -> None:
    import os

    wanted = told(again(repo))
    (file,) = kept()
    data = file.read_bytes()
    if harm == "other mode":
        file.chmod(0o644)
    elif harm == "cut":
        file.write_bytes(data[:-27])
    elif harm == "changed":
        file.write_bytes(data[:-45] + bytes(45))
    else:
        file.unlink()
        os.mkfifo(file)
    assert told(again(repo)) == wanted
    assert told(again(repo)) == wanted


@pytest.mark.parametrize("other", ["replaces", "removes"])
def test_of_two_scans_at_once_none_adds_to_what_another_asked_for(
    tmp_path: Path, other: str
) -> None:
    file, ours, theirs = tmp_path / "seen", b"o" * 32, b"t" * 32
    first = progress.Seen(str(file), ours)
    first.add([b"1" * progress.SIZE])
    first.close()
    goes_on = progress.Seen(str(file), ours)
    between = progress.Seen(str(file), theirs)
    between.add([b"2" * progress.SIZE])
    if other == "removes":
        between.remove()
    goes_on.add([b"3" * progress.SIZE])
    goes_on.complete()
    if other == "replaces":
        between.add([b"4" * progress.SIZE])
        between.close()
    assert b"3" * progress.SIZE not in progress.Seen(str(file), theirs)
    assert b"4" * progress.SIZE not in progress.Seen(str(file), ours)
    assert b"3" * progress.SIZE in progress.Seen(str(file), ours)


def test_of_a_history_with_too_much_nothing_is_kept(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "MOST", 2)
    again(repo)
    assert kept() == []


def test_what_belongs_to_repositories_of_long_ago_is_forgotten(repo: Path) -> None:
    import os

    again(repo)
    (file,) = kept()
    old = file.with_name("0" * 32)
    old.write_bytes(b"x")
    os.utime(old, (1_000_000_000, 1_000_000_000))
    commit(repo, f="new\n")
    again(repo)
    assert kept() == [file]
