"""The main job with the real OS keyring, each command a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.keyring_session import KeyringSession
from tests.support.simulator import Simulator

pytestmark = pytest.mark.keyring


def credguard(*arguments: str, ok: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "credguard", *arguments],
        capture_output=True, text=True, timeout=100, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == ok, done.stderr
    return done


def _plain(home: Path, simulator: Simulator) -> Path:
    file = home / ".aws" / "credentials"
    file.parent.mkdir()
    file.write_text(
        f"[default]\naws_access_key_id = {simulator.key_id}\n"
        f"aws_secret_access_key = {simulator.secret.reveal()}\n"
    )
    return file


def test_init_takes_the_keyring_and_the_job_runs(
    keyring_session: KeyringSession, simulator: Simulator, poisoned: Path
) -> None:
    file = _plain(poisoned, simulator)
    assert "keyring:secretservice" in credguard("init", "--yes").stderr
    credguard("import", "--all", "--yes")
    assert simulator.secret.reveal() not in file.read_text()
    for name in ("grace", "soak", "prove_interval"):
        credguard("config", "set", f"rotation.{name}", "0s")
    (outcome,) = json.loads(credguard("rotate", "--all", "--yes", "--json").stdout)
    assert outcome["state"] == "done"
    config = (poisoned / ".aws" / "config").read_text()
    command = config.split("credential_process = ")[1].splitlines()[0].split()
    done = subprocess.run(command, capture_output=True, timeout=60, check=True, env={**os.environ})
    assert json.loads(done.stdout)["AccessKeyId"] == outcome["new_key_id"]


def test_a_locked_keyring_loses_nothing(
    keyring_session: KeyringSession, simulator: Simulator, poisoned: Path
) -> None:
    file = _plain(poisoned, simulator)
    credguard("init", "--yes")
    before = file.read_bytes()
    keyring_session.lock()
    said = credguard("import", "--all", "--yes", ok=2).stderr
    assert "locked" in said
    assert "hint:" in said
    assert "Traceback" not in said
    assert file.read_bytes() == before
    assert not (poisoned / ".aws" / "config").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_exec_leaves_the_command_no_child_of_ours(
    keyring_session: KeyringSession, simulator: Simulator, poisoned: Path
) -> None:
    _plain(poisoned, simulator)
    credguard("init", "--yes")
    credguard("import", "--all", "--yes")
    words = 'read children < /proc/$$/task/$$/children; echo "[$children]$AWS_ACCESS_KEY_ID"'
    assert credguard("exec", "default", "--", "sh", "-c", words).stdout == (
        f"[]{simulator.key_id}\n"
    )
