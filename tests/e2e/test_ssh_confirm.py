"""Keys of which each use is asked about: real ssh, real ssh-agent, real server."""

import functools
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from credguard import paths
from credguard.app import ssh, ssh_agent, ssh_unlock
from credguard.app.context import Context
from credguard.errors import Unsupported
from tests.e2e.test_ssh_agent import login
from tests.support.openssh import Server
from tests.support.person import credguard, vault_with_key
from tests.support.simulator import Simulator


@pytest.fixture
def ctx(simulator: Simulator, poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    """A file vault with the simulator's key in it."""
    made = vault_with_key(simulator, poisoned, monkeypatch)
    yield made
    made.close()


@pytest.fixture
def dialog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the desktop's dialog, which is the only thing here that is not real.

    It says yes where the file `yes` is; `asked` has what it was asked.
    """
    program = tmp_path / "dialog"
    program.write_text(
        f'#!/bin/sh\necho "$1" >>{tmp_path}/asked\n[ -e {tmp_path}/yes ] && echo yes\n'
    )
    program.chmod(0o700)
    monkeypatch.setenv("DISPLAY", ":77")
    monkeypatch.setenv("SSH_ASKPASS", str(program))
    for name, value in ssh_agent.start("1h").variables.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def asked(dialog: Path) -> str:
    """What was asked since the last time."""
    file = dialog / "asked"
    text = file.read_text() if file.exists() else ""
    file.unlink(missing_ok=True)
    return text


@pytest.mark.parametrize("yes", [True, False])
def test_each_use_is_asked_about(ctx: Context, sshd: Server, dialog: Path, yes: bool) -> None:
    if yes:
        (dialog / "yes").touch()
    assert not ssh_agent.start("1h").new  # one for all
    key = ssh.create(ctx, "k", ["us-east-1"]).key
    sshd.authorized.write_text(key.public_key + "\n")
    ssh_agent.add_to_agent(ctx, "k", None, confirm=True)
    ssh.create(ctx, "other", ["us-east-1"])
    assert ssh_agent.unlock(ctx, ssh_agent.socket()) == (2, [])  # what is there stays as it is
    done = login(sshd, key.path + ".pub", "BatchMode=yes")
    assert (done.stdout == "in\n") == yes
    assert key.fingerprint in asked(dialog)
    assert ssh_agent.stop()
    assert not ssh_agent.stop()


def test_a_key_that_is_unlocked_anew_asks_again(ctx: Context, sshd: Server, dialog: Path) -> None:
    (dialog / "yes").touch()
    key = ssh.create(ctx, "k", ["us-east-1"]).key
    sshd.authorized.write_text(key.public_key + "\n")
    said = credguard("ssh", "add", "k", "--confirm").stderr
    assert "asks before each use" in said

    def anew(way: Callable[[], object]) -> str:
        """As after its lifetime; what is asked at the next use then."""
        subprocess.run(["ssh-add", "-q", "-D"], check=True, timeout=20, capture_output=True)
        way()
        assert login(sshd, key.path + ".pub", "BatchMode=yes").stdout == "in\n"
        return asked(dialog)

    unlock = functools.partial(ssh_agent.unlock, ctx, ssh_agent.socket())
    add = functools.partial(ssh_agent.add_to_agent, ctx, "k", None)
    for way in (unlock, add, unlock):
        assert key.fingerprint in anew(way)
    said = credguard("ssh", "add", "k", "--no-confirm").stderr
    assert "asks before each use" not in said
    for way in (unlock, add):
        assert anew(way) == ""
    assert ssh_agent.stop()


def test_ssh_that_reads_the_file_itself_asks_too(
    ctx: Context, sshd: Server, dialog: Path, poisoned: Path
) -> None:
    key = ssh.create(ctx, "k", ["us-east-1"]).key
    sshd.authorized.write_text(key.public_key + "\n")
    credguard("ssh", "config", "--host", "loopback")
    credguard("ssh", "add", "k", "--confirm")
    seen = subprocess.run(
        ["ssh", "-F", poisoned / ".ssh" / "config", "-G", "loopback"],
        capture_output=True, text=True, check=True, timeout=20,
        env={**os.environ, ssh_unlock.QUIET: "1"},
    ).stdout  # fmt: skip
    # What ssh reads from a file it adds to the agent: so that it asks.
    assert "addkeystoagent confirm" in seen
    subprocess.run(["ssh-add", "-q", "-D"], check=True, timeout=20, capture_output=True)
    assert login(sshd, key.path).returncode == 255  # the person said no
    assert "SSH key k" in asked(dialog)
    (dialog / "yes").touch()
    assert login(sshd, key.path).stdout == "in\n"
    assert asked(dialog).count("SSH key k") == 1
    # One that is put in so that it asks at each use needs no question more.
    subprocess.run(["ssh-add", "-q", "-c", key.path], check=True, timeout=60, capture_output=True)
    assert asked(dialog) == ""
    assert ssh_agent.stop()


def test_where_it_cannot_be_told_whether_a_key_asks_a_person_is_asked(
    ctx: Context, sshd: Server, dialog: Path
) -> None:
    key = ssh.create(ctx, "k", ["us-east-1"]).key
    sshd.authorized.write_text(key.public_key + "\n")
    ctx.close()
    Path(paths.database_file()).write_bytes(b"no database at all " * 500)
    assert login(sshd, key.path).returncode == 255  # the person said no
    (dialog / "yes").touch()
    assert login(sshd, key.path).stdout == "in\n"
    assert asked(dialog).count("SSH key k") == 2
    assert ssh_agent.stop()


def test_where_nobody_can_be_asked_any_more_the_key_is_not_used_unasked(
    ctx: Context, sshd: Server, dialog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (dialog / "yes").touch()
    key = ssh.create(ctx, "k", ["us-east-1"]).key
    sshd.authorized.write_text(key.public_key + "\n")
    credguard("ssh", "add", "k", "--confirm")
    assert ssh_agent.stop()
    monkeypatch.delenv("DISPLAY")  # such as after a login from elsewhere
    done = credguard("ssh", "unlock", ssh_agent.socket())
    assert "SSH key k asks before each use, and nobody could be asked here" in done.stderr
    assert "--no-confirm" in done.stderr
    assert login(sshd, key.path + ".pub", "BatchMode=yes").returncode == 255
    assert login(sshd, key.path, "IdentityAgent=none").returncode == 255
    assert asked(dialog) == ""
    assert ssh_agent.stop()


def test_where_nobody_can_be_asked(
    ctx: Context, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh.create(ctx, "k", ["us-east-1"])
    with pytest.raises(Unsupported, match="started without a helper"):
        ssh_agent.add_to_agent(ctx, "k", None, confirm=True)
    monkeypatch.setenv("SSH_AUTH_SOCK", ssh_agent.start("1h").variables["SSH_AUTH_SOCK"])
    with pytest.raises(Unsupported, match="no display"):
        ssh_agent.add_to_agent(ctx, "k", None, confirm=True)
    assert ssh_agent.stop()
