"""The `keyring_session` fixture: a real gnome-keyring, unlocked, on a private D-Bus."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

MISSING = [tool for tool in ("gnome-keyring-daemon", "dbus-daemon") if not shutil.which(tool)]


class KeyringSession:
    """A bus with a keyring on it. `lock()` locks the login collection."""

    def __init__(self, home: Path) -> None:
        self.bus = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", "--print-address=1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={
                "HOME": str(home),
                "PATH": os.environ["PATH"],
                "XDG_RUNTIME_DIR": str(home / "run"),
            },
            text=True,
            start_new_session=True,
        )
        assert self.bus.stdout is not None
        self.address = self.bus.stdout.readline().strip()
        self.env = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "XDG_RUNTIME_DIR": str(home / "run"),
            "XDG_DATA_HOME": str(home / "data"),
            "DBUS_SESSION_BUS_ADDRESS": self.address,
        }
        (home / "run").mkdir(exist_ok=True)
        self.keyring = subprocess.Popen(
            ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self.env,
            start_new_session=True,
        )
        assert self.keyring.stdin is not None
        self.keyring.stdin.write(b"test password\n")
        self.keyring.stdin.close()
        assert self.keyring.stdout is not None
        self.keyring.stdout.readline()  # printed once it listens

    def _call(self, *arguments: str) -> str:
        done = subprocess.run(
            [
                "dbus-send",
                "--session",
                "--print-reply",
                "--dest=org.freedesktop.secrets",
                *arguments,
            ],
            env=self.env,
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        return done.stdout

    def lock(self) -> None:
        """Lock every collection; nobody is there to unlock."""
        self._call(
            "/org/freedesktop/secrets",
            "org.freedesktop.Secret.Service.Lock",
            "array:objpath:/org/freedesktop/secrets/collection/login",
        )

    def freeze(self) -> None:
        """Stop the daemon in its tracks: it takes calls and never answers."""
        self.keyring.send_signal(signal.SIGSTOP)

    def close(self) -> None:
        for process in (self.keyring, self.bus):
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


@pytest.fixture
def keyring_session(
    tmp_path_factory: pytest.TempPathFactory, poisoned: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KeyringSession]:
    if MISSING:
        pytest.skip(f"*** NOT HERE, so the real keyring is not tested: {', '.join(MISSING)}")
    session = KeyringSession(tmp_path_factory.mktemp("keyring"))
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", session.address)
    yield session
    session.close()
