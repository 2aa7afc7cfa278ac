"""The commit-msg hook: the message as git will keep it, whatever way it was written."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credguard.app import hook
from credguard.app.context import Context
from credguard.commitmsg import kept_lines
from tests.support import samples

SECRET = f"aws_secret_access_key = {samples.aws_secret()}"
CUT = "# ------------------------ >8 ------------------------\n# Do not modify\n"


@pytest.fixture
def repo(tmp_path: Path, compiled_rules: None) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q")
    hook.install(Context(), str(folder), global_=False)
    (folder / "a").write_text("one\n")
    git(folder, "add", "a")
    return folder


def git(cwd: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *args], cwd=cwd, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, **env},
    )  # fmt: skip


def stopped(done: subprocess.CompletedProcess[str]) -> bool:
    assert done.returncode in (0, 1), done.stderr
    assert samples.aws_secret() not in done.stderr
    if done.returncode:
        assert "in the commit message" in done.stderr, done.stderr
        assert "COMMIT_EDITMSG" in done.stderr
    return done.returncode == 1


def written(repo: Path, text: str) -> str:
    """An editor that writes `text` above what git put there."""
    (repo.parent / "text").write_text(text)
    script = repo.parent / "editor"
    script.write_text(f'#!/bin/sh\ncat "$1" >> {repo.parent}/text; cp {repo.parent}/text "$1"\n')
    script.chmod(0o755)
    return str(script)


@pytest.mark.parametrize(
    ("message", "expected"),
    [("fine", False), (f"x\n\n{SECRET}", True), (f"# {SECRET}", True), (f"{CUT}{SECRET}", True)],
)
def test_a_message_on_the_command_line_stays_whole(
    repo: Path, message: str, expected: bool
) -> None:
    assert stopped(git(repo, "commit", "-qm", message)) == expected
    assert (SECRET in git(repo, "log", "-1", "--format=%B").stdout) == False  # noqa: E712


@pytest.mark.parametrize(
    ("text", "settings", "expected"),
    [
        ("fine\n", {}, False),
        (f"x\n\n{SECRET}\n", {}, True),
        (f"x\n# {SECRET}\n", {}, False),
        (f"x\n; {SECRET}\n", {}, True),
        (f"x\n; {SECRET}\n", {"core.commentChar": ";"}, False),
        (f"x\n# {SECRET}\n", {"core.commentChar": ";"}, True),
        (f"x\n# {SECRET}\n", {"core.commentChar": "auto"}, True),
        # Git before 2.45 passes over it, so what it says is no comment may be one, or not.
        (f"x\n// {SECRET}\n", {"core.commentString": "//"}, True),
        (f"x\n# {SECRET}\n", {"commit.cleanup": "whitespace"}, True),
        (f"x\n# {SECRET}\n", {"commit.cleanup": "verbatim"}, True),
        (f"x\n# {SECRET}\n", {"commit.cleanup": "scissors"}, True),
    ],
)
def test_a_message_from_an_editor_loses_its_comments(
    repo: Path, text: str, settings: dict[str, str], expected: bool
) -> None:
    for name, value in settings.items():
        git(repo, "config", name, value)
    done = git(repo, "commit", "-q", GIT_EDITOR=written(repo, text))
    assert stopped(done) == expected
    if not expected:
        assert SECRET not in git(repo, "log", "-1", "--format=%B").stdout


def test_the_diff_below_the_scissors_is_not_the_message(repo: Path) -> None:
    (repo / "a").write_text(f"{SECRET}  # credguard:allow\n")
    git(repo, "add", "a")
    git(repo, "commit", "-qm", "allowed", "--no-verify")
    (repo / "a").write_text("gone\n")
    git(repo, "add", "a")
    done = git(repo, "commit", "-qv", GIT_EDITOR=written(repo, "fine\n"))
    assert not stopped(done)
    assert git(repo, "log", "-1", "--format=%B").stdout.strip() == "fine"


def test_a_reason_lets_it_pass_and_a_merge_is_looked_at(repo: Path) -> None:
    skip = "aws-secret-access-key:an example"
    assert not stopped(git(repo, "commit", "-qm", SECRET, CREDGUARD_SKIP=skip))
    git(repo, "checkout", "-qb", "side")
    (repo / "b").write_text("b\n")
    git(repo, "add", "b")
    git(repo, "commit", "-qm", "b")
    git(repo, "checkout", "-q", "main")
    assert stopped(git(repo, "merge", "-q", "--no-ff", "side", "-m", SECRET))


def test_a_message_that_is_no_file_does_not_hang(repo: Path) -> None:
    os.mkfifo(repo / "fifo")
    done = subprocess.run(
        [repo / ".git/hooks/commit-msg", "fifo"], cwd=repo, capture_output=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert b"is no file" in done.stderr


@given(st.binary(max_size=200), st.sampled_from([b"#", b"", b"//"]), st.booleans(), st.booleans())
def test_lines_keep_their_numbers(
    message: bytes, comment: bytes, comments: bool, scissors: bool
) -> None:
    kept = kept_lines(message, comment, comments=comments, scissors=scissors).split(b"\n")
    for before, after in zip(message.split(b"\n"), kept, strict=False):
        assert after in (before, b"")
