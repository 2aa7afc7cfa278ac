"""The units under a real `systemd --user`."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from credguard.app import keys
from credguard.app.context import Context
from credguard.services import systemd
from credguard.store import profiles
from tests.support.daemon import until
from tests.support.person import add_key, credguard, file_vault, wait_for_nothing
from tests.support.simulator import Simulator
from tests.support.user_manager import UserManager


def _main_pid(manager: UserManager) -> str:
    return manager.show(systemd.SERVICE, "MainPID")


def _agent(manager: UserManager) -> dict[str, object]:
    found: dict[str, object] = json.loads(manager.credguard("agent", "status", "--json"))
    return found


def _upgraded(manager: UserManager, home: Path) -> None:
    """What an earlier version installed becomes this version's, and is started anew."""
    unit = home / ".config/systemd/user" / systemd.SERVICE
    text = unit.read_text()
    unit.write_text(text.replace("WatchdogSec=5min\n", ""))
    before = _main_pid(manager)
    manager.credguard("after-install")
    assert unit.read_text() == text
    assert _main_pid(manager) not in ("0", before)


def _shorter(home: Path, text: str) -> None:
    """Settings of the unit that make a test short."""
    folder = home / ".config/systemd/user" / f"{systemd.SERVICE}.d"
    folder.mkdir(parents=True)
    (folder / "test.conf").write_text(f"[Service]\n{text}\n")


@pytest.mark.usefixtures("compiled_rules")
def test_from_installing_to_removing(user_manager: UserManager, poisoned: Path) -> None:
    manager = user_manager
    # An agent that was started on demand is there already, and has to make room.
    alone = manager.start(sys.executable, "-m", "credguard", "agent", "run")
    until(
        lambda: manager.run("test", "-S", f"{manager.runtime}/credguard/agent.sock").returncode == 0
    )
    manager.credguard("service", "install")
    found = json.loads(manager.credguard("service", "status", "--json"))
    assert (found["service"], found["daemon"]) == ("running", "running")
    assert found["details"]["socket"] == found["details"]["timer"] == "active"
    assert found["details"]["process"] == _main_pid(manager)
    assert _agent(manager)["mode"] == "service"
    assert alone.wait(30) == 0

    status = manager.read(f"/proc/{_main_pid(manager)}/status")
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    done = manager.run(sys.executable, "-m", "credguard", "daemon", "run")
    assert (done.returncode, "runs already" in done.stderr) == (2, True)

    before = _main_pid(manager)
    manager.credguard("service", "restart")
    assert _main_pid(manager) != before
    assert str(_agent(manager)["pid"]) == _main_pid(manager)

    # Whoever asks starts it.
    manager.run("systemctl", "--user", "stop", systemd.SERVICE)
    assert manager.credguard("service", "status").startswith("service: stopped")
    assert _agent(manager)["mode"] == "service"
    until(lambda: manager.show(systemd.SERVICE, "ActiveState") == "active")

    # Installed over itself while it runs.
    manager.credguard("service", "install")
    assert manager.show(systemd.SOCKET, "ActiveState") == "active"
    assert str(_agent(manager)["pid"]) == _main_pid(manager)
    assert "ready, watching 0 roots" in manager.credguard("service", "logs")

    _upgraded(manager, poisoned)

    manager.credguard("service", "uninstall")
    assert manager.credguard("service", "status").startswith(
        "service: not installed\ndaemon: stopped"
    )
    assert manager.run("test", "-e", f"{manager.runtime}/credguard/agent.sock").returncode == 1
    assert not list((poisoned / ".config/systemd/user").glob("credguard*"))


@pytest.mark.slow
@pytest.mark.usefixtures("compiled_rules")
def test_one_that_hangs_or_is_killed_is_started_anew(
    user_manager: UserManager, poisoned: Path
) -> None:
    manager = user_manager
    _shorter(poisoned, "WatchdogSec=2\nRestartSec=100ms")
    manager.credguard("service", "install")
    for number, sign in enumerate(("KILL", "STOP"), 1):
        before = _main_pid(manager)
        manager.run("kill", f"-{sign}", before)
        until(lambda n=number: manager.show(systemd.SERVICE, "NRestarts") == str(n))
        until(lambda: manager.show(systemd.SERVICE, "ActiveState") == "active")
        assert _main_pid(manager) not in ("0", before)
    assert str(_agent(manager)["pid"]) == _main_pid(manager)
    # Without a hang the signs of life suffice.
    restarts = manager.show(systemd.SERVICE, "NRestarts")
    manager.run("sleep", "5")
    assert manager.show(systemd.SERVICE, "NRestarts") == restarts


@pytest.fixture
def aged(simulator: Simulator, poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """A key over its age in the file vault, whose rotation a person agreed to."""
    file_vault(poisoned, monkeypatch)
    wait_for_nothing()
    simulator.iam().set_created(simulator.key_id, 1e9)
    add_key(simulator)
    profiles.set_consent(Context().db, "work")
    return simulator


@pytest.mark.slow
@pytest.mark.usefixtures("compiled_rules")
def test_what_it_is_for_works_inside_its_sandbox(
    aged: Simulator, user_manager: UserManager
) -> None:
    manager = user_manager
    # The safety net first, where the service does not run.
    manager.credguard("service", "install")
    manager.run("systemctl", "--user", "stop", systemd.SOCKET, systemd.SERVICE)
    before = profiles.profile(Context().db, "work").key.key_id
    aged.iam().set_created(before, 1e9)
    profiles.set_created(Context().db, before, 1e9)
    assert manager.run("systemctl", "--user", "start", systemd.TICK).returncode == 0
    after = profiles.profile(Context().db, "work").key.key_id
    assert after != before
    # A session through systemd's socket; the log names the program, whose /proc/PID/exe is read.
    manager.run("systemctl", "--user", "start", systemd.SOCKET)
    checks = json.loads(manager.credguard("doctor", "--json", ok=2))
    (agent,) = [each for each in checks if each["name"] == "agent"]
    assert (agent["state"], "is started when it is needed" in agent["said"]) == ("ok", True)
    assert manager.show(systemd.SERVICE, "ActiveState") == "inactive"
    done = manager.run("sh", "-c", shlex.join(["exec", *shlex.split(keys.command("work"))]))
    assert json.loads(done.stdout)["AccessKeyId"] == after
    aged.iam().set_created(after, 1e9)
    profiles.set_created(Context().db, after, 1e9)
    manager.credguard("service", "restart")
    until(lambda: profiles.profile(Context().db, "work").key.key_id != after)
    (row,) = json.loads(credguard("log", "--kind", "handout", "--json").stdout)
    assert (row["detail"]["how"], bool(row["detail"]["program"])) == ("credential_process", True)
    rows = json.loads(credguard("log", "--kind", "rotation.switched", "--json").stdout)
    assert len(rows) >= 2
