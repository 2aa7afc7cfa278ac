"""Passphrases that come by descriptor or as a systemd credential."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from credguard.errors import VaultError, VaultLocked, VaultTimeout
from credguard.secret import Secret
from credguard.vault import passphrase
from tests.support import samples

_WORD = samples.text(20, 9)


@pytest.fixture(autouse=True)
def nothing_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passphrase, "_read", {})
    monkeypatch.setattr(passphrase, "terminal", lambda: False)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FD", str(reading))
    yield reading, writing
    for each in (reading, writing):
        with contextlib.suppress(OSError):
            os.close(each)


def test_a_pipe_is_read_to_the_line_end_and_closed(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], _WORD.encode() + b"\r\nmore")
    assert passphrase.obtain("the vault", new=False) == Secret(_WORD)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(pipe[0])
    # The vault may be opened twice in one process.
    assert passphrase.obtain("the vault", new=False) == Secret(_WORD)


def test_a_pipe_that_ends_needs_no_line_end_and_an_empty_one_is_refused(
    pipe: tuple[int, int],
) -> None:
    os.write(pipe[1], _WORD.encode())
    os.close(pipe[1])
    assert passphrase.obtain("the vault", new=False) == Secret(_WORD)


def test_a_folder_and_a_fifo_are_no_passphrase_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    for path in (tmp_path, tmp_path / "fifo"):
        with pytest.raises(VaultError, match="is not a regular file"):
            passphrase.read_file(str(path))


def test_an_empty_pipe_is_refused(pipe: tuple[int, int]) -> None:
    os.close(pipe[1])
    with pytest.raises(VaultError, match="gives no passphrase"):
        passphrase.obtain("the vault", new=False)


def test_a_pipe_that_nobody_writes_is_not_waited_for(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passphrase, "_PIPE_S", 0.01)
    with pytest.raises(VaultTimeout):
        passphrase.obtain("the vault", new=False)


def test_a_descriptor_of_our_own_is_neither_read_nor_closed(
    pipe: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ours").write_text(_WORD)
    with open(tmp_path / "ours") as file:
        monkeypatch.setenv("CREDGUARD_PASSPHRASE_FD", str(file.fileno()))
        with pytest.raises(VaultError, match="not handed to this process"):
            passphrase.obtain("the vault", new=False)
        assert file.read() == _WORD


@pytest.mark.parametrize("number", ["0", "2", "x", "-3", "1e3", "999999", "9999999", "٣"])
def test_what_is_no_descriptor_is_refused(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FD", number)
    with pytest.raises(VaultError):
        passphrase.obtain("the vault", new=False)


def test_a_terminal_and_a_file_that_others_read_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    master, slave = os.openpty()
    os.set_inheritable(slave, True)
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FD", str(slave))
    with pytest.raises(VaultError, match="is a terminal"):
        passphrase.obtain("the vault", new=False)
    os.close(master)
    file = tmp_path / "word"
    file.write_text(_WORD)
    file.chmod(0o644)
    descriptor = os.open(file, os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FD", str(descriptor))
    with pytest.raises(VaultError, match="read by others"):
        passphrase.obtain("the vault", new=False)


def test_a_short_new_one_is_refused_wherever_it_comes_from(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"short\n")
    with pytest.raises(VaultError, match="shorter"):
        passphrase.obtain("the vault", new=True)


def test_a_systemd_credential_is_found_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(VaultLocked):
        passphrase.obtain("the vault", new=False)
    (tmp_path / "credguard.passphrase").write_text(_WORD + "\n")
    (tmp_path / "credguard.passphrase").chmod(0o440)
    assert passphrase.obtain("the vault", new=False) == Secret(_WORD)
    # What a person names goes first.
    other = tmp_path / "other"
    other.write_text(samples.text(20, 10))
    other.chmod(0o600)
    monkeypatch.setenv("CREDGUARD_PASSPHRASE_FILE", str(other))
    assert passphrase.obtain("the vault", new=False) == Secret(samples.text(20, 10))
