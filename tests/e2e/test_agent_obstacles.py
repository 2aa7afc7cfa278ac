"""What stands in the agent's way: things at its socket, damaged settings, a lock that is none."""

import contextlib
import json
import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from credguard import paths
from credguard.app import keys
from credguard.ipc import calls, client
from tests.e2e.test_agent import ask, key_of
from tests.support.person import add_key, credguard, file_vault
from tests.support.simulator import Simulator

Start = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def ready(simulator: Simulator, poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """A key in the file vault under the profile `work`."""
    file_vault(poisoned, monkeypatch)
    (poisoned / "run").mkdir(mode=0o700)
    add_key(simulator)
    return simulator


@pytest.mark.parametrize("kind", ["file", "folder", "symlink", "open folder", "file for folder"])
def test_what_lies_in_the_sockets_place_is_named_with_what_to_type(
    ready: Simulator, poisoned: Path, kind: str
) -> None:
    """A profile that needs the agent: the line itself says why there is none, and the way out."""
    config = Path(paths.aws_config_file())
    config.write_text(config.read_text() + "credguard_session = true\n")
    path = Path(paths.agent_socket())
    if kind == "file for folder":
        path.parent.write_text("")
    else:
        path.parent.mkdir(mode=0o700)
    if kind == "file":
        path.write_text("")
    elif kind == "folder":
        path.mkdir()
    elif kind == "symlink":
        path.symlink_to("/nonexistent")
    elif kind == "open folder":
        path.parent.chmod(0o755)
    done = ask()
    assert done.returncode == 2
    what, _, way_out = done.stderr.strip().partition("; ")
    assert str(path.parent) in what
    subprocess.run(["sh", "-c", way_out.partition(": ")[2]], check=True)
    try:
        assert json.loads(ask().stdout)["SessionToken"]
    finally:
        calls.stop()


@pytest.mark.parametrize("kind", ["line", "size"])
@pytest.mark.parametrize("name", ["config", "credentials"])
def test_a_damaged_aws_file_keeps_no_key_back_that_needs_nothing_of_it(
    ready: Simulator, poisoned: Path, process: Start, kind: str, name: str
) -> None:
    """It tells of the damage; a session that the file asks for is not passed by."""
    file = poisoned / ".aws" / name
    damage = "no setting\n" if kind == "line" else "# more\n" * 600_000
    before = file.read_text() if file.exists() else ""
    file.write_text(f"{before}\n[profile other]\n{damage}")

    def told() -> None:
        done = subprocess.run(
            shlex.split(keys.command("work")), capture_output=True, text=True, timeout=100
        )
        assert key_of(done) == ready.key_id
        assert str(file) in done.stderr

    told()
    process()
    told()
    told()
    mine = "[profile work]" if name == "config" else "[work]"
    rest = before.replace(mine, "")
    file.write_text(f"{mine}\nmfa_serial = x\n{rest}[profile other]\n{damage}")
    for _ in range(2):
        done = ask()
        assert done.returncode == 2
        assert str(file) in done.stderr
        with contextlib.suppress(client.NoAgent):
            calls.stop()


def test_a_lock_that_does_not_last_says_so(
    ready: Simulator, process: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = os.environ["CREDGUARD_PASSPHRASE_FILE"]
    running = process()
    said = credguard("lock")
    assert "started with CREDGUARD_PASSPHRASE_FILE" in said.stdout + said.stderr
    calls.stop()
    running.wait(30)
    monkeypatch.delenv("CREDGUARD_PASSPHRASE_FILE")
    process()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREDGUARD_PASSPHRASE_FILE", word)
        credguard("unlock")
    assert key_of(ask()) == ready.key_id
    said = credguard("lock")
    assert "started with" not in said.stdout + said.stderr
    done = ask()
    assert done.returncode == 2
    assert "credguard unlock" in done.stderr
