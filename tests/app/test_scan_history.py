"""Secrets in history: each told once, where it came in, over real repositories of many kinds."""

import os
import subprocess
from pathlib import Path

import pytest

from credguard import paths
from credguard.app.scan import Options, Result
from credguard.app.scan_history import scan_history, scan_range
from credguard.errors import GitError
from credguard.sources import history
from tests.support.repositories import commit, fast_import, git, line

pytestmark = pytest.mark.usefixtures("compiled_rules")


@pytest.fixture(params=["sha1", pytest.param("sha256", marks=pytest.mark.slow)])
def repo(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q", f"--object-format={request.param}")
    return folder


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    folder = tmp_path / "plain"
    folder.mkdir()
    git(folder, "init", "-q")
    return folder


def told(result: Result) -> list[tuple[str, int, str | None]]:
    return [
        (os.fsdecode(each.path), each.line, each.commit.oid if each.commit else None)
        for each in result.findings
    ]


def scan(repo: Path, jobs: int = 1, **how: object) -> list[tuple[str, int, str | None]]:
    result = scan_history(str(repo), Options(jobs=jobs), **how)  # type: ignore[arg-type]
    assert result.problems == []
    return told(result)


def test_told_at_the_commit_that_brought_it_in_though_many_keep_it(repo: Path) -> None:
    commit(repo, a="clean\n")
    first = commit(repo, a=line(1))
    commit(repo, a="moved\n" + line(1))
    second = commit(repo, a="moved\n" + line(1) + line(2))
    commit(repo, a="clean again\n")
    commit(repo, b="other\n")
    result = scan_history(str(repo))
    assert told(result) == [("a", 1, first), ("a", 3, second)]
    found = result.findings[0].commit
    assert found is not None
    assert found.author == "Test Person <test@example.invalid>"
    assert found.date[:2] == "20"
    assert result.scanned == 6


def test_a_rename_and_a_copy_are_other_places(repo: Path) -> None:
    first = commit(repo, a=line(1) + "more\n")
    git(repo, "mv", "a", "b")
    commit(repo)
    second = commit(repo, c=line(1) + "else\n")
    assert scan(repo) == [("a", 1, first), ("c", 1, second)]


def test_a_secret_only_in_the_resolution_of_a_merge(repo: Path) -> None:
    commit(repo, a="base\n")
    git(repo, "checkout", "-qb", "side")
    commit(repo, a="side\n", s=line(3))
    git(repo, "checkout", "-q", "-")
    commit(repo, a="main\n", m=line(4))
    subprocess.run(["git", "merge", "-q", "side"], cwd=repo, check=False, capture_output=True)
    merge = commit(repo, a="resolved\n" + line(5), evil=line(6))
    found = scan(repo)
    assert {name for name, _, _ in found} == {"a", "evil", "s", "m"}
    assert [(name, at) for name, _, at in found if at == merge] == [("a", merge), ("evil", merge)]


def test_an_octopus(repo: Path) -> None:
    commit(repo, base="base\n")
    for number in range(3):
        git(repo, "checkout", "-q", "-b", f"arm{number}", "main")
        commit(repo, **{f"f{number}": line(number)})
    git(repo, "checkout", "-q", "main")
    git(repo, "merge", "-q", "arm0", "arm1", "arm2", "-m", "all")
    assert sorted(name for name, _, _ in scan(repo)) == ["f0", "f1", "f2"]


def test_what_no_branch_reaches_is_scanned_too(repo: Path) -> None:
    commit(repo, a="base\n")
    dropped = commit(repo, a=line(1))
    git(repo, "reset", "-q", "--hard", "HEAD~")
    (repo / "b").write_text(line(2))
    oid = git(repo, "hash-object", "-w", "b")
    (repo / "b").unlink()
    (repo / "a").write_text(line(3))
    git(repo, "stash", "-q")
    git(repo, "tag", "kept", dropped)
    found = scan(repo)
    assert ("a", 1, dropped) in found
    assert (f"blob/{oid}", 1, None) in found
    assert len(found) == 3


def test_without_commits(repo: Path) -> None:
    assert scan(repo) == []
    (repo / "a").write_text(line(1))
    git(repo, "add", "a")
    ((path, at, of),) = scan(repo)  # the index's blob, in no commit yet
    assert (path[:5], at, of) == ("blob/", 1, None)


def test_a_branch_and_a_date_limit_it(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2020-01-01T00:00:00Z")
    old = commit(repo, a=line(1))
    git(repo, "checkout", "-qb", "side")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2022-01-01T00:00:00Z")
    side = commit(repo, s=line(2), a=line(1) + "more\n")
    git(repo, "checkout", "-q", "-")
    main = commit(repo, m=line(3))
    assert scan(repo, branches=("main",)) == [("a", 1, old), ("m", 1, main)]
    assert sorted(scan(repo, since="2021-01-01")) == [("m", 1, main), ("s", 1, side)]
    assert scan(repo, since="2021-01-01", branches=("side",)) == [("s", 1, side)]
    assert scan(repo, since="2030-01-01") == []
    for wrong in ("nothing", "", "--output=x"):  # git takes it for now
        with pytest.raises(GitError, match="not a date"):
            scan(repo, since=wrong)
    for wrong in ("nothing", "--output=x", "-rf", "a b", ""):
        with pytest.raises(GitError):
            scan(repo, branches=(wrong,))
    assert not (repo / "x").exists()


def test_a_range_gives_what_its_commits_added(repo: Path) -> None:
    commit(repo, a=line(1))
    git(repo, "branch", "from")
    commit(repo, a="first\n" + line(1))  # it was there before
    added = commit(repo, a="first\n" + line(1) + line(2))
    commit(repo, a="first\n" + line(1))  # taken out again, and still pushed
    result = scan_range("from..main", str(repo))
    assert told(result) == [("a", 3, added)]
    assert told(scan_range("main..main", str(repo))) == []
    for wrong in ("main", "-a..b", "nothing..main", "--all"):
        with pytest.raises(GitError):
            scan_range(wrong, str(repo))


def test_attributes_filters_and_config_run_nothing_and_hide_nothing(repo: Path) -> None:
    ran = repo / "ran"
    script = repo / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch '{ran}'\nexit 1\n")
    script.chmod(0o755)
    first = commit(repo, a=line(1), __gitattributes="* -diff diff=evil filter=evil\n")
    for key in (
        *("core.fsmonitor", "filter.evil.smudge", "filter.evil.process", "diff.evil.textconv"),
        *("diff.evil.command", "diff.external", "gpg.program", "core.sshCommand", "core.pager"),
        *("core.alternateRefsCommand", "uploadpack.packObjectsHook"),
    ):
        git(repo, "-c", "core.fsmonitor=false", "config", key, str(script))
    os.mkfifo(repo / "fifo")
    for key, value in (("log.showSignature", "true"), ("diff.orderFile", str(repo / "fifo")),
                       ("log.diffMerges", "off"), ("log.showRoot", "false"),
                       ("diff.renames", "copies"), ("color.ui", "always"), ("log.follow", "true"),
                       ("format.pretty", "raw"), ("core.quotePath", "true"),
                       ("diff.relative", "true"), ("log.decorate", "full")):  # fmt: skip
        git(repo, "-c", "core.fsmonitor=false", "config", key, value)
    assert ("a", 1, first) in scan(repo)
    assert not ran.exists()


def test_names_and_authors_of_any_bytes(plain: Path) -> None:
    names = [b"new\nline", b"bad\xff", b":100644 x", b"-rf", b"\ttab", b"caf\xc3\xa9"]
    for number, name in enumerate(names):
        with open(os.path.join(os.fsencode(plain), name), "wb") as file:
            file.write(line(number).encode())
    git(plain, "add", ".")
    git(
        plain,
        "commit",
        "-qm",
        "x",
        "--author",
        "A\x01B\u00e9 <x>",
    )
    result = scan_history(str(plain))
    assert sorted(each.path for each in result.findings) == sorted(names)
    assert {each.commit.author for each in result.findings if each.commit} == {"A\x01B\u00e9 <x>"}


def test_symlinks_submodules_and_type_changes(repo: Path) -> None:
    first = commit(repo, a=line(1))
    (repo / "a").unlink()
    (repo / "a").symlink_to("elsewhere")
    git(repo, "update-index", "--add", "--cacheinfo", f"160000,{first},sub")
    commit(repo)
    assert scan(repo) == [("a", 1, first)]


def test_a_partial_clone_is_told_and_never_made_to_fetch(plain: Path, tmp_path: Path) -> None:
    commit(plain, a=line(1))
    commit(plain, a="clean\n", b="more\n")
    git(plain, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--filter=blob:none", f"file://{plain}", "partial")
    before = git(tmp_path / "partial", "count-objects", "-v")
    result = scan_history(str(tmp_path / "partial"))
    assert [why for _, why in result.problems] == ["1 blob is not here: a partial clone"]
    assert git(tmp_path / "partial", "count-objects", "-v") == before


def test_bare_linked_and_a_folder_below(plain: Path, tmp_path: Path) -> None:
    first = commit(plain, a=line(1))
    git(tmp_path, "clone", "-q", "--bare", str(plain), "bare.git")
    git(plain, "worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    (plain / "below").mkdir()
    for folder in (tmp_path / "bare.git", tmp_path / "linked", plain / "below", plain / ".git"):
        assert scan(folder) == [("a", 1, first)]


def test_no_repository(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(GitError):
            scan(folder)
        with pytest.raises(GitError):
            scan_range("a..b", str(folder))


def test_globs(plain: Path) -> None:
    (plain / "sub").mkdir()
    commit(plain, a__py=line(1), b__txt=line(2))
    (plain / "sub" / "c.py").write_text(line(3))
    commit(plain)
    result = scan_history(str(plain), Options(include=("*.py",), exclude=("sub/",)))
    assert [each.path for each in result.findings] == [b"a.py"]


def _long(folder: Path, blobs: int = 1_200) -> list[tuple[str, int]]:
    """A repository that several processes scan; gives what is to be found, in order."""
    fast_import(folder, (
        {f"d{number % 7}/f{number % 100}": b"clean\n" * (number % 40) + b"%d\n" % number
         + (line(number).encode() if number % 10 == 0 else b"")} for number in range(blobs)
    ))  # fmt: skip
    return [(f"d{number % 7}/f{number % 100}", number % 40 + 2) for number in range(0, blobs, 10)]


def test_several_processes_say_what_one_says(tmp_path: Path) -> None:
    wanted = _long(tmp_path / "long.git")
    for jobs in (1, 3):
        found = scan(tmp_path / "long.git", jobs)
        assert [(name, at) for name, at, _ in found] == wanted
        assert len({of for _, _, of in found}) == len(wanted)


def test_a_blob_longer_than_a_window(tmp_path: Path) -> None:
    size = 20 << 20
    data = bytearray(b"ab cd\n" * (size // 6))
    for at in (0, 16 << 20, size - 100):
        start = data.rfind(b"\n", 0, at) + 1
        data[start : start + len(line(at))] = line(at).encode()
    fast_import(tmp_path / "r.git", [{"long": bytes(data), "z": line(1).encode()}])
    assert [name for name, _, _ in scan(tmp_path / "r.git")] == ["long"] * 3 + ["z"]


class _Stop(Exception):
    pass


def _state() -> list[Path]:
    return list(Path(paths.cache_dir(), "history").glob("*"))


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupted_run_is_gone_on_with(tmp_path: Path, jobs: int) -> None:
    wanted = _long(tmp_path / "r.git")
    options = Options(jobs=jobs)
    repo = str(tmp_path / "r.git")

    def stop(result: Result) -> None:
        if result.scanned > 600:
            raise _Stop

    with pytest.raises(_Stop):
        scan_history(repo, options, stop)
    (state,) = _state()
    assert state.stat().st_mode & 0o777 == 0o600
    with state.open("ab") as file:
        file.write(b"torn")
    again = scan_history(repo, options)
    assert [(name, at) for name, at, _ in told(again)] == wanted
    assert (again.scanned, again.scanned - again.unchanged < 700) == (1_200, True)
    assert "gone on with an interrupted run" in again.notices[0]
    assert _state() == []
    assert scan_history(repo, options).unchanged == 0


def test_what_was_clean_under_other_rules_or_options_is_scanned_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _long(tmp_path / "r.git")
    repo = str(tmp_path / "r.git")

    def stop(result: Result) -> None:
        if result.scanned > 600:
            raise _Stop

    def interrupted() -> None:
        with pytest.raises(_Stop):
            scan_history(repo, Options(jobs=1), stop)

    interrupted()
    assert scan_history(repo, Options(jobs=1, least=3)).notices == []
    interrupted()
    monkeypatch.setattr("credguard.sources.remembered.__version__", "other")
    assert scan_history(repo, Options(jobs=1)).unchanged == 0
    interrupted()
    (state,) = _state()
    state.write_bytes(b"damaged")
    assert scan_history(repo, Options(jobs=1)).unchanged == 0
    interrupted()
    assert scan_history(repo, Options(jobs=1), resume=False).unchanged == 0


def test_a_damaged_repository_is_not_passed_off_as_clean(plain: Path) -> None:
    commit(plain, a=line(1))
    oid = git(plain, "rev-parse", "HEAD:a")
    file = plain / ".git" / "objects" / oid[:2] / oid[2:]
    file.chmod(0o644)
    file.write_bytes(b"damaged")
    try:
        result = scan_history(str(plain))
    except GitError:
        return
    assert result.problems


def test_git_that_dies_midway_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _long(tmp_path / "r.git", 300)
    plain = history.Blobs._fill

    def fill(self: history.Blobs) -> None:
        assert self._process is not None
        os.kill(self._process._pid, 9)
        plain(self)

    monkeypatch.setattr(history.Blobs, "_fill", fill)
    with pytest.raises(GitError):
        scan(tmp_path / "r.git")


def test_a_new_own_rule_is_not_passed_over_by_a_scan_that_goes_on(
    plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = "ACME-" + "a1b2c3d4e5" * 2
    for number in range(6):
        commit(plain, a=f"{number} {value}\n")
    monkeypatch.setattr("credguard.app.scan_history._BATCH_BLOBS", 1)

    def stop(result: Result) -> None:
        if result.scanned >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan_history(str(plain), Options(jobs=1), stop)
    rule = '[[rules]]\nid = "our-key"\npattern = "ACME-[a-z0-9]{20}"\n'
    (plain / ".credguard.toml").write_text(rule)
    result = scan_history(str(plain), Options(jobs=1))
    assert result.scanned >= 6
    assert len(result.findings) == 1
