"""Hooks that git's configuration names; git 2.54 and later runs them."""

import subprocess
from pathlib import Path

import pytest

from credguard.app import hook, hookconfig
from credguard.app.context import Context
from credguard.app.hookshim import INSTALLED
from tests.support import samples
from tests.support.repositories import git

pytestmark = pytest.mark.usefixtures("compiled_rules")
needs_them = pytest.mark.skipif(
    not hookconfig.available(), reason="git before 2.54 has no hooks by configuration"
)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "re po'"
    folder.mkdir()
    git(folder, "init", "-q")
    return folder


@pytest.fixture
def ctx() -> Context:
    return Context()


def commit(repo: Path, text: str) -> subprocess.CompletedProcess[str]:
    (repo / "a.ini").write_text(text)
    git(repo, "add", "a.ini")
    return subprocess.run(
        ["git", "commit", "-qm", "x"], cwd=repo, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip


def test_install_and_uninstall_leave_the_configuration_as_it_was(
    poisoned: Path, ctx: Context
) -> None:
    git(poisoned, "config", "--global", "hook.mine.command", "true")
    before = (poisoned / ".gitconfig").read_text()
    notes = hook.install(ctx, None, global_=True)
    assert any("not covered" in note for note in notes) != hookconfig.available()
    assert ("credguard-pre-push" in (poisoned / ".gitconfig").read_text()) == hookconfig.available()
    hook.install(ctx, None, global_=True)
    hook.uninstall(ctx, None, global_=True)
    assert git(poisoned, "config", "--global", "--list").splitlines() == [
        "init.defaultbranch=main", "init.templatedir=", "hook.mine.command=true"
    ]  # fmt: skip
    assert "mine" in before
    assert not Path(hook._global_folder()).exists()


@needs_them
def test_a_repository_with_its_own_folder_of_hooks_is_covered(repo: Path, ctx: Context) -> None:
    hook.install(ctx, None, global_=True)
    folder = repo / ".husky"
    folder.mkdir()
    ran = folder / "pre-commit"
    ran.write_text("#!/bin/sh\ntouch ran\n")
    ran.chmod(0o755)
    git(repo, "config", "core.hooksPath", ".husky")
    assert commit(repo, "x = 1\n").returncode == 0
    assert (repo / "ran").exists()
    done = commit(repo, f"aws_secret_access_key = {samples.aws_secret()}\n")
    assert done.returncode != 0
    assert done.stderr.count("credguard: blocked") == 1
    now = hook.status(ctx, str(repo))
    assert (now.state, now.by_config) == ("installed", True)
    git(repo, "config", "hook.credguard-pre-commit.enabled", "false")
    assert hook.status(ctx, str(repo)).state != "installed"


@needs_them
def test_where_the_folder_is_ours_it_looks_once(repo: Path, ctx: Context) -> None:
    hook.install(ctx, None, global_=True)
    done = commit(repo, f"aws_secret_access_key = {samples.aws_secret()}\n")
    assert done.stderr.count("credguard: blocked") == 1
    git(repo, "commit", "-qnm", "x")
    inbox = Path(hook.paths.inbox_dir()) / "commits"
    assert inbox.read_bytes().count(b"\n") == 1
    assert {each.event for each in hook.status(ctx, str(repo)).configured} == set(INSTALLED)


@needs_them
def test_a_repository_can_be_made_and_its_own_hooks_run(
    ctx: Context, tmp_path: Path, poisoned: Path
) -> None:
    """Git runs reference-transaction before the repository is one."""
    template = tmp_path / "template"
    (template / "hooks").mkdir(parents=True)
    kept = template / "hooks" / "reference-transaction"
    kept.write_text(f"#!/bin/sh\necho $1 >>'{tmp_path}/ran'\n")
    kept.chmod(0o755)
    git(tmp_path, "init", "-q", f"--template={template}", "without")
    expected = (tmp_path / "ran").read_text() if (tmp_path / "ran").exists() else ""
    hook.install(ctx, None, global_=True)
    (tmp_path / "ran").unlink(missing_ok=True)
    git(tmp_path, "init", "-q", f"--template={template}", "with")
    found = (tmp_path / "ran").read_text() if (tmp_path / "ran").exists() else ""
    assert found == expected
    git(tmp_path, "init", "-q", "--bare", "bare")
    git(tmp_path, "clone", "-q", "bare", "clone")


@needs_them
def test_a_push_gets_its_lines(repo: Path, ctx: Context, tmp_path: Path) -> None:
    hook.install(ctx, None, global_=True)
    git(repo, "config", "core.hooksPath", ".none")
    git(tmp_path, "init", "-q", "--bare", "remote")
    (repo / "a.ini").write_text(f"aws_secret_access_key = {samples.aws_secret()}\n")
    git(repo, "add", "a.ini")
    git(repo, "commit", "-qnm", "x")
    done = subprocess.run(
        ["git", "push", str(tmp_path / "remote"), "HEAD:main"], cwd=repo, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "credguard: blocked" in done.stderr


@needs_them
def test_others_hooks_are_shown_in_gits_order(repo: Path, ctx: Context) -> None:
    for key, value in (
        ("hook.a.command", "one --x"), ("hook.a.event", "pre-commit"), ("hook.b.event", "update"),
        ("hook.c.command", "three"), ("hook.c.event", "pre-push"), ("hook.c.enabled", "no"),
    ):  # fmt: skip
        git(repo, "config", key, value)
    git(repo, "config", "--add", "hook.c.event", "")
    git(repo, "config", "--add", "hook.c.event", "commit-msg")
    found = hook.status(ctx, str(repo)).configured
    assert [(each.event, each.name, each.scope, each.enabled) for each in found] == [
        ("pre-commit", "a", "local", True), ("commit-msg", "c", "local", False)
    ]  # fmt: skip
