"""Start the real daemon as a process of its own, and wait for what it does."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from credguard import paths
from credguard.app.context import Context
from credguard.store import findings
from tests.support import samples

_STARTED: list[subprocess.Popen[bytes]] = []


@pytest.fixture(autouse=True)
def no_daemon_left() -> Iterator[None]:
    """End what a failing test leaves running."""
    yield
    while _STARTED:
        process = _STARTED.pop()
        process.kill()
        process.communicate()


def until(condition: Callable[[], bool], deadline_s: float = 30) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.01)


def start(cwd: Path | None = None, *wrapper: str) -> subprocess.Popen[bytes]:
    """A daemon that is ready. `wrapper`: a command that runs it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready,
    ):
        ready.bind(f"{folder}/n")
        ready.settimeout(60)
        process = subprocess.Popen(
            [*wrapper, sys.executable, "-P", "-m", "credguard", "daemon", "run"],
            env={**os.environ, "NOTIFY_SOCKET": f"{folder}/n"},
            stderr=subprocess.PIPE,
            cwd=cwd,
        )
        _STARTED.append(process)
        assert ready.recv(100) == b"READY=1"
    return process


def stop(process: subprocess.Popen[bytes]) -> bytes:
    """End it as a service manager does; what it wrote to standard error."""
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    _STARTED.remove(process)
    assert process.returncode == 0
    return said


def log() -> str:
    """The service's log; empty: there is none yet."""
    file = Path(paths.log_file())
    return file.read_text() if file.exists() else ""


def leak(seed: int = 1) -> str:
    return (
        f"aws_access_key_id = {samples.aws_key_id(seed)}\n"
        f"aws_secret_access_key = {samples.aws_secret(seed)}\n"
    )


def all_told() -> bool:
    """Whether every open finding was told; one that was not is told again by the next start."""
    context = Context()
    try:
        return all(each.notified is not None for each in findings.open_findings(context.db))
    finally:
        context.db.close()


def open_paths() -> set[str]:
    """The files with open findings."""
    context = Context()
    try:
        return {finding.path for finding in findings.open_findings(context.db)}
    finally:
        context.db.close()
