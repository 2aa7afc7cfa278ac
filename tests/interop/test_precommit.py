"""The pre-commit framework itself, with the manifest of this repository."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import samples

ROOT = Path(__file__).resolve().parents[2]


def run(cwd: Path, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=100, check=False,
        env={**os.environ, **more}, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def framework(cwd: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return run(cwd, sys.executable, "-m", "pre_commit", *arguments, **more)


def test_the_manifest_is_valid() -> None:
    done = framework(ROOT, "validate-manifest", ".pre-commit-hooks.yaml")
    assert done.returncode == 0, done.stdout


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose commits run `credguard-system` out of a clone of the manifest's."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "credguard"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m credguard "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "store"))
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    repo = tmp_path / "repo"
    repo.mkdir()
    for folder in (hooks, repo):
        assert run(folder, "git", "init", "-q").returncode == 0
    assert run(hooks, "git", "add", ".").returncode == 0
    assert run(hooks, "git", "commit", "-qm", "manifest").returncode == 0
    head = run(hooks, "git", "rev-parse", "HEAD").stdout.strip()
    (repo / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {hooks}\n  rev: {head}\n  hooks:\n  - id: credguard-system\n"
    )
    done = framework(repo, "install")
    assert done.returncode == 0, done.stdout + done.stderr
    assert run(repo, "git", "add", ".").returncode == 0
    return repo


def test_a_commit_with_a_secret_is_blocked_and_a_clean_one_is_not(repository: Path) -> None:
    clean = run(repository, "git", "commit", "-qm", "clean")
    assert clean.returncode == 0, clean.stderr
    (repository / "a.ini").write_text(f"aws_secret_access_key = {samples.aws_secret()}\n")
    run(repository, "git", "add", "a.ini")
    (repository / "a.ini").write_text("clean in the worktree\n")
    blocked = run(repository, "git", "commit", "-m", "leak")
    said = blocked.stdout + blocked.stderr
    assert blocked.returncode == 1, said
    assert "a.ini:1:25" in said
    assert samples.aws_secret() not in said
    skipped = run(repository, "git", "commit", "-m", "leak", SKIP="credguard-system")
    assert skipped.returncode == 0, skipped.stderr
