"""The client where what listens does not answer at once."""

import contextlib
import fcntl
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from credguard import paths
from credguard.ipc import client, wire


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket as a service manager holds it: requests queue, nobody takes them."""
    for name in ("_PATIENCE_S", "_PING_S"):
        monkeypatch.setattr(client, name, 0.05)
    path = Path(paths.agent_socket())
    path.parent.mkdir(parents=True, mode=0o700)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen(64)
        yield sock


@contextlib.contextmanager
def agent_lock() -> Iterator[None]:
    paths.private_dir(paths.state_dir())
    with open(paths.lock_file("agent"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _serve(sock: socket.socket) -> None:
    """Take the first request only when it was asked three times whether somebody lives."""
    waiting = [sock.accept()[0] for _ in range(4)]
    for each in waiting:
        with each, contextlib.suppress(OSError):  # who asked for a sign of life is gone
            each.sendall(wire.framed(bytes([wire.OK]) + b"answer"))


def test_a_service_that_starts_is_waited_for(listening: socket.socket) -> None:
    paths.private_dir(paths.state_dir())
    Path(paths.lock_file("agent")).touch()  # of one that ended
    thread = threading.Thread(target=_serve, args=(listening,))
    thread.start()
    assert client.ask(b"{}") == (wire.OK, b"answer")
    thread.join()


def test_one_that_never_starts_is_given_up(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_STARTING_S", 0.3)
    with pytest.raises(client.AgentSilent):
        client.ask(b"{}")


def test_an_agent_that_runs_and_does_not_answer_is_not_waited_for(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(client, "alive", lambda path: bool(asked.append(path)))
    with agent_lock(), pytest.raises(client.AgentSilent):
        client.ask(b"{}")
    assert len(asked) == 1
    os.unlink(paths.lock_file("agent"))
