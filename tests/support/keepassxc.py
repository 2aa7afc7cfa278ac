"""The `keepassxc` fixture: a real KeePassXC as the Secret Service, its database open.

It needs no display: Qt's offscreen platform does. The database is imported from XML, since the
group that programs may see is chosen in the database itself (FDO_SECRETS_EXPOSED_GROUP).
"""

import base64
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import samples

MISSING = [tool for tool in ("keepassxc", "keepassxc-cli", "dbus-daemon") if not shutil.which(tool)]
# Saving after every change crashes KeePassXC now and then when several programs run beside it.
_SETTINGS = """[General]
ConfigVersion=2
UpdateCheckMessageShown=true
AutoSaveAfterEveryChange=false
AutoSaveOnExit=false
[GUI]
CheckForUpdates=false
[Security]
LockDatabaseIdle=false
[FdoSecrets]
Enabled=true
ShowNotification=false
ConfirmDeleteItem=false
ConfirmAccessItem=false
"""
_XML = """<?xml version="1.0" encoding="UTF-8"?>
<KeePassFile><Meta><Generator>test</Generator><RecycleBinEnabled>False</RecycleBinEnabled>
<CustomData><Item><Key>FDO_SECRETS_EXPOSED_GROUP</Key><Value>{group}</Value></Item></CustomData>
</Meta><Root><Group><UUID>{encoded}</UUID><Name>Root</Name></Group></Root></KeePassFile>
"""
# Without service files: the first call would start gnome-keyring, which then has the name.
_BUS = """<busconfig><type>session</type><listen>unix:path={socket}</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>
"""


class KeePassXc:
    """A bus with a KeePassXC on it."""

    def __init__(self, home: Path) -> None:
        (home / "run").mkdir(mode=0o700)
        self.env = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "XDG_RUNTIME_DIR": str(home / "run"),
            "QT_QPA_PLATFORM": "offscreen",
            "TMPDIR": str(home / "run"),  # where a second instance would find the first
        }
        bus = home / "bus.conf"
        bus.write_text(_BUS.format(socket=home / "run" / "bus"))
        self.bus = subprocess.Popen(
            ["dbus-daemon", f"--config-file={bus}", "--nofork", "--print-address=1"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self.env, text=True,
        )  # fmt: skip
        assert self.bus.stdout is not None
        self.address = self.bus.stdout.readline().strip()
        self.env["DBUS_SESSION_BUS_ADDRESS"] = self.address
        password = samples.text(20, 78)
        group = uuid.UUID(bytes=os.urandom(16))
        xml = home / "empty.xml"
        xml.write_text(
            _XML.format(group=f"{{{group}}}", encoded=base64.b64encode(group.bytes).decode())
        )
        subprocess.run(
            ["keepassxc-cli", "import", "-p", str(xml), str(home / "test.kdbx")],
            input=f"{password}\n{password}\n", env=self.env, text=True, check=True,
            capture_output=True, timeout=60,
        )  # fmt: skip
        (home / "keepassxc.ini").write_text(_SETTINGS)
        self.program = subprocess.Popen(
            [
                "keepassxc", "--config", str(home / "keepassxc.ini"),
                "--localconfig", str(home / "local.ini"), "--pw-stdin", str(home / "test.kdbx"),
            ],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=self.env, text=True,
        )  # fmt: skip
        assert self.program.stdin is not None
        self.program.stdin.write(password + "\n")
        self.program.stdin.close()
        self._wait()

    def _wait(self) -> None:
        """Until the open database is offered; the bus tells nothing that could be waited for."""
        end = time.monotonic() + 60
        words = [
            "dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.secrets",
            "/org/freedesktop/secrets/aliases/default", "org.freedesktop.DBus.Properties.Get",
            "string:org.freedesktop.Secret.Collection", "string:Locked",
        ]  # fmt: skip
        while time.monotonic() < end:
            done = subprocess.run(words, env=self.env, capture_output=True, text=True, timeout=30)
            if "boolean false" in done.stdout:
                return
            assert self.program.poll() is None, "KeePassXC ended"
            time.sleep(0.1)
        raise AssertionError(f"KeePassXC offers no database: {done.stdout}{done.stderr}")

    def close(self) -> None:
        for process in (self.program, self.bus):
            process.kill()
            process.wait()
        assert self.bus.stdout is not None
        self.bus.stdout.close()


@pytest.fixture
def keepassxc(
    tmp_path_factory: pytest.TempPathFactory, poisoned: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[KeePassXc]:
    if MISSING:
        pytest.skip(f"*** NOT HERE, so KeePassXC is not tested: {', '.join(MISSING)}")
    service = KeePassXc(tmp_path_factory.mktemp("keepassxc"))
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", service.address)
    yield service
    service.close()
