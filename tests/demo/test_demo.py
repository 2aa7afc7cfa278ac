"""The demo as a person runs it: the real commands, git and simulator, in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
    assert states["credguard hook install"] == "failed"
    assert states["credguard status"] == "not run"
    assert "the demo failed at: credguard hook install" in done.stderr
