"""The doctor's checks of the vault, each both ways."""

from pathlib import Path

import pytest

from credguard import config, paths
from credguard.app.doctor import vault
from credguard.app.doctor.model import FAIL, OK, WARN
from credguard.store import profiles
from credguard.vault.bus import Bus
from tests.support.checks import checks, file_vault, only, passphrase_file


def test_the_vault_is_chosen() -> None:
    assert only("Vault", "backend").fix == "run: credguard init"
    config.set_value("vault.backend", "file")
    assert only("Vault", "backend").state == OK


def test_a_file_vault_is_opened_and_its_keys_are_looked_up(poisoned: Path) -> None:
    ctx = file_vault(poisoned, "work")
    assert only("Vault", "passphrase").state == OK
    assert only("Vault", "contents").said == "opens, and holds all 1 keys of the index"
    key = profiles.profile(ctx.db, "work").key
    ctx.vault.delete(f"key/aws/{key.account}/{key.key_id}")
    assert only("Vault", "contents").state == FAIL
    assert key.key_id in only("Vault", "contents").said


def test_another_passphrase_is_told_from_a_damaged_file(poisoned: Path) -> None:
    file_vault(poisoned, "work")
    passphrase = poisoned / "passphrase"
    passphrase.write_text("another passphrase\n")
    assert "passphrase" in only("Vault", "contents").said
    passphrase_file(poisoned)
    Path(paths.vault_file()).write_text("{")
    assert "damaged" in only("Vault", "contents").said
    Path(paths.vault_file()).unlink()
    assert only("Vault", "contents").state == FAIL


def test_a_passphrase_file_that_others_can_read(poisoned: Path) -> None:
    file_vault(poisoned, "work")
    (poisoned / "passphrase").chmod(0o644)
    found = only("Vault", "passphrase")
    assert (found.state, found.fix) == (FAIL, f"run: chmod 600 {poisoned}/passphrase")


def test_without_a_passphrase_file_nobody_is_asked_and_rotation_is_named(
    poisoned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_vault(poisoned, "work")
    monkeypatch.delenv("CREDGUARD_PASSPHRASE_FILE")
    assert only("Vault", "passphrase").state == WARN
    assert checks("Vault", "contents") == []


def test_keyring_variables_are_said_to_be_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks("Vault", "keyring variables") == []
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    found = only("Vault", "keyring variables")
    assert (found.state, found.fix) == (WARN, "run: unset PYTHON_KEYRING_BACKEND")


def test_without_a_bus_the_keyring_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    config.set_value("vault.backend", "keyring:secretservice")
    assert "is dead" in only("Vault", "session bus").said  # the address of tests/conftest.py
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    assert "not set" in only("Vault", "session bus").said
    assert checks("Vault", "contents") == []
    config.set_value("vault.backend", "file")
    assert checks("Vault", "session bus") == []


@pytest.mark.parametrize(
    ("bus", "state", "word"),
    [
        (Bus(), FAIL, "dbus-run-session"),
        (Bus(usual="/run/user/1/bus"), FAIL, "export DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user"),
        (Bus("unix:path=/a", foreign=True), FAIL, "dbus-run-session"),
        (Bus("unix:path=/a", usual="/run/user/1/bus", owner="x"), WARN, "export"),
        (Bus("unix:path=/a"), FAIL, "gnome-keyring"),
        (Bus("unix:path=/a", startable=True), OK, ""),
        (Bus("unix:path=/a", owner="x"), OK, ""),
    ],
)
def test_each_state_of_the_bus(bus: Bus, state: str, word: str) -> None:
    (found,) = vault.bus(vault.VaultFacts("keyring:secretservice", bus=bus))
    assert found.state == state
    assert word in found.fix


def test_wsl_is_told_of_systemd(tmp_path: Path) -> None:
    version = tmp_path / "version"
    version.write_text("Linux version 5.15.1-microsoft-standard-WSL2")
    assert vault.wsl(str(version))
    version.write_text("Linux version 6.1.0-amd64")
    assert not vault.wsl(str(version))
    (found,) = vault.bus(vault.VaultFacts("keyring:secretservice", wsl=True, bus=Bus()))
    assert "/etc/wsl.conf" in found.fix


def test_two_programs_that_offer_secrets() -> None:
    two = Bus("unix:path=/a", owner="gnome-keyring-d", others=["KeePassXC"])
    (found,) = vault.services(vault.VaultFacts("keyring:secretservice", bus=two))
    assert (found.state, "KeePassXC" in found.said) == (WARN, True)
