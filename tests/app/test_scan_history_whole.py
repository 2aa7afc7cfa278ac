"""What makes a history look shorter than it is hides no secret: dates, grafts, shallow clones."""

import os
from pathlib import Path

import pytest

from credguard.app.scan import Options, Result
from credguard.app.scan_history import scan_history, scan_range
from credguard.sources import history
from tests.support import samples
from tests.support.repositories import commit, fast_import, git, line

pytestmark = pytest.mark.usefixtures("compiled_rules")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q")
    return folder


def told(result: Result) -> list[tuple[str, int, str | None]]:
    return [
        (os.fsdecode(each.path), each.line, each.commit.oid if each.commit else None)
        for each in result.findings
    ]


@pytest.mark.parametrize("as_filter", [(2, 37), (99,)], ids=["git's filter", "an older git"])
def test_a_commit_with_an_old_date_does_not_end_since(
    repo: Path, monkeypatch: pytest.MonkeyPatch, as_filter: tuple[int, ...]
) -> None:
    monkeypatch.setattr(history, "_AS_FILTER", as_filter)
    ids = []
    for year, text in (("2015", line(3)), ("2025", line(1)), ("1971", "clean\n")):
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"{year}-01-02T00:00:00Z")
        ids.append(commit(repo, a=text))
    assert told(scan_history(str(repo), since="2020-01-01")) == [("a", 1, ids[1])]


def test_a_graft_hides_no_commit(repo: Path) -> None:
    first = commit(repo, a="clean\n")
    second = commit(repo, a=line(1))
    last = commit(repo, a="clean again\n")
    (repo / ".git/info").mkdir(exist_ok=True)
    (repo / ".git/info/grafts").write_text(f"{last} {first}\n")
    assert told(scan_range(f"{first}..{last}", str(repo))) == [("a", 1, second)]


def test_a_shallow_clone_is_not_passed_off_as_all(repo: Path, tmp_path: Path) -> None:
    commit(repo, a=line(1))
    commit(repo, a="clean\n")
    commit(repo, b=line(2))
    last = commit(repo, b="clean\n", c=line(3))
    git(tmp_path, "clone", "-q", "--depth", "2", repo.as_uri(), "part")
    part = str(tmp_path / "part")
    problem = "a shallow clone: the commits before are not here (git fetch --unshallow)"
    result = scan_history(part)
    first = git(repo, "rev-parse", "HEAD~1")
    assert told(result) == [("b", 1, first), ("c", 1, last)]
    assert result.problems == [(os.fsencode(part), problem)]
    assert scan_range("HEAD~1..HEAD", part).problems == []


def test_a_path_that_passes_hides_no_copy_elsewhere(repo: Path) -> None:
    (repo / "tests").mkdir()
    settings = '[allow]\npaths = ["tests/"]\n'
    commit(repo, **{"tests/a": line(1), ".credguard.toml": settings})
    second = commit(repo, b=line(1))
    commit(repo, c=line(1))
    result = scan_history(str(repo))
    assert [each for each in told(result) if each[0] != "tests/a"] == [("b", 1, second)]
    assert [bool(each.allowed) for each in result.findings] == [True, False]


def test_a_copy_that_is_another_kind_of_file_is_read_as_that(repo: Path) -> None:
    """In code this is the name of a variable, in a configuration file a password."""
    text = "import os\ndb_password = monkey" + "wrench99\n"
    commit(repo, a__go=text)
    second = commit(repo, prod__env=text)
    commit(repo, other__env=text)
    assert told(scan_history(str(repo))) == [("prod.env", 2, second)]


def test_a_blob_is_read_under_each_name_also_where_only_the_case_differs(tmp_path: Path) -> None:
    value = f"{samples.text(24, 3)}\n".encode()
    names = ("DB_PASSWORD.TXT", "db_password.txt")  # the first is no name for a value alone
    fast_import(tmp_path / "repo", [{name: value} for name in names])
    found = scan_history(str(tmp_path / "repo"), Options(jobs=1)).findings
    assert [each.path for each in found] == [b"db_password.txt"]


def test_a_blob_that_passes_under_one_name_hides_nothing_under_another(repo: Path) -> None:
    value = samples.text(24, 3)
    commit(repo, db_password__txt=f"{value}\n", notes__md=f"{value}\n")  # the second: no sign
    commit(repo, notes__md=f"db_password = '{value}'\n")
    found = scan_history(str(repo)).findings
    same = {each.rule_id for each in found}
    assert (len(same), [each.path for each in found]) == (1, [b"db_password.txt", b"notes.md"])
