"""What systemd and the service say to each other; the real one is in e2e/test_user_manager.py."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from credguard import paths
from credguard.daemon import manager

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")

# Prints what it is given, then becomes a second one by exec, as the service does at an upgrade.
_TWICE = """
import json, os, sys
from credguard.daemon import manager
passed = manager.agent_socket()
print(json.dumps(None if passed is None else [passed.fileno(), passed.getsockname(),
      os.get_inheritable(passed.fileno())]), flush=True)
if len(sys.argv) > 1:
    manager.keep(passed)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:-1]])
"""
# The kernel gives the descriptor its number, and only the process itself knows its own id.
_AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES=sys.argv[2])
os.execv(sys.executable, [sys.executable, *sys.argv[3:]])
"""


def _passed(listening: socket.socket, name: str = "agent", *more: str) -> list[object]:
    done = subprocess.run(
        [sys.executable, "-c", _AS_SYSTEMD, str(listening.fileno()), name, "-c", _TWICE, *more],
        pass_fds=[listening.fileno()], capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    path = Path(paths.agent_socket())
    path.parent.mkdir(parents=True, mode=0o700)
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    sock.listen()
    yield sock
    sock.close()


def test_the_agent_s_socket_is_taken_kept_from_children_and_over_an_exec(
    listening: socket.socket,
) -> None:
    found = [3, paths.agent_socket(), False]
    assert _passed(listening, "agent", "again") == [found, found]


def test_another_socket_is_not_taken(listening: socket.socket, tmp_path: Path) -> None:
    assert _passed(listening, "other") == [None]
    with socket.socket(socket.AF_UNIX) as elsewhere:
        elsewhere.bind(str(tmp_path / "s"))
        elsewhere.listen()
        assert _passed(elsewhere) == [None]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "d"))
        assert _passed(deaf) == [None]
    Path(paths.agent_socket()).parent.chmod(0o755)
    assert _passed(listening) == [None]


def test_a_socket_passed_to_another_process_is_not_ours(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LISTEN_PID", str(os.getppid()))
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_FDNAMES", "agent")
    assert manager.passed_socket() is None


def test_signs_of_life_come_four_times_within_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "n"))
        told.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "n"))
        monkeypatch.setenv("WATCHDOG_USEC", "8000000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        now = 100.0
        heart = manager.Heart(lambda: now)
        for _ in range(17):
            heart.beat()
            now += 0.5
        assert [told.recv(100) for _ in range(5)] == [b"WATCHDOG=1"] * 5
        with pytest.raises(BlockingIOError):
            told.recv(100)
        monkeypatch.setenv("WATCHDOG_PID", "1")
        manager.Heart(lambda: now).beat()
        monkeypatch.delenv("WATCHDOG_USEC")
        manager.Heart(lambda: now).beat()
        with pytest.raises(BlockingIOError):
            told.recv(100)
