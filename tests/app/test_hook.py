"""Installing hooks beside what is there, and putting it back exactly."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from shlex import quote

import pytest

from credguard import paths
from credguard.app import hook, hookconfig, hooktemplate
from credguard.app.context import Context
from credguard.app.hookshim import INSTALLED
from credguard.errors import GitError
from tests.support import samples
from tests.support.repositories import git

pytestmark = pytest.mark.usefixtures("compiled_rules")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "re po'"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / ".git/hooks").mkdir(exist_ok=True)
    return folder


@pytest.fixture
def ctx() -> Context:
    return Context()


def commit(repo: Path, text: str = "x\n") -> subprocess.CompletedProcess[bytes]:
    (repo / "a").write_text(text)
    git(repo, "add", "a")
    return subprocess.run(
        ["git", "commit", "-qm", "x"], cwd=repo, capture_output=True, timeout=60, check=False
    )


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        p.name: (p.read_bytes(), stat.S_IMODE(p.lstat().st_mode))
        for p in folder.iterdir()
        if p.is_file()
    }


def write_hook(path: Path, text: str, mode: int = 0o755) -> None:
    path.write_text(text)
    path.chmod(mode)


def test_install_twice_then_uninstall_restores_exactly(repo: Path, ctx: Context) -> None:
    hooks = repo / ".git/hooks"
    write_hook(hooks / "pre-commit", "#!/bin/sh\nexit 7\n", 0o750)
    before = snapshot(hooks)
    hook.install(ctx, str(repo), global_=False)
    once = snapshot(hooks)
    assert hook.install(ctx, str(repo), global_=False) == []
    assert snapshot(hooks) == once
    assert hook.status(ctx, str(repo)).state == "installed"
    hook.uninstall(ctx, str(repo), global_=False)
    assert snapshot(hooks) == before
    assert hook.status(ctx, str(repo)).state == "absent"


@pytest.mark.parametrize("shebang", ["#!/bin/sh", "#!/usr/bin/env sh", "#!/bin/sh -u"])
def test_the_earlier_hook_runs_with_its_exit_code(repo: Path, ctx: Context, shebang: str) -> None:
    ran = repo / "ran"
    write_hook(repo / ".git/hooks/pre-commit", f'{shebang}\necho "$0 $#" > ran\nexit 7\n')
    hook.install(ctx, str(repo), global_=False)
    assert commit(repo).returncode != 0
    name, count = ran.read_text().split()
    assert name.rsplit("/", 1)[1].startswith("pre-commit")
    assert count == "0"


def test_a_hook_without_the_execute_bit_stays_off(repo: Path, ctx: Context) -> None:
    write_hook(repo / ".git/hooks/pre-commit", "#!/bin/sh\nexit 7\n", 0o644)
    hook.install(ctx, str(repo), global_=False)
    assert commit(repo).returncode == 0


def test_refused_places(tmp_path: Path, ctx: Context) -> None:
    with pytest.raises(GitError, match="not in a git repository"):
        hook.install(ctx, str(tmp_path), global_=False)
    git(tmp_path, "init", "-q", "--bare", "bare")
    with pytest.raises(GitError, match="bare repository"):
        hook.install(ctx, str(tmp_path / "bare"), global_=False)
    with pytest.raises(GitError, match="not a folder"):
        hook.install(ctx, str(tmp_path / "absent"), global_=False)


def test_a_hooks_path_inside_the_worktree(repo: Path, ctx: Context) -> None:
    (repo / ".husky/_").mkdir(parents=True)
    git(repo, "config", "core.hooksPath", ".husky/_")
    (note,) = hook.install(ctx, str(repo), global_=False)
    assert "inside the work tree" in note
    assert sorted(os.listdir(repo / ".husky/_")) == sorted(INSTALLED)
    hook.uninstall_all(ctx)
    assert os.listdir(repo / ".husky/_") == []


def test_a_hooks_path_for_every_repository_is_refused(
    repo: Path, ctx: Context, tmp_path: Path
) -> None:
    git(repo, "config", "--global", "core.hooksPath", str(tmp_path / "mine"))
    with pytest.raises(GitError, match="every repository"):
        hook.install(ctx, str(repo), global_=False)


@pytest.mark.parametrize("earlier", [False, True])
def test_global_chains_and_restores(
    repo: Path, ctx: Context, tmp_path: Path, poisoned: Path, earlier: bool
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    if earlier:
        git(repo, "config", "--global", "core.hooksPath", str(mine))
    before = (poisoned / ".gitconfig").read_text()
    for folder, word in ((mine, "mine"), (repo / ".git/hooks", "repo")):
        for name in ("pre-commit", "post-commit"):
            write_hook(folder / name, f"#!/bin/sh\necho {word} {name} >> ran\n")
    hook.install(ctx, None, global_=True)
    hook.install(ctx, None, global_=True)
    assert commit(repo).returncode == 0
    word = "mine" if earlier else "repo"
    assert (repo / "ran").read_text() == f"{word} pre-commit\n{word} post-commit\n"
    assert hook.status(ctx, str(repo)).state == "installed"
    hook.uninstall_all(ctx)
    assert git(repo, "config", "--default", "", "--get", "core.hooksPath") == (
        str(mine) if earlier else ""
    )
    assert (poisoned / ".gitconfig").read_text() == before
    assert not os.path.exists(os.path.join(paths.data_dir(), "hooks"))


def test_a_global_path_that_another_tool_set_since_is_kept_by_installing_again(
    repo: Path, ctx: Context, tmp_path: Path
) -> None:
    hook.install(ctx, None, global_=True)
    later = tmp_path / "later"
    later.mkdir()
    write_hook(later / "pre-commit", "#!/bin/sh\necho later >> ran\n")
    git(repo, "config", "--global", "core.hooksPath", str(later))
    notes = hook.install(ctx, None, global_=True)
    assert f"the hooks in {later} still run, after ours" in notes
    hook.install(ctx, None, global_=True)
    assert commit(repo).returncode == 0
    assert (repo / "ran").read_text() == "later\n"
    hook.uninstall(ctx, None, global_=True)
    assert git(repo, "config", "--global", "core.hooksPath") == str(later)


def test_a_folder_of_hooks_that_is_a_link_into_the_work_tree_is_said(
    repo: Path, ctx: Context
) -> None:
    shutil.rmtree(repo / ".git/hooks", ignore_errors=True)
    (repo / "githooks").mkdir()
    (repo / ".git/hooks").symlink_to("../githooks")
    (note,) = hook.install(ctx, str(repo), global_=False)
    assert "do not commit what is there now" in note


def test_another_users_repository_is_refused_with_what_to_type(repo: Path, ctx: Context) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(repo, 65534, -1)
    with pytest.raises(GitError, match="dubious ownership") as raised:
        hook.install(ctx, str(repo), global_=False)
    assert raised.value.hint.endswith(
        f"git config --global --add safe.directory {quote(str(repo))}"
    )


def test_a_shadowed_global_hook_is_told(repo: Path, ctx: Context) -> None:
    hook.install(ctx, None, global_=True)
    git(repo, "config", "core.hooksPath", ".husky/_")
    # By configuration git runs it all the same, from 2.54 on.
    expected = "installed" if hookconfig.available() else "shadowed"
    assert hook.status(ctx, str(repo)).state == expected


@pytest.mark.parametrize("where", ["own", "own with an earlier one", "global", "global, earlier"])
def test_a_program_that_is_gone_blocks_and_says_how_to_do_without(
    repo: Path, ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    if where == "global, earlier":
        (tmp_path / "mine").mkdir()
        git(repo, "config", "--global", "core.hooksPath", str(tmp_path / "mine"))
    folder = tmp_path / "mine" if where == "global, earlier" else repo / ".git/hooks"
    if "earlier" in where:
        write_hook(folder / "pre-commit", "#!/bin/sh\necho earlier >> ran\n")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "gone/python"))
    global_ = where.startswith("global")
    hook.install(ctx, None if global_ else str(repo), global_=global_)
    blocked = commit(repo)
    assert blocked.returncode != 0
    (line,) = blocked.stderr.decode().splitlines()
    assert line.startswith("credguard: blocked, its program is gone; repair: ./install.sh")
    remove = line.partition("; remove: ")[2]
    subprocess.run(["sh", "-c", remove], cwd=tmp_path, check=True, timeout=30)
    assert commit(repo).returncode == 0
    assert (repo / "ran").exists() == ("earlier" in where)


def test_renewing_brings_this_versions_text_and_leaves_what_a_person_changed(
    repo: Path, ctx: Context
) -> None:
    hook.install(ctx, str(repo), global_=False)
    hooks = repo / ".git/hooks"
    now = snapshot(hooks)
    assert hook.refresh_all(ctx) == []
    (hooks / "pre-commit").write_bytes(now["pre-commit"][0] + b"# older\n")
    (hooks / "pre-merge-commit").write_text("#!/bin/sh\n# a person's\n")
    theirs = snapshot(hooks)["pre-merge-commit"]
    assert hook.refresh_all(ctx) == [str(hooks)]
    assert snapshot(hooks) == now | {"pre-merge-commit": theirs}


# What the pre-commit framework installs, as far as it matters: it refuses to run inside itself.
FRAMEWORK = """#!/usr/bin/env bash
# File generated by pre-commit: https://pre-commit.com
[ -z "$PRE_COMMIT_RUNNING_LEGACY" ] || { echo bug: migration mode; exit 1; }
legacy=$(dirname "$0")/pre-commit.legacy
if [ -x "$legacy" ]; then
  PRE_COMMIT_RUNNING_LEGACY=1 "$legacy" || exit 1
fi
echo framework >> ran
"""


def framework_installs(hooks: Path) -> None:
    path = hooks / "pre-commit"
    if path.exists() and path.read_text() != FRAMEWORK:
        path.rename(hooks / "pre-commit.legacy")
    write_hook(path, FRAMEWORK)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize(
    "steps", [("ours", "theirs"), ("ours", "theirs", "ours"), ("theirs", "ours"),
              ("theirs", "ours", "theirs"), ("theirs", "ours", "theirs", "ours")],
)  # fmt: skip
def test_with_the_framework_in_any_order(
    repo: Path, ctx: Context, own: bool, steps: tuple[str, ...]
) -> None:
    hooks, alone = repo / ".git/hooks", repo.parent / "alone"
    alone.mkdir()
    for folder in (hooks, alone):
        if own:
            write_hook(folder / "pre-commit", "#!/bin/sh\necho own >> ran\n")
        for step in steps:
            if step == "theirs":
                framework_installs(folder)
            elif folder == hooks:
                hook.install(ctx, str(repo), global_=False)
    assert hook.status(ctx, str(repo)).state == "installed"
    done = commit(repo)
    assert done.returncode == 0, done.stderr
    ran = (repo / "ran").read_text() if (repo / "ran").exists() else ""
    assert ran.count("framework") == 1
    (repo / "a").write_text("aws_secret_access_key = " + samples.aws_secret() + "\n")
    git(repo, "add", "a")
    done = subprocess.run(
        ["git", "commit", "-qm", "x"], cwd=repo, capture_output=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert b"blocked" in done.stderr
    hook.uninstall(ctx, str(repo), global_=False)
    assert snapshot(hooks) == snapshot(alone)


def test_a_crash_before_ours_was_written(repo: Path, ctx: Context) -> None:
    hooks = repo / ".git/hooks"
    write_hook(hooks / "pre-commit", "#!/bin/sh\nexit 7\n")
    before = snapshot(hooks)
    os.link(hooks / "pre-commit", hooks / "pre-commit.before-credguard")
    assert hook.uninstall(ctx, str(repo), global_=False) == []
    assert snapshot(hooks) == before


def test_an_older_versions_two_hooks_get_the_rest(repo: Path, ctx: Context) -> None:
    hook.install(ctx, str(repo), global_=False)
    hooks = repo / ".git/hooks"
    whole = snapshot(hooks)
    for name in INSTALLED[2:]:
        (hooks / name).unlink()
    hook.refresh_all(ctx)
    assert snapshot(hooks) == whole


@pytest.mark.parametrize("earlier", [False, True])
def test_a_template_reaches_new_repositories_and_is_taken_back(
    repo: Path, ctx: Context, tmp_path: Path, poisoned: Path, earlier: bool
) -> None:
    (poisoned / ".gitconfig").write_text("[init]\n\tdefaultBranch = main\n")
    if earlier:
        (tmp_path / "mine/hooks").mkdir(parents=True)
        write_hook(tmp_path / "mine/hooks/pre-commit", "#!/bin/sh\necho mine >> ran\n")
        git(repo, "config", "--global", "init.templateDir", str(tmp_path / "mine"))
    before = (poisoned / ".gitconfig").read_text()
    git(tmp_path, "init", "-q", "plain")
    hooktemplate.install(ctx)
    hooktemplate.install(ctx)
    assert hooktemplate.installed(ctx)
    git(tmp_path, "init", "-q", "new")
    new = tmp_path / "new"
    expected = {path.name for path in (tmp_path / "plain/.git").iterdir()}
    assert {path.name for path in (new / ".git").iterdir()} >= expected
    assert commit(new, "aws_secret_access_key = " + samples.aws_secret() + "\n").returncode != 0
    assert commit(new).returncode == 0
    assert (new / "ran").exists() == earlier
    assert hook.status(ctx, str(new)).state == "installed"
    hook.uninstall_all(ctx)
    assert not hooktemplate.installed(ctx)
    assert (poisoned / ".gitconfig").read_text() == before
    git(tmp_path, "init", "-q", "after")
    assert "before-credguard" not in "".join(os.listdir(tmp_path / "after/.git/hooks"))
    assert (
        commit(
            tmp_path / "after", "aws_secret_access_key = " + samples.aws_secret() + "\n"
        ).returncode
        == 0
    )


EVERY = sorted(set(hook._ALL) - {"fsmonitor-watchman"})


@pytest.mark.parametrize("earlier", [False, True])
def test_every_shim_hands_on_arguments_input_and_exit_code(
    repo: Path, ctx: Context, tmp_path: Path, earlier: bool
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    if earlier:
        git(repo, "config", "--global", "core.hooksPath", str(mine))
    folder = mine if earlier else repo / ".git/hooks"
    for name in EVERY:
        write_hook(folder / name, f'#!/bin/sh\n{{ echo {name} "$@"; cat; }} > got\nexit 7\n')
    commit(repo)  # something to name; the hooks refuse it, which is as well
    (repo / "message").write_text("fine\n")
    oid = git(repo, "commit-tree", git(repo, "write-tree"), "-m", "x")
    git(repo, "-c", "core.hooksPath=/dev/null", "update-ref", "refs/heads/main", oid)
    hook.install(ctx, None, global_=True)
    shims = Path(paths.data_dir()) / "hooks"
    for name in EVERY:
        args, data = ["one", "two words", "*"], b"first line\nsecond \xff\\n line\n"
        if name == "commit-msg":
            args, data = ["message"], b""
        elif name == "pre-push":
            args, data = ["origin", "url with blank"], f"HEAD {oid} refs/heads/x {oid}\n".encode()
        elif name in ("pre-commit", "pre-merge-commit"):
            args, data = [], b""
        (repo / "got").unlink(missing_ok=True)
        done = subprocess.run(
            [shims / name, *args], cwd=repo, input=data, capture_output=True, timeout=60,
            check=False,
        )  # fmt: skip
        assert done.returncode == 7, (name, done.stderr)
        assert (repo / "got").read_bytes() == " ".join([name, *args]).encode() + b"\n" + data, name
