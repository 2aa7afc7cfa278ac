"""What is staged, read from real repositories by object id."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credguard.errors import GitError
from credguard.sources.git import Process, blobs, git_environment, printable, run
from credguard.sources.staging import added_ranges, staged


def git(cwd: Path, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=cwd, check=True, capture_output=True, timeout=30)
    return done.stdout.decode()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q")
    return folder


def names(repo: Path) -> dict[bytes, bytes]:
    return {file.path: file.data for file in staged(str(repo))}


def test_without_commits_everything_is_new(repo: Path) -> None:
    (repo / "a").write_text("one\n")
    git(repo, "add", "a")
    (file,) = staged(str(repo))
    assert (file.path, file.data, file.added) == (b"a", b"one\n", None)


def test_an_empty_index_gives_nothing(repo: Path) -> None:
    assert staged(str(repo)) == []


def test_the_index_counts_not_the_worktree(repo: Path) -> None:
    (repo / "a").write_text("staged\n")
    git(repo, "add", "a")
    (repo / "a").write_text("worktree\n")
    assert names(repo) == {b"a": b"staged\n"}


def test_only_new_lines_are_added(repo: Path) -> None:
    (repo / "a").write_text("1\n2\n3\n")
    git(repo, "add", "a")
    git(repo, "commit", "-qm", "a")
    (repo / "a").write_text("0\n1\n2\nnew\nmore\n3\nlast")
    git(repo, "add", "a")
    (file,) = staged(str(repo))
    assert file.added == [(1, 1), (4, 5), (7, 7)]


def test_names_of_any_bytes(repo: Path) -> None:
    wild = [b"new\nline", b"caf\xc3\xa9", b"bad\xff", b"\ttab", b"-dash"]
    for name in wild:
        Path(os.fsdecode(os.path.join(os.fsencode(repo), name))).write_bytes(b"x")
    git(repo, "add", ".")
    assert sorted(names(repo)) == sorted(wild)


def test_symlinks_submodules_deletions_modes_and_type_changes(repo: Path) -> None:
    (repo / "gone").write_text("gone\n")
    (repo / "mode").write_text("mode\n")
    (repo / "turns").write_text("target")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "a")
    git(repo, "rm", "-q", "gone")
    git(repo, "update-index", "--chmod=+x", "mode")
    (repo / "turns").unlink()
    (repo / "turns").symlink_to("target")
    git(repo, "add", "turns")
    oid = git(repo, "rev-parse", "HEAD").strip()
    git(repo, "update-index", "--add", "--cacheinfo", f"160000,{oid},sub")
    (file,) = staged(str(repo))
    assert (file.path, file.data, file.added) == (b"turns", b"target", None)


def test_attributes_and_config_hide_nothing(repo: Path) -> None:
    (repo / ".gitattributes").write_text("* -diff diff=evil filter=evil\n")
    (repo / "a").write_bytes("text\n".encode("utf-16"))
    git(repo, "add", ".")
    ran = repo / "ran"
    for key in ("diff.external", "diff.evil.textconv", "diff.evil.command", "core.fsmonitor"):
        git(repo, "config", key, f"touch '{ran}'; true")
    git(repo, "config", "diff.relative", "true")
    (repo / "sub").mkdir()
    assert sorted(names(repo / "sub")) == [b".gitattributes", b"a"]
    assert not ran.exists()


def test_a_replacement_object_hides_nothing(repo: Path) -> None:
    (repo / "a").write_text("real\n")
    git(repo, "add", "a")
    (repo / "b").write_text("harmless\n")
    real, fake = (git(repo, "hash-object", "-w", name).strip() for name in "ab")
    git(repo, "replace", real, fake)
    assert names(repo) == {b"a": b"real\n"}


def test_a_merge_gives_what_differs_from_both_parents(repo: Path) -> None:
    (repo / "both").write_text("base\n")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "base")
    git(repo, "checkout", "-qb", "other")
    (repo / "both").write_text("theirs\n")
    (repo / "only-theirs").write_text("x\n")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "theirs")
    git(repo, "checkout", "-q", "main")
    (repo / "both").write_text("ours\n")
    git(repo, "commit", "-qam", "ours")
    subprocess.run(["git", "merge", "-q", "other"], cwd=repo, capture_output=True, check=False)
    (repo / "both").write_text("ours\nresolution\ntheirs\n")
    git(repo, "add", "both")
    (file,) = staged(str(repo))
    assert (file.path, file.added) == (b"both", [(2, 2)])


def test_many_and_large_objects_do_not_block(repo: Path) -> None:
    for number in range(200):
        (repo / f"f{number}").write_bytes(b"%d\n" % number * 2000)
    (repo / "large").write_bytes(b"x" * 3_000_000 + b"\n")
    git(repo, "add", ".")
    found = names(repo)
    assert len(found) == 201
    assert len(found[b"large"]) == 3_000_001
    assert found[b"f7"] == b"7\n" * 2000


def test_a_missing_object_is_an_error(repo: Path) -> None:
    git(repo, "update-index", "--add", "--cacheinfo", f"100644,{'1' * 40},a")
    with pytest.raises(GitError, match=r"has not the object 1* of a$"):
        staged(str(repo))


def test_what_is_too_large_is_named(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("credguard.sources.git.MAX_BLOB", 1 << 20)
    (repo / "lar\nge").write_bytes(b"x" * ((1 << 20) + 1))
    git(repo, "add", ".")
    with pytest.raises(GitError, match=r"^lar\\nge is too large to scan \(1 MiB, the most is 1\)"):
        staged(str(repo))


def test_git_that_stops_says_what_it_said(repo: Path) -> None:
    git(repo, "config", "diff.renameLimit", "bogus")
    with pytest.raises(GitError, match="bad numeric config") as caught:
        staged(str(repo))
    assert "inside a git repository" not in caught.value.hint


def test_outside_a_repository(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="not inside a git work tree"):
        staged(str(tmp_path))


def test_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="cannot run git"):
        run(None, "version")


def test_another_repositorys_environment_is_dropped(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert run(str(repo), "rev-parse", "--show-toplevel").strip() == os.fsencode(repo)


@given(st.lists(st.sampled_from([b"a", b"b", b"c", b""])), st.lists(st.sampled_from([b"a", b""])))
def test_added_lines_are_exactly_those_not_there_before(new: list[bytes], old: list[bytes]) -> None:
    data, before = b"\n".join(new), b"\n".join(old)
    ranges = added_ranges(data, [before])
    assert ranges is not None
    inside = {n for first, last in ranges for n in range(first, last + 1)}
    lines, known = data.split(b"\n"), set(before.split(b"\n"))
    assert inside == {n for n, line in enumerate(lines, 1) if line not in known}


@pytest.mark.parametrize("codec", ["utf-16", "utf-8"])
def test_the_lines_of_utf_16_are_text_lines(codec: str) -> None:
    old, new = "one\n\u0a0a\ntwo\n", "one\n\u0a0a\nnew\ntwo\n"
    assert added_ranges(new.encode("utf-16"), [old.encode(codec)]) == [(3, 3)]


def test_a_zero_byte_does_not_make_everything_new() -> None:
    assert added_ranges(b"a\0b\nc", [b"a\0b\n"]) == [(2, 2)]


def test_printable_leaves_no_control_character() -> None:
    shown = printable(b"a\nb\x1b[2J\xff\xc2\x9bz\xe2\x80\xae")
    assert shown.isprintable()
    assert shown.startswith("a\\nb\\x1b[2J\\xff")


def test_requests_longer_than_a_pipe_do_not_block(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    names = [f":0:{'n' * 5000}{number}" for number in range(100)]
    paths = [name.encode() for name in names]
    assert list(blobs(str(tmp_path), names, paths, lenient=True)) == [b""] * 100


class _Watched:
    """A poll object by which standard error ends first; keeps how long was waited for nothing."""

    def __init__(self, process: Process) -> None:
        self._poll = process._poll
        self._first = process._stderr
        self.left = {process._stdout, process._stderr}
        self.idle: list[float] = []
        process._poll = self  # type: ignore[assignment]

    def unregister(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        self.left.remove(descriptor)

    def poll(self, most: float) -> list[tuple[int, int]]:
        if not self.left:
            self.idle.append(most)
        while True:
            ready = self._poll.poll(most)
            if self._first in self.left:
                ready = [each for each in ready if each[0] == self._first]
            if ready or not self.left:
                return ready


def test_nothing_is_waited_for_once_standard_error_has_ended() -> None:
    process = Process(["git", "version"], git_environment(inherit=False))
    watched = _Watched(process)
    assert process.read().startswith(b"git version")
    assert process.read() == b""
    assert process.finish() == 0
    assert watched.idle in ([], [0])
