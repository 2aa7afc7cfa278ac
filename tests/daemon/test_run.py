"""The real daemon as a process of its own, over a real tree."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from credguard import paths
from credguard.app import watch
from credguard.app.context import Context
from credguard.app.status import daemon_state
from credguard.services import systemd
from credguard.store import findings
from tests.support import samples
from tests.support.daemon import leak, until

pytestmark = pytest.mark.usefixtures("compiled_rules")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    tree.mkdir()
    return tree


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(str(tmp_path / "n"))
        ready.settimeout(60)
        process = subprocess.Popen(
            [sys.executable, "-m", "credguard", "daemon", "run"],
            env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "n")},
            stderr=subprocess.PIPE,
        )
        assert ready.recv(100) == b"READY=1"
    yield process
    process.kill()
    process.communicate()


def found_in(path: Path) -> bool:
    return any(f.path == str(path) for f in findings.open_findings(Context().db))


def test_it_finds_a_secret_logs_it_masked_and_stops_cleanly(
    tree: Path, daemon: subprocess.Popen[bytes]
) -> None:
    (tree / "before").write_text(leak(1))
    watch.add(Context(), str(tree))
    until(lambda: found_in(tree / "before"))
    (tree / "deep" / "er").mkdir(parents=True)
    (tree / "deep" / "er" / "env").write_text(leak(2))
    until(lambda: found_in(tree / "deep" / "er" / "env"))
    (tree / "node_modules").mkdir()
    (tree / "node_modules" / "env").write_text(leak(3))
    (tree / "before").unlink()
    until(lambda: not found_in(tree / "before"))
    assert not found_in(tree / "node_modules" / "env")
    log = Path(paths.log_file()).read_text()
    assert str(tree / "deep" / "er" / "env") in log
    for seed in (1, 2):
        assert samples.aws_secret(seed) not in log
        assert samples.aws_secret(seed).encode() not in Path(paths.database_file()).read_bytes()
    assert daemon_state() == "running"
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(60) == 0
    assert daemon_state() == "stopped"


def test_a_second_one_is_refused(daemon: subprocess.Popen[bytes]) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "credguard", "daemon", "run"], capture_output=True, timeout=60
    )
    assert second.returncode == 2
    assert b"runs already" in second.stderr


def test_a_service_that_cannot_be_stopped_from_here_is_not_called_removed(
    daemon: subprocess.Popen[bytes],
) -> None:
    # Without a user manager to ask, as in a session by su; what it left goes all the same.
    folder = Path(systemd.unit_dir())
    wanted = folder / "default.target.wants"
    wanted.mkdir(parents=True)
    (folder / systemd.SERVICE).write_text("")
    (wanted / systemd.SERVICE).symlink_to(folder / systemd.SERVICE)
    done = subprocess.run(
        [sys.executable, "-m", "credguard", "service", "uninstall"], capture_output=True, timeout=60
    )
    assert (done.returncode, b"still running" in done.stderr) == (2, True)
    assert str(daemon.pid).encode() in done.stderr
    assert not [each for each in folder.rglob("*") if not each.is_dir()]
