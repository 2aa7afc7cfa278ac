"""What is worth a watch: decided by names, marks and git's own rules, which run nothing."""

import os
import subprocess
from pathlib import Path

import pytest

from credguard.daemon.tree import Ignores, kept_folders
from credguard.report.advice import leaks_while_ignored
from credguard.sources import ignored


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ignores(clock: Clock) -> Ignores:
    return Ignores(clock)


def git(folder: Path, *args: str) -> None:
    subprocess.run(["git", "-C", folder, *args], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    top = tmp_path / "r"
    for name in ("src/gen", "empty", "build/deep", "out/keep", "node_modules/x", "target"):
        (top / name).mkdir(parents=True)
    git(tmp_path, "init", "-q", "r")
    (top / ".gitignore").write_text("/build/\nout\ngen/\n*.log\n.env\n")
    (top / "out" / "keep" / "tracked").touch()
    git(top, "add", "-f", "out/keep/tracked")
    return top


def folders(top: Path, ignores: Ignores) -> set[str]:
    return {os.path.relpath(folder, top) for folder, _ in kept_folders(str(top), ignores)}


def test_dependency_and_object_folders_are_not_entered(tmp_path: Path, ignores: Ignores) -> None:
    for name in (
        "src/a", ".git/objects", "x/node_modules/y", ".venv/lib", "dist/z", "mirror/objects",
        "packages/lib", "cache/deep",
    ):  # fmt: skip
        (tmp_path / "t" / name).mkdir(parents=True)
    (tmp_path / "t" / "mirror" / "HEAD").touch()
    (tmp_path / "t" / "packages" / "pyvenv.cfg").touch()
    (tmp_path / "t" / "cache" / "CACHEDIR.TAG").touch()
    (tmp_path / "t" / "loop").symlink_to(tmp_path)
    os.rmdir(tmp_path / "t" / ".git" / "objects")
    os.rmdir(tmp_path / "t" / ".git")
    assert folders(tmp_path / "t", ignores) == {".", "src", "src/a", "x"}


def test_what_git_ignores_is_not_entered_and_what_is_tracked_is(
    repository: Path, ignores: Ignores
) -> None:
    # A folder called target that git does not ignore may hold sources.
    assert folders(repository, ignores) == {".", "src", "empty", "out", "out/keep", "target"}


def test_ignored_files_are_left_out_but_for_those_where_keys_lie(
    repository: Path, ignores: Ignores
) -> None:
    for name in ("a.log", ".env", "src/b.log", "src/c.py"):
        (repository / name).touch()
    found = {
        name
        for _, files in kept_folders(str(repository), ignores, wanted=leaks_while_ignored)
        for name in files
    }
    assert found == {".gitignore", ".env", "c.py", "tracked"}
    asked = [str(repository / name) for name in ("a.log", "src/new.log", "src/c.py", "build")]
    assert ignores.among(asked) == {str(repository / n) for n in ("a.log", "src/new.log", "build")}


def test_a_changed_gitignore_counts_once_it_was_told(repository: Path, ignores: Ignores) -> None:
    file = str(repository / "src" / "c.py")
    assert ignores.among([file]) == set()
    (repository / ".gitignore").write_text("*.py\n")
    ignores.forget(str(repository / ".gitignore"))
    assert ignores.among([file]) == {file}


def test_a_repository_in_an_ignored_folder_is_entered(repository: Path, ignores: Ignores) -> None:
    git(repository, "init", "-q", "build")
    assert {"build", "build/deep"} <= folders(repository, ignores)


def test_a_home_folder_kept_in_git_that_ignores_everything_is_watched(
    repository: Path, ignores: Ignores
) -> None:
    (repository / ".gitignore").write_text("*\n")
    assert {".", "src", "src/gen"} <= folders(repository, ignores)
    assert ignores.among([str(repository / "src" / "c.py")]) == set()


def test_a_repository_that_git_cannot_read_has_no_ignored_files_for_a_while(
    repository: Path, ignores: Ignores, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ignored, "DEADLINE_S", 0.2)
    (repository / ".gitignore").unlink()
    os.mkfifo(repository / ".git" / "fifo")
    git(repository, "config", "core.excludesFile", str(repository / ".git" / "fifo"))
    file = str(repository / "a.log")
    assert ignores.among([file]) == set()
    git(repository, "config", "--unset", "core.excludesFile")
    (repository / ".gitignore").write_text("*.log\n")
    assert ignores.among([file]) == set()
    clock.now = 601
    assert ignores.among([file]) == {file}


def test_many_and_long_names_are_asked_in_parts(repository: Path) -> None:
    names = [str(repository / f"{'x' * 200}{number}.log") for number in range(1000)]
    assert ignored.among(str(repository), names) == set(names)


def test_reading_a_repository_runs_nothing_that_it_names(
    repository: Path, tmp_path: Path, ignores: Ignores
) -> None:
    ran = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {ran}\ncat\n")
    program.chmod(0o755)
    (tmp_path / "included").write_text(f"[core]\n\tfsmonitor = {program}\n")
    (repository / ".gitattributes").write_text("* filter=evil diff=evil\n")
    for name, value in (
        ("core.fsmonitor", str(program)),
        ("core.hooksPath", str(tmp_path)),
        ("core.pager", str(program)),
        ("filter.evil.clean", str(program)),
        ("filter.evil.smudge", str(program)),
        ("filter.evil.process", str(program)),
        ("filter.evil.required", "true"),
        ("diff.evil.textconv", str(program)),
        ("diff.evil.command", str(program)),
        (f"includeIf.gitdir:{repository}/.path", str(tmp_path / "included")),
    ):
        git(repository, "config", name, value)
    (repository / "out" / "keep" / "tracked").write_text("changed")
    assert folders(repository, ignores)
    ignores.among([str(repository / "a.log")])
    assert not ran.exists()


@pytest.mark.parametrize(
    "where", ["nested", "info", "excludesFile", "included", "user", "worktree"]
)
def test_wherever_the_patterns_stand_they_count(
    tmp_path: Path, ignores: Ignores, poisoned: Path, where: str
) -> None:
    top = tmp_path / "r"
    git(tmp_path, "init", "-q", "--template=", "r")
    (top / "a" / "out" / "deep").mkdir(parents=True)
    patterns, settings = "out/\n", f"[core]\n\texcludesFile = {tmp_path}/list\n"
    (tmp_path / "list").write_text(patterns)
    if where == "nested":
        (top / "a" / ".gitignore").write_text(patterns)
    elif where == "info":
        (top / ".git" / "info").mkdir()
        (top / ".git" / "info" / "exclude").write_text("# a comment\n" + patterns)
    elif where == "excludesFile":
        git(top, "config", "core.excludesFile", str(tmp_path / "list"))
    elif where == "included":
        (tmp_path / "settings").write_text(settings)
        git(top, "config", "include.path", str(tmp_path / "settings"))
    elif where == "user":
        (poisoned / ".gitconfig").write_text((poisoned / ".gitconfig").read_text() + settings)
    else:
        (tmp_path / "r" / ".gitignore").write_text(patterns)
        git(top, "add", ".gitignore")
        git(top, "commit", "-qm", "x")
        git(top, "worktree", "add", "-q", "../w")
        (tmp_path / "w" / "a" / "out").mkdir(parents=True)
        top = tmp_path / "w"
    (tmp_path / "watched").mkdir()
    top.rename(tmp_path / "watched" / "r")
    if where == "worktree":
        git(tmp_path / "watched" / "r", "rev-parse", "HEAD")
    assert folders(tmp_path / "watched", ignores) == {".", "r", "r/a"}


def test_a_repository_without_patterns_costs_no_git(
    tmp_path: Path, ignores: Ignores, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        (tmp_path / f"r{number}" / "a").mkdir(parents=True)
        git(tmp_path / f"r{number}", "init", "-q")
    asked: list[tuple[str, ...]] = []
    real = ignored._ask

    def ask(folder: str, args: tuple[str, ...], request: bytes) -> bytes:
        asked.append(args)
        return real(folder, args, request)

    monkeypatch.setattr(ignored, "_ask", ask)
    assert len(folders(tmp_path, ignores)) == 7
    assert [args[0] for args in asked] == ["config"]
