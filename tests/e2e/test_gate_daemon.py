"""The real service notices commits: by its watch on reflogs, and by the notes of hooks."""

from pathlib import Path

import pytest

from credguard import paths
from credguard.app import hook, watch
from credguard.app.context import Context
from credguard.store import commits
from tests.support import daemon
from tests.support.daemon import leak, until
from tests.support.repositories import git

pytestmark = pytest.mark.usefixtures("compiled_rules")


def make(folder: Path) -> Path:
    git(folder.parent, "init", "-q", folder.name)
    return folder


def bypass(repo: Path, seed: int) -> str:
    (repo / f"file{seed}").write_text(leak(seed))
    git(repo, "add", ".")
    git(repo, "commit", "-qnm", "x")
    (repo / f"file{seed}").write_text("gone from the work tree\n")
    return git(repo, "rev-parse", "HEAD")


def found() -> set[str]:
    context = Context()
    try:
        return {each.oid for each in commits.found(context.db)}
    finally:
        context.db.close()


def test_commits_in_watched_folders_and_under_installed_hooks(tmp_path: Path) -> None:
    (tmp_path / "watched").mkdir()
    before = make(tmp_path / "watched/before")
    early = bypass(before, 1)
    ctx = Context()
    watch.add(ctx, str(tmp_path / "watched"))
    apart = make(tmp_path / "apart")
    hook.install(ctx, str(apart), global_=False)
    missed = bypass(apart, 2)
    process = daemon.start()
    until(lambda: {early, missed} <= found())
    later = bypass(before, 3)
    until(lambda: later in found())
    # A repository made while it watches: its reflog comes with the first commit.
    (tmp_path / "watched/deep/er").mkdir(parents=True)
    new = make(tmp_path / "watched/deep/er/new")
    first = bypass(new, 4)
    until(lambda: first in found())
    tree = tmp_path / "elsewhere"
    git(before, "worktree", "add", "-q", str(tree))
    in_tree = bypass(tree, 5)
    (before / "x").write_text("x\n")
    git(before, "add", "x")
    noted = bypass(apart, 6)
    until(lambda: noted in found())
    daemon.stop(process)
    said = Path(paths.log_file()).read_text()
    assert "secret committed: file1:" in said
    assert in_tree not in found()  # found when the service looks at everything again
    process = daemon.start()
    until(lambda: in_tree in found())
    daemon.stop(process)
