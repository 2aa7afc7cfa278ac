"""A repository that would disable, hang or use the hooks or the service: nothing of it runs."""

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from credguard.app import hook
from credguard.app.context import Context
from credguard.daemon import commits
from credguard.store import commits as store
from tests.daemon.test_commits import Service
from tests.support import samples

pytestmark = pytest.mark.usefixtures("compiled_rules")
LEAK = f"aws_secret_access_key = {samples.aws_secret()}\n"


def git(cwd: Path, *args: str, ok: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        ["git", *args], cwd=cwd, capture_output=True, text=True, errors="replace", timeout=100,
        check=False, stdin=subprocess.DEVNULL, env={**os.environ, **env},
    )  # fmt: skip
    assert done.returncode == 0 or not ok, done.stderr
    return done


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    git(tmp_path, "init", "-q", "repo")
    git(tmp_path, "init", "-q", "--bare", "up")
    git(folder, "remote", "add", "origin", "../up")
    (folder / "a").write_text("one\n")
    git(folder, "add", "a")
    git(folder, "commit", "-qm", "first")
    hook.install(Context(), str(folder), global_=False)
    return folder


def _setting(name: str, *before: tuple[str, str]) -> Callable[[Path, str], None]:
    def spoil(repo: Path, program: str) -> None:
        for key, value in before:
            git(repo, "config", key, value)
        git(repo, "config", name, program)

    return spoil


def _attributes(repo: Path, program: str) -> None:
    (repo / ".git/info").mkdir(exist_ok=True)
    (repo / ".git/info/attributes").write_text("* diff=evil filter=evil\n")
    for key in ("diff.evil.textconv", "diff.evil.command"):
        git(repo, "config", key, program)


def _process(repo: Path, program: str) -> None:
    # Only after the file was staged, so that git itself has no cause to run it.
    (repo / ".git/info").mkdir(exist_ok=True)
    (repo / ".git/info/attributes").write_text("* filter=evil\n")
    for key in ("filter.evil.process", "filter.evil.clean", "filter.evil.smudge"):
        git(repo, "config", key, program)


def _include(repo: Path, program: str) -> None:
    (repo / ".git/evil").write_text(f"[core]\n\tfsmonitor = {program}\n")
    git(repo, "config", f"includeIf.gitdir:{repo}/.path", "evil")


def _alias(repo: Path, program: str) -> None:
    for name in ("diff", "rev-list", "cat-file", "diff-tree", "config"):
        git(repo, "config", f"alias.{name}", f"!{program}")


def _packages(repo: Path, program: str) -> None:
    for name in ("credguard", "os", "select", "hyperscan", "errno", "marshal", "re"):
        (repo / name).mkdir()
        (repo / name / "__init__.py").write_text(f"import os\nos.system({program!r})\n")
        (repo / f"{name}.py").write_text(f"import os\nos.system({program!r})\n")
    (repo / ".secrets.baseline").write_text('{"plugins_used": [{"path": "file://evil.py"}]}')


def _signature(repo: Path, program: str) -> None:
    for key in ("gpg.program", "gpg.ssh.program"):
        git(repo, "config", key, program)
    git(repo, "config", "log.showSignature", "true")


SPOILS = {
    "core.fsmonitor": _setting("core.fsmonitor"),
    "diff.external": _setting("diff.external"),
    "core.pager": _setting("core.pager", ("pager.diff", "true"), ("pager.config", "true")),
    "core.editor": _setting("core.editor"),
    "core.sshCommand": _setting("core.sshCommand"),
    "core.askPass": _setting("core.askPass"),
    "credential.helper": _setting("credential.helper"),
    "textconv": _attributes,
    "filters": _process,
    "includeIf": _include,
    "aliases": _alias,
    "packages": _packages,
    "signatures": _signature,
}


def stage(repo: Path) -> None:
    (repo / "b.ini").write_text(LEAK)
    git(repo, "add", "b.ini")


@pytest.mark.parametrize("name", SPOILS)
def test_the_hooks_run_nothing_that_a_repository_names(repo: Path, name: str) -> None:
    program = repo.parent / "evil"
    program.write_text(f"#!/bin/sh\ntouch {repo.parent}/ran\n")
    program.chmod(0o755)
    stage(repo)
    head = git(repo, "rev-parse", "HEAD").stdout.strip()
    tree = git(repo, "write-tree").stdout.strip()
    oid = git(repo, "commit-tree", tree, "-p", head, "-m", "x").stdout.strip()
    SPOILS[name](repo, str(program))
    hooks = repo / ".git/hooks"
    line = f"refs/heads/x {oid} refs/heads/x {'0' * 40}\n"
    for command, data in (
        ([str(hooks / "pre-commit")], ""),
        ([str(hooks / "pre-push"), "origin", "../up"], line),
    ):
        done = subprocess.run(
            command, cwd=repo, input=data, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 1, done.stderr
        assert "credguard: blocked: " in done.stderr
    assert not (repo.parent / "ran").exists()


@pytest.mark.parametrize("name", SPOILS)
def test_the_service_runs_nothing_that_a_repository_names(repo: Path, name: str) -> None:
    program = repo.parent / "evil"
    program.write_text(f"#!/bin/sh\ntouch {repo.parent}/ran\n")
    program.chmod(0o755)
    stage(repo)
    git(repo, "commit", "-qnm", "x")
    SPOILS[name](repo, str(program))
    service = Service()
    service.commits.look(str(repo / ".git"))
    service.turn()
    assert len(service.told) == 1
    assert not (repo.parent / "ran").exists()


def test_names_that_look_like_options_or_lead_elsewhere(repo: Path) -> None:
    for name in ("-rf", "--exec=touch ran", "$(touch ran)", "`touch ran`", ";touch ran", "%s%n"):
        (repo / name).write_text(LEAK)
    git(repo, "add", "-A")
    done = git(repo, "commit", "-qm", "x", ok=False)
    assert "blocked: 6 secrets" in done.stderr
    assert "git add -- " in done.stderr
    assert not (repo / "ran").exists()
    # A tree may hold what no checkout would write; git stores it all the same.
    git(repo, "reset", "-q", "--hard")
    git(repo, "clean", "-qfd")
    blob = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"], cwd=repo, input=LEAK.encode(), check=True,
        capture_output=True,
    ).stdout.decode().strip()  # fmt: skip
    raw = b"".join(
        b"100644 " + entry + b"\0" + bytes.fromhex(blob) for entry in (b"..", b".git", b"x\ny")
    )
    tree = subprocess.run(
        ["git", "hash-object", "-w", "-t", "tree", "--stdin", "--literally"], cwd=repo, input=raw,
        check=True, capture_output=True,
    ).stdout.decode().strip()  # fmt: skip
    oid = git(repo, "commit-tree", tree, "-p", "HEAD", "-m", "x").stdout.strip()
    git(repo, "update-ref", "refs/heads/side", oid)
    done = git(repo, "push", "origin", "side", ok=False)
    assert done.returncode != 0
    assert "..:1:25" in done.stderr
    service = Service()
    git(repo, "symbolic-ref", "HEAD", "refs/heads/side")
    service.commits.look(str(repo / ".git"), oid)
    service.turn()
    assert {each.path for each in store.found(service.ctx.db)} == {"..", ".git", "x\\ny"}


def test_fifos_in_the_place_of_our_files_hang_nothing(repo: Path) -> None:
    os.mkfifo(repo / ".credguard.toml")
    os.mkfifo(repo / "fifo")
    stage(repo)
    done = git(repo, "commit", "-qm", "x", ok=False)
    assert "credguard: blocked: " in done.stderr
    git(repo, "commit", "-qnm", "x")
    log = repo / ".git/logs/HEAD"
    log.unlink()
    os.mkfifo(log)
    service = Service()
    service.commits.look(str(repo / ".git"))
    service.turn()  # told by the note of post-commit; the reflog is no file any more
    assert len(service.told) == 1


def test_a_deep_and_a_wide_tree(repo: Path) -> None:
    blob = git(repo, "hash-object", "-w", "a").stdout.strip()
    tree = f"100644 blob {blob}\tx"
    for _ in range(1500):
        made = subprocess.run(
            ["git", "mktree"], cwd=repo, input=tree, text=True, check=True, capture_output=True
        )
        tree = f"040000 tree {made.stdout.strip()}\td"
    wide = "".join(f"100644 blob {blob}\t{number}\n" for number in range(20_000))
    rows = subprocess.run(
        ["git", "mktree"], cwd=repo, input=f"{wide}{tree}\n", text=True, check=True,
        capture_output=True,
    ).stdout.strip()  # fmt: skip
    oid = git(repo, "commit-tree", rows, "-p", "HEAD", "-m", LEAK).stdout.strip()
    git(repo, "update-ref", "refs/heads/side", oid)
    done = git(repo, "push", "origin", "side", ok=False)
    assert "commit message:1:25" in done.stderr, done.stderr[-500:]


@pytest.mark.parametrize("name", [".git", "bare.git/gitdir"])
def test_a_fifo_for_git_to_be_found_by_hangs_no_daemon(tmp_path: Path, name: str) -> None:
    git(tmp_path, "init", "-q", "--bare", "bare.git")
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    found: list[object] = []

    def look() -> None:
        found.append(commits.linked(str(tmp_path / ".git")))
        found.append(commits.work_tree(str(tmp_path / "bare.git")))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(10)
    assert found == [None, str(tmp_path / "bare.git")]
