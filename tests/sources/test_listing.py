"""Which files a scan takes: what git says in a repository, everything that is a file elsewhere."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from credguard.sources.listing import Wanted, listed
from tests.support.repositories import git


def write(top: Path, *names: str) -> None:
    for name in names:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(b"1")


def found(
    top: Path,
    globs: Wanted | None = None,
    *,
    gitignore: bool = True,
    notices: list[str] | None = None,
) -> dict[str, str]:
    taken = notices if notices is not None else []
    entries = list(
        listed(
            os.fsencode(top), globs or Wanted(), gitignore=gitignore, on_notice=taken.append
        )
    )  # fmt: skip
    assert len({path for path, _ in entries}) == len(entries)
    return {os.fsdecode(os.path.relpath(path, os.fsencode(top))): why for path, why in entries}


def test_every_regular_file_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, "a", "sub/b\nc", ".git.txt", "node_modules/x/y")
    write(tmp_path, "env/pyvenv.cfg", "env/lib/python3/site-packages/z", "site-packages/x")
    with open(os.fsencode(tmp_path) + b"/\xff", "wb") as file:
        file.write(b"3")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "gone").symlink_to("nowhere")
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        names = found(tmp_path)
    every = ["a", "sub/b\nc", ".git.txt", "\udcff", "env/pyvenv.cfg", "site-packages/x"]
    assert names == dict.fromkeys(every, "")
    assert found(tmp_path / "node_modules") == {"x/y": ""}
    inside = {"pyvenv.cfg": "", "lib/python3/site-packages/z": ""}
    assert found(tmp_path / "env") == inside


@pytest.mark.parametrize("in_git", [False, True], ids=["a folder", "a repository"])
def test_a_project_that_was_made_into_a_virtual_environment_is_scanned(
    tmp_path: Path, in_git: bool
) -> None:
    write(tmp_path, "p/pyvenv.cfg", "p/app.py", "p/lib/own.py", "p/bin/run")
    write(tmp_path, "p/lib/python3/site-packages/x/y.py")
    if in_git:
        git(tmp_path, "init", "-q")
    assert set(found(tmp_path)) == {"p/pyvenv.cfg", "p/app.py", "p/lib/own.py", "p/bin/run"}


def test_the_order_depends_on_names_alone(tmp_path: Path) -> None:
    write(tmp_path, "b/2", "b/1", "a/3", "z", "a.txt")
    for _ in range(2):
        assert list(found(tmp_path)) == ["a.txt", "z", "a/3", "b/1", "b/2"]
        git(tmp_path, "init", "-q")
        (tmp_path / ".git").rename(tmp_path / "elsewhere")
        subprocess.run(["rm", "-r", tmp_path / "elsewhere"], check=True)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "b")
    assert list(found(tmp_path)) == ["a.txt", "a/3", "b/1", "b/2", "z"]


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    assert found(tmp_path / "missing") == {".": "No such file or directory"}
    (tmp_path / "loop").symlink_to("loop")
    ((_, why),) = listed(os.fsencode(tmp_path / "loop"), Wanted())
    assert why
    ((_, why),) = listed(b"a\0b", Wanted())
    assert why


def test_a_folder_that_cannot_be_listed_is_said(tmp_path: Path) -> None:
    """Deeper than a path can name: nothing of it is passed over in silence."""
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        for _ in range(60):
            os.mkdir("d" * 100)
            os.chdir("d" * 100)
    finally:
        os.chdir(here)
    try:
        (why,) = found(tmp_path).values()
        assert why == "File name too long"
    finally:
        subprocess.run(["rm", "-rf", tmp_path / ("d" * 100)], check=True)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("build/\n*.log\n!kept.log\n")
    write(tmp_path, "a.py", "build/out/x", "b.log", "kept.log", "sub/c", "sub/d.log", "tracked.log")
    (tmp_path / "sub" / ".gitignore").write_text("/c\n")
    git(tmp_path, "add", "-f", "a.py", "tracked.log")
    return tmp_path


SEEN = {".gitignore", "a.py", "kept.log", "sub/.gitignore", "tracked.log"}


def test_gitignore_is_honoured_and_tracked_files_are_taken(repo: Path) -> None:
    assert set(found(repo)) == SEEN
    assert set(found(repo / "sub")) == {".gitignore"}
    everything = set(found(repo, gitignore=False))
    assert everything >= {"build/out/x", "b.log", "sub/c", "sub/d.log", *SEEN}
    assert not any(name.startswith(".git/") for name in everything)


def test_what_is_named_is_taken_though_it_is_ignored(repo: Path) -> None:
    assert set(found(repo / "build")) == {"out/x"}
    assert set(found(repo / "build" / "out")) == {"x"}
    assert set(found(repo / "b.log")) == {"."}


def test_a_tracked_file_that_is_gone_is_no_problem(repo: Path) -> None:
    (repo / "a.py").unlink()
    assert set(found(repo)) == SEEN - {"a.py"}


def test_the_persons_own_excludes_hold(repo: Path, poisoned: Path) -> None:
    (poisoned / "ignore").write_text("a.py\n.gitignore\n")
    git(repo, "config", "--global", "core.excludesFile", str(poisoned / "ignore"))
    (repo / ".git" / "info").mkdir(exist_ok=True)
    (repo / ".git" / "info" / "exclude").write_text("sub/\n")
    assert set(found(repo)) == {"a.py", "kept.log", "tracked.log"}


def test_symlinks_and_folders_that_packages_own_in_a_repository(repo: Path) -> None:
    (repo / "link").symlink_to("a.py")
    (repo / "new").symlink_to("a.py")
    git(repo, "add", "link")
    write(repo, "node_modules/m/x", "v/pyvenv.cfg", "v/lib/site-packages/y")
    write(repo, "node_modules/m/tracked")
    git(repo, "add", "node_modules/m/tracked")
    assert set(found(repo)) == {*SEEN, "node_modules/m/tracked", "v/pyvenv.cfg"}


def test_repositories_inside_are_asked_for_themselves(repo: Path, tmp_path: Path) -> None:
    inner = repo / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / ".gitignore").write_text("hidden\n")
    write(inner, "hidden", "shown", "a.log")
    git(inner, "add", "shown")
    git(inner, "commit", "-qm", "x")
    inside = {f"inner/{name}" for name in (".gitignore", "shown", "a.log")}
    assert set(found(repo)) == SEEN | inside
    git(repo, "add", "inner")  # now a submodule's entry
    assert set(found(repo)) == SEEN | inside
    outer = tmp_path.parent / f"{tmp_path.name}-outer"
    outer.mkdir()
    repo.rename(outer / "r")
    write(outer, "plain.log")
    assert set(found(outer)) == {"plain.log"} | {f"r/{name}" for name in SEEN | inside}


def test_the_files_of_a_submodule_without_a_repository_are_taken(repo: Path) -> None:
    git(repo, "init", "-q", "lib")
    commit = ("-c", "user.name=n", "-c", "user.email=n@example.invalid", "commit", "-q", "-m", "m")
    git(repo / "lib", *commit, "--allow-empty")
    git(repo, "add", "lib")
    shutil.rmtree(repo / "lib/.git")
    write(repo, "lib/a", "lib/deep/b")
    assert {"lib/a", "lib/deep/b"} <= set(found(repo))
    assert found(repo / "lib") == {"a": "", "deep/b": ""}


def test_a_bare_repository_and_gits_own_folder_are_folders(repo: Path, tmp_path: Path) -> None:
    assert "config" in found(repo / ".git")
    bare = tmp_path / "bare.git"
    bare.mkdir()
    git(bare, "init", "-q", "--bare")
    assert "HEAD" in found(bare)


def test_where_git_fails_everything_is_taken_and_it_is_said(repo: Path) -> None:
    (repo / ".git" / "index").write_bytes(b"damaged")
    notices: list[str] = []
    assert set(found(repo, notices=notices)) >= {"b.log", "build/out/x", "a.py"}
    assert len(notices) == 1
    assert ".gitignore is not honoured" in notices[0]


def test_a_git_folder_that_is_none_hides_nothing(repo: Path) -> None:
    (repo / "build" / ".git").mkdir()
    assert "out/x" in found(repo / "build")


def test_a_hostile_repository_runs_nothing(repo: Path) -> None:
    ran = repo / "ran"
    script = repo / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch '{ran}'\n")
    script.chmod(0o755)
    hooks = repo / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-index-change", "post-checkout", "pre-commit"):
        (hooks / hook).write_bytes(script.read_bytes())
        (hooks / hook).chmod(0o755)
    (repo / ".gitattributes").write_text("* filter=evil diff=evil\n")
    for key in ("core.fsmonitor", "filter.evil.clean", "filter.evil.process", "diff.evil.textconv",
                "diff.external", "core.sshCommand", "core.pager", "core.editor"):  # fmt: skip
        git(repo, "-c", "core.fsmonitor=false", "config", key, str(script))
    (repo / "a.py").write_text("changed\n")
    assert "a.py" in found(repo)
    assert not ran.exists()


def test_names_that_look_like_options(repo: Path) -> None:
    write(repo, "-rf/x", "--help")
    here = os.getcwd()
    os.chdir(repo)
    try:
        assert [path for path, _ in listed(b"-rf", Wanted())] == [b"-rf/x"]
        assert b"./--help" in [path for path, _ in listed(b".", Wanted())]
    finally:
        os.chdir(here)


@pytest.mark.parametrize("in_git", [False, True])
def test_globs(tmp_path: Path, in_git: bool) -> None:
    if in_git:
        git(tmp_path, "init", "-q")
    write(tmp_path, "a.py", "b.txt", "vendor/c.py", "deep/vendor/d.py", "deep/e.py")
    assert set(found(tmp_path, Wanted(("*.py",)))) == {
        "a.py", "vendor/c.py", "deep/vendor/d.py", "deep/e.py"}  # fmt: skip
    assert set(found(tmp_path, Wanted(("*.py",), ("vendor/",)))) == {"a.py", "deep/e.py"}
    assert set(found(tmp_path, Wanted((), ("/vendor/", "*.txt")))) == {
        "a.py", "deep/vendor/d.py", "deep/e.py"}  # fmt: skip
    assert set(found(tmp_path, Wanted(("deep/**",), ("d.py",)))) == {"deep/e.py"}
    assert set(found(tmp_path / "a.py", Wanted((), ("*.py",)))) == set()
