"""Beside the real hook managers, in any order: both hooks run, and who was put aside is noticed.

husky, lefthook and simple-git-hooks come from npm, by the lock file in `node/`; where there is no
npm, or it cannot fetch, those tests are skipped and say so.
"""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from credguard.app import hook
from credguard.app.context import Context
from tests.support import samples

NODE = Path(__file__).parent / "node"
LEAK = f"aws_secret_access_key = {samples.aws_secret()}\n"
pytestmark = [pytest.mark.usefixtures("compiled_rules"), pytest.mark.slow]


def run(cwd: Path, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=110, check=False,
        env={**os.environ, **more}, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def ok(cwd: Path, *command: str) -> str:
    done = run(cwd, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the managers' programs."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm")
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(NODE / name, folder)
    # Where to fetch from is this machine's setting; the home of a test has none.
    settings = Path(pwd.getpwuid(os.getuid()).pw_dir, ".npmrc")
    more = {"NPM_CONFIG_USERCONFIG": str(settings)} if settings.is_file() else {}
    # Not `npm ci`: it refuses a lock that lacks one platform of lefthook which is not to be had.
    arguments = ("install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund")
    done = run(folder, npm, *arguments, **more)
    if done.returncode != 0:
        pytest.skip(f"npm cannot fetch the hook managers: {done.stderr.strip()[-200:]}")
    return folder / "node_modules" / ".bin"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    ok(tmp_path, "git", "init", "-q", "repo")
    ok(tmp_path, "git", "init", "-q", "--bare", "up")
    ok(folder, "git", "remote", "add", "origin", "../up")
    return folder


def husky(repo: Path, node: Path) -> None:
    ok(repo, "node", str((node / "husky").resolve()))
    for name in ("pre-commit", "commit-msg", "pre-push"):
        (repo / ".husky" / name).write_text(f"echo {name} >> ran\n")


def lefthook(repo: Path, node: Path) -> None:
    (repo / "lefthook.yml").write_text(
        "".join(
            f"{name}:\n  commands:\n    one:\n      run: echo {name} >> ran\n"
            for name in ("pre-commit", "commit-msg", "pre-push")
        )
    )
    ok(repo, str(node / "lefthook"), "install")


def simple_git_hooks(repo: Path, node: Path) -> None:
    (repo / ".simple-git-hooks.json").write_text(
        '{"pre-commit": "echo pre-commit >> ran", "commit-msg": "echo commit-msg >> ran",'
        ' "pre-push": "echo pre-push >> ran"}'
    )
    ok(repo, "node", str((node / "simple-git-hooks").resolve()))


def framework(repo: Path, _node: Path) -> None:
    (repo / ".pre-commit-config.yaml").write_text(
        "repos:\n- repo: local\n  hooks:\n"
        + "".join(
            f"  - {{id: {name}, name: {name}, entry: sh -c 'echo {name} >> ran', language: system,"
            f" stages: [{name}], always_run: true, pass_filenames: false}}\n"
            for name in ("pre-commit", "commit-msg", "pre-push")
        )
    )
    types = [f"--hook-type={name}" for name in ("pre-commit", "commit-msg", "pre-push")]
    ok(repo, sys.executable, "-m", "pre_commit", "install", *types)
    ok(repo, "git", "add", ".pre-commit-config.yaml")


MANAGERS: dict[str, Callable[[Path, Path], None]] = {
    each.__name__: each for each in (husky, lefthook, simple_git_hooks, framework)
}


def ours(repo: Path) -> None:
    hook.install(Context(), str(repo), global_=False)


def both_run(repo: Path, node: Path) -> None:
    """A clean commit and push go through both; a secret is stopped in all three places."""
    path = {"PATH": f"{node}:{os.environ['PATH']}"}
    ran = repo / "ran"
    ran.unlink(missing_ok=True)
    (repo / "a").write_text("clean\n")
    ok(repo, "git", "add", "a")
    done = run(repo, "git", "commit", "-qm", "clean", **path)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run(repo, "git", "push", "-q", "origin", "HEAD:refs/heads/main", **path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ran.read_text().split() == ["pre-commit", "commit-msg", "pre-push"]
    (repo / "b.ini").write_text(LEAK)
    ok(repo, "git", "add", "b.ini")
    for args in (("commit", "-qm", "x"), ("commit", "-q", "--allow-empty", "-om", LEAK)):
        done = run(repo, "git", *args, **path)
        assert done.returncode != 0
        assert "credguard: blocked" in done.stdout + done.stderr, done.stdout + done.stderr
    done = run(repo, "git", "commit", "-qnm", "x", **path)
    assert done.returncode == 0, done.stderr
    done = run(repo, "git", "push", "-q", "origin", "HEAD:refs/heads/main", **path)
    assert done.returncode != 0
    assert "credguard: blocked" in done.stdout + done.stderr


@pytest.mark.parametrize("name", MANAGERS)
def test_a_manager_that_was_there_first(
    repo: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "store"))
    node = tmp_path if name == "framework" else request.getfixturevalue("node")
    MANAGERS[name](repo, node)
    ours(repo)
    assert hook.status(Context(), str(repo)).state == "installed"
    both_run(repo, node)


@pytest.mark.parametrize("name", MANAGERS)
def test_a_manager_that_comes_later_is_noticed_and_installing_again_mends_it(
    repo: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "store"))
    node = tmp_path if name == "framework" else request.getfixturevalue("node")
    ours(repo)
    MANAGERS[name](repo, node)
    state = hook.status(Context(), str(repo)).state
    # The framework keeps what it finds and runs it; the others put it aside.
    assert state in (("installed",) if name == "framework" else ("shadowed", "partly"))
    if name != "framework":
        ours(repo)
    assert hook.status(Context(), str(repo)).state == "installed"
    both_run(repo, node)


@pytest.mark.parametrize("name", MANAGERS)
def test_uninstalling_leaves_the_manager_as_it_was(
    repo: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "store"))
    node = tmp_path if name == "framework" else request.getfixturevalue("node")
    MANAGERS[name](repo, node)
    folder = repo / (".husky/_" if name == "husky" else ".git/hooks")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    ours(repo)
    hook.uninstall(Context(), str(repo), global_=False)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
