import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from credguard import paths
from credguard.app import hook
from credguard.app.context import Context
from credguard.app.status import status
from credguard.store import db, profiles, watches
from tests.cli.test_main import run
from tests.support import samples


def test_a_fresh_home_is_told_plainly_and_fits_80_columns() -> None:
    done = run("status")
    assert done.returncode == 0
    assert "not chosen" in done.stdout
    assert "UNKNOWN, nothing is watched" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


def test_what_cannot_be_read_is_unknown_and_the_rest_is_told() -> None:
    run("config", "set", "vault.backend", "file")
    Path(paths.config_file()).write_text("[vault]\nbackand = 1\n")
    done = run("status")
    assert done.returncode == 2
    assert "Vault     UNKNOWN (UNKNOWN)" in done.stdout
    assert "Daemon    stopped" in done.stdout
    assert done.stderr.startswith("credguard: ")
    assert len(json.loads(run("status", "--json").stdout)["unreadable"]) == 1


def test_many_rows_odd_names_and_a_stopped_service() -> None:
    connection = db.connect()
    for number in range(50):
        watches.add(connection, f"/absent/{number}\n\x1b[31m", 1)
    key = profiles.Key(
        samples.aws_key_id(), "aws", "1" * 12, "a-rather-long-user-name" * 3, "U", None, "add"
    )
    profiles.add_profile(connection, "a-rather-long-profile-name" * 3, key, 1, consent=True)
    connection.close()
    done = run("status")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) < 40
    assert "and 30 more: credguard status --json" in done.stdout
    assert "\x1b" not in done.stdout
    assert "none known, but nobody looks: the service is stopped" in done.stdout
    assert samples.aws_key_id() in done.stdout  # not folded in a pipe


def in_terminal(columns: int, *arguments: str, **environment: str) -> str:
    """What a person sees in a terminal of that width."""
    return pty_output(
        [sys.executable, "-m", "credguard", "status", *arguments], columns, environment
    )


def pty_output(
    command: list[str], columns: int, environment: dict[str, str], codes: tuple[int, ...] = (0, 130)
) -> str:
    import fcntl
    import pty
    import struct
    import termios

    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    given = {**os.environ, "TERM": "xterm-256color", **environment}
    given.pop("COLUMNS", None)
    process = subprocess.Popen(
        command, stdin=inner, stdout=inner, stderr=inner, env=given, start_new_session=True
    )
    os.close(inner)
    shown, ended = b"", False
    try:
        while part := os.read(outer, 65536):
            shown += part
            if not ended and b"\x1b[?25l" in shown and b"Audit" in shown:  # --watch: it drew once
                ended = True
                os.killpg(process.pid, signal.SIGINT)
    except OSError:  # the other end is closed
        pass
    os.close(outer)
    assert process.wait(60) in codes
    return shown.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("columns", [40, 80])
def test_in_a_terminal_it_fits_and_has_colour_unless_that_is_not_wanted(columns: int) -> None:
    fill()
    shown = in_terminal(columns)
    assert "\x1b[33m" in shown
    for line in click.unstyle(shown).splitlines():
        assert len(line) <= columns or line.strip().startswith("credguard "), line
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b[" not in in_terminal(columns, **environment)
    assert in_terminal(columns, NO_COLOR="1", PYTHONIOENCODING="ascii").isascii()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_watching_leaves_the_terminal_as_it_was() -> None:
    fill()
    shown = in_terminal(80, "--watch")
    start, end = shown.index("\x1b[?1049h"), shown.rindex("\x1b[?25h\x1b[?1049l")
    assert start < shown.index("Audit") < end
    assert "Traceback" not in shown
    done = run("status", "--watch")
    assert (done.returncode, "needs a terminal" in done.stderr) == (2, True)


def fill() -> None:
    connection = db.connect()
    key = profiles.Key(samples.aws_key_id(), "aws", "1" * 12, "ada", "U", 1e9, "add")
    profiles.add_profile(connection, "work", key, 1, consent=False)
    connection.close()


def test_hooks_are_shown_as_git_takes_them(tmp_path: Path) -> None:
    ctx = Context()
    repositories = [tmp_path / name for name in ("whole", "partly", "moved", "gone")]
    for each in repositories:
        subprocess.run(["git", "init", "-q", str(each)], check=True, timeout=30)
        hook.install(ctx, str(each), global_=False)
    whole, partly, moved, gone = repositories
    (partly / ".git/hooks/pre-push").unlink()
    subprocess.run(
        ["git", "-C", str(moved), "config", "core.hooksPath", ".husky"], check=True, timeout=30
    )
    shutil.rmtree(gone)
    assert hooks() == {
        str(whole): "installed", str(partly): "partly", str(moved): "shadowed", str(gone): "gone",
    }  # fmt: skip
    shutil.copytree(whole / ".git/hooks", moved / ".husky")
    assert hooks()[str(moved)] == "installed"
    linked = tmp_path / "linked"
    commit = ["git", "-C", str(whole), "commit", "-q", "--allow-empty", "--no-verify", "-m", "x"]
    subprocess.run(commit, check=True, timeout=30)
    work = ["git", "-C", str(whole), "worktree", "add", "-q", str(linked)]
    subprocess.run(work, check=True, timeout=30)
    own = ["git", "-C", str(linked), "config", "--worktree", "core.hooksPath", str(tmp_path / "w")]
    subprocess.run(
        [*own[:3], "config", "extensions.worktreeConfig", "true"], check=True, timeout=30
    )
    subprocess.run(own, check=True, timeout=30)
    hook.install(ctx, str(linked), global_=False)
    assert set(hooks().values()) == {"installed", "partly", "gone"}
    assert len(hooks()) == 5
    hook.install(ctx, None, global_=True)
    assert (hooks()["--global"], hooks()[str(whole)]) == ("installed", "installed")
    subprocess.run(["git", "config", "--global", "core.hooksPath", "/x"], check=True, timeout=30)
    assert (hooks()["--global"], hooks()[str(whole)]) == ("shadowed", "shadowed")


def hooks() -> dict[str, str]:
    return {each.repository: each.state for each in status(Context()).hooks}
