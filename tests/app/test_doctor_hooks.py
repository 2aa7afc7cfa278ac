"""The doctor's checks of the git hooks, each both ways."""

import subprocess
import sys
from pathlib import Path

import pytest

from credguard.app import hook
from credguard.app.context import Context
from credguard.app.doctor import hooks
from credguard.app.doctor.model import FAIL, OK, UNKNOWN, WARN
from credguard.store import watches
from tests.support.checks import checks, only, states

pytestmark = pytest.mark.usefixtures("compiled_rules")

HOOKS = "Git hooks"


@pytest.fixture
def repository(poisoned: Path) -> Path:
    top = poisoned / "project"
    subprocess.run(["git", "init", "-q", top], check=True)
    return top


def test_a_hook_that_git_does_not_run(repository: Path) -> None:
    assert checks(HOOKS, "installed") == []
    hook.install(Context(), str(repository), global_=False)
    assert only(HOOKS, "installed").state == OK
    (repository / ".husky" / "_").mkdir(parents=True)
    git = ["git", "-C", str(repository), "config", "core.hooksPath", ".husky/_"]
    subprocess.run(git, check=True)
    found = only(HOOKS, "installed")
    assert (found.state, found.fix) == (FAIL, f"run: credguard hook install {repository}")
    assert "husky" in found.said
    hook.install(Context(), str(repository), global_=False)
    assert only(HOOKS, "installed").state == OK


def test_a_hook_that_lefthook_replaced_and_one_that_was_made_not_executable(
    repository: Path,
) -> None:
    hook.install(Context(), str(repository), global_=False)
    pre_commit = repository / ".git" / "hooks" / "pre-commit"
    pre_commit.chmod(0o644)
    assert "not executable" in only(HOOKS, "installed").said
    for name in ("pre-commit", "pre-merge-commit"):
        (repository / ".git" / "hooks" / name).write_text("#!/bin/sh\nlefthook run pre-commit\n")
    assert "lefthook" in only(HOOKS, "installed").said


def test_hooks_of_a_linked_work_tree_and_a_repository_that_is_gone(
    repository: Path, tmp_path: Path
) -> None:
    git = ["git", "-C", str(repository)]
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    subprocess.run([*git, "worktree", "add", "-q", str(tmp_path / "linked")], check=True)
    hook.install(Context(), str(tmp_path / "linked"), global_=False)
    assert only(HOOKS, "installed").state == OK
    subprocess.run(["rm", "-rf", repository, tmp_path / "linked"], check=True)
    assert UNKNOWN not in states(HOOKS, "installed")


def test_hooks_whose_program_is_gone(repository: Path) -> None:
    hook.install(Context(), str(repository), global_=False)
    assert only(HOOKS, "program").state == OK
    file = repository / ".git" / "hooks" / "pre-commit"
    file.write_text(file.read_text().replace(sys.executable, "/gone/python"))
    assert "/gone/python, which is gone" in only(HOOKS, "program").said
    hook.install(Context(), str(repository), global_=False)
    assert only(HOOKS, "program").state == OK


def test_a_global_hook_and_a_repository_that_switches_it_off(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    hook.install(Context(), None, global_=True)
    assert only(HOOKS, "installed").state == OK
    assert checks(HOOKS, "global hook") == []
    subprocess.run(["git", "config", "core.hooksPath", ".husky"], check=True)
    found = only(HOOKS, "global hook")
    assert (found.state, found.fix) == (WARN, f"run: credguard hook install {repository}")
    subprocess.run(["git", "config", "--global", "core.hooksPath", "/other"], check=True)
    assert "/other" in only(HOOKS, "installed").said


def test_watched_folders_are_searched_for_repositories(
    repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    ctx = Context()
    hook.install(ctx, None, global_=True)
    subprocess.run(["git", "-C", repository, "config", "core.hooksPath", ".husky"], check=True)
    assert checks(HOOKS, "global hook") == []
    watches.add(ctx.db, str(repository.parent), ctx.now())
    assert str(repository) in only(HOOKS, "global hook").said
    assert hooks.gather(ctx).uncovered[0].manager == "husky"
