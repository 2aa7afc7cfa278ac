"""The doctor beside a real gnome-keyring: unlocked, locked, frozen, and with a second one."""

import os
import socket
from pathlib import Path

import pytest

from credguard import config
from credguard.app.doctor.model import FAIL, OK, UNKNOWN, WARN
from credguard.vault.bus import look
from tests.support.checks import checks, only, shell
from tests.support.keyring_session import KeyringSession

pytestmark = pytest.mark.keyring


@pytest.fixture(autouse=True)
def chosen(keyring_session: KeyringSession) -> None:
    config.set_value("vault.backend", "keyring:secretservice")


def test_an_unlocked_keyring_is_well(keyring_session: KeyringSession) -> None:
    names = ("session bus", "secret services", "locked", "contents")
    assert [only("Vault", name).state for name in names] == [OK] * 4


def test_a_locked_one_is_told_without_asking_it_and_its_fix_unlocks(
    keyring_session: KeyringSession,
) -> None:
    keyring_session.lock()
    found = only("Vault", "locked")
    assert found.state == FAIL
    assert checks("Vault", "contents") == []
    command = found.fix.splitlines()[0].removeprefix("run: ")
    # The fixture's password ends with a line end, which nobody could type.
    typed = command.replace("printf %s ", "printf '%s\\n' ")
    typed = typed.replace("read -rs p", "p='test password'")
    assert typed.count("test password") == 1
    shell(typed, {**keyring_session.env})
    assert only("Vault", "locked").state == OK
    assert only("Vault", "contents").state == OK


def test_a_locked_one_on_a_desktop(
    keyring_session: KeyringSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring_session.lock()
    monkeypatch.setenv("DISPLAY", ":99")
    assert "run: credguard unlock" in only("Vault", "locked").fix


def test_a_frozen_one_is_not_waited_for(keyring_session: KeyringSession) -> None:
    keyring_session.freeze()
    assert only("Vault", "session bus").state in (FAIL, UNKNOWN)
    assert checks("Vault", "contents") == []


def test_a_second_program_that_offers_secrets(keyring_session: KeyringSession) -> None:
    from jeepney import DBusAddress, new_method_call
    from jeepney.io.blocking import open_dbus_connection

    bus = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
    with open_dbus_connection(keyring_session.address) as connection:
        name = "org.keepassxc.KeePassXC.MainWindow"
        connection.send_and_get_reply(new_method_call(bus, "RequestName", "su", (name, 0)))
        found = only("Vault", "secret services")
    assert (found.state, "KeePassXC" in found.said) == (WARN, True)
    assert only("Vault", "secret services").state == OK


def test_a_bus_of_another_session(keyring_session: KeyringSession, poisoned: Path) -> None:
    (poisoned / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(poisoned / "run" / "bus"))
        found = only("Vault", "session bus")
    assert (found.state, "another session's" in found.said) == (WARN, True)
    environment = shell(found.fix.splitlines()[-1].removeprefix("run: "), dict(os.environ))
    path = str(poisoned / "run" / "bus")
    assert environment["DBUS_SESSION_BUS_ADDRESS"] == f"unix:path={path}"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a socket away")
def test_a_bus_of_another_user(
    keyring_session: KeyringSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "bus"))
        os.chown(tmp_path / "bus", 12345, 12345)
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/bus")
        assert look().foreign
        assert "another user" in only("Vault", "session bus").said
