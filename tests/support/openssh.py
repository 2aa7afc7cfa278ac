"""The `agent` fixture: a real ssh-agent; `sshd`: a real server on the loopback that lets us in."""

import getpass
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVER = "/usr/sbin/sshd"


@pytest.fixture
def agent(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The agent's socket, set as SSH_AUTH_SOCK."""
    path = str(tmp_path_factory.mktemp("agent") / "s")
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()  # printed once it listens
    monkeypatch.setenv("SSH_AUTH_SOCK", path)
    yield path
    process.kill()
    process.communicate()


class Server:
    """Takes whoever holds the private half of a key in `authorized`, or of one let in for a while.

    Logins get `home` as their home: never the real one of who runs the tests.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        (self.home / ".ssh").mkdir(parents=True)
        self.authorized = self.home / ".ssh" / "authorized_keys"
        self.authorized.touch()
        self.admitted = folder / "admitted"
        self.admitted.touch()
        host = folder / "host"
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(host)], check=True, timeout=60
        )
        (folder / "config").write_text(
            f"HostKey {host}\nAuthorizedKeysFile {self.authorized} {self.admitted}\n"
            "StrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n"
            f"PidFile none\nLogLevel ERROR\nSetEnv HOME={self.home}\n"
        )

    def admit(self, line: str) -> None:
        """Let the key in until `expire`, as EC2 Instance Connect does for 60 seconds."""
        with self.admitted.open("a") as file:
            file.write(line.strip() + "\n")

    def expire(self) -> None:
        """The 60 seconds are over."""
        self.admitted.write_text("")

    def login(
        self,
        *command: str,
        options: list[str] | None = None,
        batch: bool = True,
        settings: list[str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `command` through ssh and a server of its own (inetd mode: no port is taken).

        `options`: ssh's, before ours; `batch`: ssh asks nobody and no helper. `settings`: its -F
        (None: it reads no file).
        """
        proxy = f"{SERVER} -i -f {self.folder / 'config'}"
        chosen = (
            *(options or ()),
            f"ProxyCommand={proxy}",
            *(["BatchMode=yes"] if batch else []),
            "StrictHostKeyChecking=no",
            f"UserKnownHostsFile={self.folder / 'known'}",
        )
        flags = [word for option in chosen for word in ("-o", option)]
        return subprocess.run(
            [
                "ssh",
                *(settings or ["-F", "none"]),
                *flags,
                f"{getpass.getuser()}@loopback",
                *command,
            ],
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Server:
    if not os.path.exists(SERVER):
        pytest.skip(f"*** NOT HERE, so logging in is not tested: {SERVER}")
    if os.getuid() == 0:
        os.makedirs("/run/sshd", 0o755, exist_ok=True)  # as the distribution's own start does
    return Server(tmp_path_factory.mktemp("sshd"))
