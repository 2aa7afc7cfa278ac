"""A real `systemd --user` in namespaces of its own, for the tests of the units."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_TOOLS = ("unshare", "nsenter", "systemctl", "journalctl")
_PROGRAM = "/usr/lib/systemd/systemd"
# It refuses where the system was not booted with systemd, which it tells by a folder in /run.
_SCRIPT = f"""
mount -t tmpfs tmpfs /run || exit 1
mkdir -p /run/systemd/system {{runtime}} && chmod 700 {{runtime}} || exit 1
{_PROGRAM} --user --log-target=null &
wait
"""


class UserManager:
    """Runs commands beside the manager: it sees its own /run and its own processes only."""

    def __init__(self) -> None:
        self.runtime = f"/run/user/{os.getuid()}"
        self._env = {**os.environ, "XDG_RUNTIME_DIR": self.runtime}
        self._env.pop("DBUS_SESSION_BUS_ADDRESS", None)
        self._process = subprocess.Popen(
            ["unshare", "--mount", "--cgroup", "--pid", "--fork", "--mount-proc", "--kill-child",
             "sh", "-c", _SCRIPT.format(runtime=self.runtime)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=self._env, start_new_session=True,
        )  # fmt: skip

    def ready(self) -> bool:
        """Whether it runs; False: it cannot be run here."""
        end = time.monotonic() + 20
        while time.monotonic() < end and self._process.poll() is None:
            said = self.run("systemctl", "--user", "is-system-running").stdout.strip()
            if said in ("running", "degraded"):
                return True
            time.sleep(0.05)
        return False

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command beside it."""
        return subprocess.run(
            [*self._enter(), *command],
            env=self._env, capture_output=True, text=True, timeout=110, check=False,
        )  # fmt: skip

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command beside it; the caller ends it."""
        return subprocess.Popen([*self._enter(), *command], env=self._env, text=True)

    def credguard(self, *arguments: str, ok: int = 0) -> str:
        """Run credguard beside it; what it printed."""
        done = self.run(sys.executable, "-m", "credguard", *arguments)
        assert done.returncode == ok, done.stderr
        return done.stdout

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        done = self.run("systemctl", "--user", "show", unit, f"--property={name}", "--value")
        return done.stdout.strip()

    def read(self, path: str) -> str:
        """A file as it is there."""
        return self.run("cat", path).stdout

    def _enter(self) -> list[str]:
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        inside = children.read_text().split() if children.exists() else []
        target = inside[0] if inside else str(pid)
        return ["nsenter", "--target", target, "--mount", "--pid", "--cgroup", "--wd=/"]

    def close(self) -> None:
        """End it and everything that it started; asked, it leaves no control group behind."""
        self.run("systemctl", "--user", "exit")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(20)


@pytest.fixture
def user_manager(poisoned: Path) -> Iterator[UserManager]:
    """A manager whose units are those of the test's home; skips where none can be run."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a user manager of one's own needs root on Linux")
    missing = [each for each in _TOOLS if not shutil.which(each)]
    if missing or not os.path.exists(_PROGRAM):
        pytest.skip(f"*** NOT HERE, so the units are not run: systemd {' '.join(missing)}")
    manager = UserManager()
    try:
        if not manager.ready():
            pytest.skip("*** systemd --user cannot be run here, so the units are not run")
        yield manager
    finally:
        manager.close()
