import json
import os
import signal
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credguard.errors import VaultCorrupt, VaultError, VaultLocked, VaultTimeout, WrongPassphrase
from credguard.secret import Secret
from credguard.vault import passphrase
from credguard.vault.encfile import EncryptedFile
from tests.support import samples

_PASS = samples.text(20, 9)


def vault(path: Path, word: str = _PASS) -> EncryptedFile:
    return EncryptedFile(str(path), lambda _new: Secret(word), cost=2)


def test_the_file_shows_neither_names_nor_values_and_is_private(tmp_path: Path) -> None:
    vault(tmp_path / "v").put("key/aws/1/name", Secret(samples.aws_secret()))
    data = (tmp_path / "v").read_bytes()
    assert b"name" not in data.replace(b'"name": "scrypt"', b"")
    assert samples.aws_secret().encode() not in data
    assert stat.S_IMODE(os.stat(tmp_path / "v").st_mode) == 0o600


def test_a_wrong_passphrase_is_told_from_damage(tmp_path: Path) -> None:
    path = tmp_path / "v"
    vault(path).put("x", Secret("value"))
    with pytest.raises(WrongPassphrase):
        vault(path, samples.text(20, 10)).get("x")
    with pytest.raises(WrongPassphrase):
        vault(path, samples.text(20, 10)).put("y", Secret("value"))
    assert vault(path).get("x") == Secret("value")


@given(at=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(at: int, flip: int, tmp_path_factory: object) -> None:
    assert isinstance(tmp_path_factory, pytest.TempPathFactory)
    path = tmp_path_factory.mktemp("v") / "v"
    vault(path).put("x", Secret("value"))
    good = json.loads(path.read_bytes())
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= flip
    path.write_bytes(data)
    try:
        assert json.loads(bytes(data)) == good  # white space
    except (ValueError, AssertionError):
        with pytest.raises((VaultCorrupt, WrongPassphrase, VaultError)):
            vault(path).items()


def test_a_file_cannot_ask_for_unbounded_work(tmp_path: Path) -> None:
    path = tmp_path / "v"
    vault(path).put("x", Secret("value"))
    box = json.loads(path.read_bytes())
    box["kdf"]["n"] = 1 << 40
    path.write_text(json.dumps(box))
    with pytest.raises(VaultCorrupt):
        vault(path).get("x")


def test_an_endless_file_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("credguard.vault.encfile._LARGEST", 1000)
    with pytest.raises(VaultError, match="larger than"):
        vault(Path("/dev/zero")).items()


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    def write(number: int) -> None:
        vault(tmp_path / "v").put(f"item{number}", Secret(f"value{number}"))

    vault(tmp_path / "v").put("first", Secret("v"))
    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(vault(tmp_path / "v").items()) == 9


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "v"
    vault(path).put("x", Secret("old"))

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(VaultError, match="No space left"):
            vault(path).put("x", Secret("new"))
    assert vault(path).get("x") == Secret("old")
    assert {each.name for each in tmp_path.iterdir()} == {"v", "v.lock"}


class TestPassphrase:
    def test_a_file_that_others_read_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "p"
        file.write_text(_PASS + "\n")
        file.chmod(0o640)
        with pytest.raises(VaultError, match="read by others"):
            passphrase.read_file(str(file))
        file.chmod(0o600)
        assert passphrase.read_file(str(file)) == Secret(_PASS)

    def test_a_credentials_directory_sets_its_own_modes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "p"
        file.write_text(_PASS)
        file.chmod(0o644)
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
        assert passphrase.read_file(str(file)) == Secret(_PASS)
        outside = tmp_path.parent / f"{tmp_path.name}-outside"
        outside.write_text(_PASS)
        outside.chmod(0o644)
        (tmp_path / "link").symlink_to(outside)
        with pytest.raises(VaultError, match="read by others"):
            passphrase.read_file(str(tmp_path / "link"))

    def test_a_fifo_an_empty_and_a_missing_file_are_refused(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "fifo", 0o600)
        (tmp_path / "empty").touch(0o600)
        for name in ("fifo", "empty", "missing"):
            with pytest.raises(VaultError):
                passphrase.read_file(str(tmp_path / name))

    def test_with_nobody_to_ask_it_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(passphrase, "terminal", lambda: False)
        with pytest.raises(VaultLocked) as caught:
            passphrase.obtain("the vault", new=False)
        assert "CREDGUARD_PASSPHRASE_FILE" in caught.value.hint

    def test_a_person_who_left_is_not_waited_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        reading, writing = os.pipe()
        monkeypatch.setattr(passphrase.getpass, "getpass", lambda _text: os.read(reading, 1))
        earlier = signal.getsignal(signal.SIGALRM)
        with pytest.raises(VaultTimeout, match="no passphrase"):
            passphrase._prompt("?", 0.01)
        assert signal.getsignal(signal.SIGALRM) == earlier
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        os.close(reading)
        os.close(writing)

    def test_a_new_one_must_be_long(self, tmp_path: Path) -> None:
        file = tmp_path / "p"
        file.write_text("short")
        file.chmod(0o600)
        with pytest.raises(VaultError, match="shorter"):
            passphrase.obtain("the vault", new=True, path=str(file))
