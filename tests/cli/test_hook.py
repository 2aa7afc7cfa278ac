"""`credguard hook run`: the hooks for hook managers and programs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import samples
from tests.support.repositories import git

pytestmark = pytest.mark.usefixtures("compiled_rules")
LEAK = f"aws_secret_access_key = {samples.aws_secret()}\n"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "old").write_text(LEAK)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def run(cwd: Path, *args: str, stdin: str = "", **env: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "credguard", "hook", "run", *args], cwd=cwd, input=stdin,
        capture_output=True, text=True, timeout=100, check=False, env={**os.environ, **env},
    )  # fmt: skip
    assert samples.aws_secret() not in done.stdout + done.stderr
    assert "a bug" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def paths(output: str) -> list[str]:
    return [each["path"] for each in json.loads(output)["findings"]]


def test_what_is_staged_for_a_person_and_for_a_program(repo: Path) -> None:
    assert run(repo, "pre-commit") == (0, "", "")
    (repo / "new.ini").write_text(LEAK)
    git(repo, "add", ".")
    code, out, said = run(repo, "pre-commit")
    assert (code, out) == (1, "")
    assert "new.ini:1:25" in said
    code, out, _ = run(repo, "pre-commit", "--format", "json")
    assert (code, paths(out)) == (1, ["new.ini"])
    code, out, _ = run(repo, "pre-merge-commit", "--format", "sarif")
    assert (code, json.loads(out)["version"]) == (1, "2.1.0")
    assert run(repo, "pre-commit", "--format", "github")[1].startswith("::error")
    skip = "new.ini:an example"
    assert run(repo, "pre-commit", "--format", "json", CREDGUARD_SKIP=skip)[0] == 0


def test_a_message_and_a_push(repo: Path) -> None:
    (repo / "message").write_text(f"x\n\n{LEAK}")
    assert run(repo, "commit-msg", "message")[0] == 1
    assert run(repo, "commit-msg")[0] == 2
    assert run(repo, "commit-msg", "absent")[0] == 2
    head = git(repo, "rev-parse", "HEAD")
    line = f"refs/heads/main {head} refs/heads/main {'0' * 40}\n"
    code, out, _ = run(repo, "pre-push", "origin", "url", "--format", "json", stdin=line)
    assert (code, paths(out)) == (1, ["old"])
    (row,) = json.loads(out)["findings"]
    assert (row["commit"], row["author"]) == (head, "Test Person <test@example.invalid>")
    code, _, said = run(repo, "pre-push", "origin", "url", stdin="what is this\n")
    assert code == 2
    assert "cannot be understood" in said


def test_under_the_framework_a_range_and_all_files(repo: Path) -> None:
    code, out, _ = run(repo, "pre-commit", "--format", "json", PRE_COMMIT="1")
    assert (code, paths(out)) == (1, ["old"])  # nothing is staged: run --all-files
    (repo / "b.ini").write_text(LEAK)
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "second")
    given = {"PRE_COMMIT": "1", "PRE_COMMIT_FROM_REF": "HEAD~1", "PRE_COMMIT_TO_REF": "HEAD"}
    for name in ("pre-commit", "pre-push"):
        code, out, _ = run(repo, name, "--format", "json", **given)
        assert (code, paths(out)) == (1, ["b.ini"])
    git(repo, "rm", "-q", "b.ini")
    git(repo, "commit", "-qm", "third")
    clean = {**given, "PRE_COMMIT_FROM_REF": "HEAD~1"}
    assert run(repo, "pre-push", **clean)[0] == 0


def test_what_cannot_be_told(tmp_path: Path) -> None:
    code, _, said = run(tmp_path, "pre-commit")
    assert code == 2
    assert "not inside a git work tree" in said
