import os
import signal
import socket
from pathlib import Path

import pytest

from credguard.errors import VaultLocked, VaultTimeout, VaultUnavailable
from credguard.secret import Secret
from credguard.vault import select
from credguard.vault.oskeyring import OsKeyring
from tests.support.keyring_session import KeyringSession


def test_without_a_bus_it_is_unavailable() -> None:
    with pytest.raises(VaultUnavailable, match="no D-Bus is there"):
        OsKeyring("secretservice", deadline_s=20).get("x")


def test_a_bus_that_takes_calls_and_never_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind(str(tmp_path / "bus"))
        bus.listen()
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/bus")
        with pytest.raises((VaultUnavailable, VaultTimeout), match=r"D-Bus does not|did not ans"):
            OsKeyring("secretservice", deadline_s=20).get("x")


def test_a_library_that_is_not_there_is_told_in_words() -> None:
    with pytest.raises(VaultUnavailable, match=r"its Python package|no wallet"):
        OsKeyring("kwallet", deadline_s=20).get("x")


@pytest.mark.keyring
def test_a_locked_keyring_says_so(keyring_session: KeyringSession) -> None:
    vault = OsKeyring("secretservice", deadline_s=20)
    vault.put("x", Secret("value"))
    keyring_session.lock()
    with pytest.raises(VaultLocked):
        vault.get("x")
    vault.close()


@pytest.mark.keyring
def test_a_keyring_that_never_answers_is_left(keyring_session: KeyringSession) -> None:
    vault = OsKeyring("secretservice", deadline_s=20)
    vault.put("x", Secret("value"))
    vault.close()
    keyring_session.freeze()
    with pytest.raises(VaultTimeout):
        OsKeyring("secretservice", deadline_s=1).get("x")


@pytest.mark.keyring
def test_the_environment_does_not_choose_the_store(
    keyring_session: KeyringSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    vault = OsKeyring("secretservice", deadline_s=20)
    vault.put("x", Secret("value"))
    assert vault.get("x") == Secret("value")
    vault.close()


@pytest.mark.keyring
def test_the_probe_finds_it(keyring_session: KeyringSession) -> None:
    found = {each.backend: each.problem for each in select.probe()}
    assert found["keyring:secretservice"] is None
    assert found["keyring:kwallet"] is not None


def test_no_vault_chosen_points_to_init() -> None:
    with pytest.raises(VaultUnavailable) as caught:
        select.open_vault("")
    assert "credguard init" in caught.value.hint


def test_ctrl_c_at_the_terminal_reaches_no_worker() -> None:
    """A terminal sends it to the whole process group; a key may be on its way into the keyring."""
    vault = OsKeyring("secretservice")
    worker = vault._start()
    os.kill(worker.pid, signal.SIGINT)
    with pytest.raises(VaultUnavailable, match="cannot be used here"):  # it did answer
        vault.get("x")


def test_who_ends_our_process_group_ends_the_worker_too() -> None:
    vault = OsKeyring("secretservice")
    try:
        assert os.getpgid(vault._start().pid) == os.getpgid(0)
    finally:
        vault.close()
