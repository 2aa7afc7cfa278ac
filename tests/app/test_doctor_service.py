"""The doctor's checks of service and agent, each both ways."""

import json
import os
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from credguard import paths
from credguard.app.doctor import background
from credguard.app.doctor.model import FAIL, OK, UNKNOWN, WARN
from credguard.services import systemd
from credguard.services.select import environment as service_environment
from tests.support.checks import (
    checks,
    only,
    states,
)

SERVICE = "Service and agent"


def install_units(command: list[str]) -> Path:
    folder = Path(systemd.unit_dir())
    folder.mkdir(parents=True)
    for name, text in systemd.render(command, service_environment()).items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="systemd units")
def test_the_units_start_this_installation(poisoned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from credguard.app.service import command

    assert checks(SERVICE, "definition") == []
    folder = install_units(command())
    assert only(SERVICE, "definition").state == OK
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", "/p")
    found = only(SERVICE, "definition")
    assert (found.state, "CREDGUARD_PASSPHRASE_FILE" in found.said) == (WARN, True)
    monkeypatch.delenv("CREDGUARD_PASSPHRASE_FILE")
    (folder / systemd.TIMER).unlink()
    assert systemd.TIMER in only(SERVICE, "definition").said
    unit = folder / systemd.SERVICE
    unit.write_text(unit.read_text().replace(command()[0], "/gone/python"))
    assert "/gone/python, which is gone" in only(SERVICE, "definition").said


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (background.Service("running", "running", "/p"), OK),
        (background.Service("scheduled", "UNKNOWN", needed=True), OK),
        (background.Service("failed", "stopped", "/p"), FAIL),
        (background.Service("unknown", "stopped", "/p"), UNKNOWN),
        (background.Service("not installed", "stopped", needed=True), WARN),
        (background.Service("not installed", "running", now=9e9, last_tick=1.0), WARN),
    ],
)
def test_whether_something_runs(facts: background.Service, state: str) -> None:
    (found,) = background.running(facts)
    assert found.state == state


class FakeAgent:
    """Listens where the agent does, locked as it is, and answers a ping with `answer`."""

    def __init__(self, answer: bytes) -> None:
        path = Path(paths.agent_socket())
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        path.chmod(0o600)
        self.server.listen()
        self.answer = answer
        self.asked = b""
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        client, _ = self.server.accept()
        with client:
            client.settimeout(10)
            size = struct.unpack(">I", client.recv(4))[0]
            self.asked = client.recv(size)
            if self.answer:
                client.sendall(struct.pack(">I", len(self.answer)) + self.answer)

    def close(self) -> None:
        self.thread.join()
        self.server.close()


@pytest.fixture
def agent_lock() -> Iterator[None]:
    import fcntl

    paths.private_dir(paths.state_dir())
    with open(paths.lock_file("agent"), "w") as file:
        file.write(f"{os.getpid()}\n")
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.mark.usefixtures("agent_lock")
@pytest.mark.parametrize(
    ("answer", "state"),
    [(b"\0", OK), (b'\0{"version": "0.0.1"}', WARN), (b"\x01no; hint", WARN), (b"", FAIL)],
)
def test_an_agent_that_answers(answer: bytes, state: str) -> None:
    fake = FakeAgent(answer)
    found = only(SERVICE, "agent")
    fake.close()
    assert found.state == state
    assert json.loads(fake.asked)["op"] == "ping"
    assert state == OK or found.fix == f"run: kill {os.getpid()}"


def test_an_agent_without_its_lock_and_a_stale_socket() -> None:
    assert only(SERVICE, "agent").said.startswith("no agent is running")
    fake = FakeAgent(b"\0")
    assert "second agent" in only(SERVICE, "agent").said
    fake.close()
    found = only(SERVICE, "agent")
    assert (found.state, found.fix) == (WARN, f"run: rm -f {paths.agent_socket()}")
    Path(paths.agent_socket()).parent.chmod(0o755)
    assert states(SERVICE, "agent") == [FAIL, WARN]
    Path(paths.agent_socket()).unlink()
    Path(paths.agent_socket()).touch()
    assert "not a socket" in only(SERVICE, "agent").said
