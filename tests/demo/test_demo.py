"""The demo as a person runs it: the real commands, git and simulator, in a process of its own."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from credguard.demo import run as demo_run
from credguard.demo import world as demo_world
from credguard.demo.world import Result, World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def demo(path: str | None = None) -> subprocess.CompletedProcess[str]:
    env = dict(os.environ)
    if path is not None:
        env["PATH"] = path
    return subprocess.run(
        [sys.executable, "-I", "-m", "credguard", "demo", "--json"],
        env=env,
        capture_output=True,
        text=True,
        timeout=360,
    )


def test_every_claim_holds_and_nothing_is_left(
    poisoned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = sorted(poisoned.rglob("*"))
    done = demo()
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout)
    assert {row["state"] for row in outcomes} == {"held"}
    assert "never touches" in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert sorted(poisoned.rglob("*")) == before


def test_a_claim_that_does_not_hold_fails_the_demo(tmp_path: Path) -> None:
    """A git that skips its hooks: the commit with the planted key passes, and the demo says so."""
    git = shutil.which("git")
    assert git
    wrapper = tmp_path / "git"
    wrapper.write_text(
        '#!/bin/sh\ncase $1 in commit) shift; set -- commit --no-verify "$@" ;; esac\n'
        f"exec '{git}' \"$@\"\n"
    )
    wrapper.chmod(0o755)
    done = demo(f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert done.returncode == 2, done.stderr
    states = {row["title"]: row["state"] for row in json.loads(done.stdout)}
    assert states["Git hook"] == "failed"
    assert states["Status"] == "not run"
    assert "the demo failed at: Git hook" in done.stderr


class Idle(World):
    """A world in which one command does nothing and says that it went well."""

    idle = ""

    def credguard(
        self,
        *arguments: str,
        cwd: str | None = None,
        ok: tuple[int, ...] = (0,),
        quiet: bool = False,
    ) -> Result:
        if arguments[0] == self.idle:
            return Result(ok[0], "", "")
        return super().credguard(*arguments, cwd=cwd, ok=ok, quiet=quiet)


@pytest.mark.parametrize(
    ("command", "step"),
    [
        ("config", "Vault"),
        ("import", "Import"),
        ("exec", "Use"),
        ("rotate", "Rotation"),
        ("scan", "Scan"),
        ("hook", "Git hook"),
        ("watch", "Watcher"),
        ("ssh", "SSH"),
        ("status", "Vault"),
    ],
)
def test_a_command_that_does_nothing_is_noticed(
    command: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Idle, "idle", command)
    monkeypatch.setattr(demo_run, "World", Idle)
    monkeypatch.setattr(demo_world, "_READY_S", 5.0)
    monkeypatch.setattr(demo_world, "_COMMAND_S", 30.0)
    said = io.StringIO()
    outcomes = demo_run.run(Console(file=said), keep=False)
    (failed,) = [outcome for outcome in outcomes if outcome.state == "failed"]
    assert failed.title == step, said.getvalue()
    assert "Traceback" not in failed.why


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("at", ["[2/10]", "$ credguard daemon run"])
def test_an_interrupted_demo_leaves_nothing(
    number: signal.Signals, at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    command = [sys.executable, "-I", "-u", "-m", "credguard", "demo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        for line in running.stdout:
            if at in line:
                running.send_signal(number)
                break
        running.stdout.read()
        code = running.wait(60)
    assert code == (-number if number == signal.SIGKILL else 130)
    end = time.monotonic() + 60
    while list(tmp_path.iterdir()):  # after SIGKILL another process cleans up
        assert time.monotonic() < end
        time.sleep(0.05)
