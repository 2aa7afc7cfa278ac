"""The poisoned environment: no test reaches the real home, keyring, network, git config or AWS."""

import os
import signal
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no reason to fail.
settings.register_profile("credguard", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("credguard")

# A shell without job control starts what stands before a `&` with the interrupt ignored, which
# programs started from here would inherit, as they should; Ctrl-C is among what is tested.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = [
    f"tests.support.{name}"
    for name in (
        "counting",
        "simulator",
        "faults",
        "keyring_session",
        "password_store",
        "keepassxc",
        "desktop",
        "openssh",
        "cloud",
        "daemon",
        "agent",
        "display",
        "portals",
        "compiled",
        "watched",
        "user_manager",
        "audited",
    )
    if (Path(__file__).parent / "support" / f"{name}.py").exists()
]

_CLEARED = (
    "AWS_",
    "CREDENTIALS_DIRECTORY",
    "CREDGUARD_",
    "GIT_",
    "GNUPG",
    "GPG_",
    "PASSWORD_STORE_",
    "PYTHON_KEYRING",
    "KEYRING_",
    "XDG_",
    "SSH_",
)


class NetworkRefused(RuntimeError):
    """A test tried to reach something that is not this machine's loopback."""


@pytest.fixture(autouse=True)
def poisoned(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh home, every credential variable cleared, git told who we are; gives the home."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith(_CLEARED):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "run"))
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/credguard-test-bus")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Test Person")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "test@example.invalid")
    (home / ".gitconfig").write_text("[init]\n\tdefaultBranch = main\n\ttemplateDir =\n")
    return home


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets reach the loopback and Unix sockets, nothing else."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = address[0] if isinstance(address, tuple) else address
            if host not in ("127.0.0.1", "::1", "localhost"):
                raise NetworkRefused(f"a test tried to reach {host!r}")
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
