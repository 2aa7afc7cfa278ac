"""The Vault contract, the same for the encrypted file, the real OS keyring and the fake."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from credguard.secret import Secret
from credguard.vault.base import Vault, check
from credguard.vault.encfile import EncryptedFile
from credguard.vault.memory import MemoryVault
from credguard.vault.oskeyring import OsKeyring
from tests.support import samples


@pytest.fixture(params=["memory", "file", pytest.param("keyring", marks=pytest.mark.keyring)])
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Vault]:
    if request.param == "memory":
        yield MemoryVault()
    elif request.param == "file":
        passphrase = Secret(samples.text(20))
        yield EncryptedFile(str(tmp_path / "v"), lambda _new: passphrase, cost=2)
    else:
        request.getfixturevalue("keyring_session")
        keyring = OsKeyring("secretservice", deadline_s=20)
        yield keyring
        keyring.close()


def test_what_is_put_is_got(vault: Vault) -> None:
    assert vault.get("a/b") is None
    vault.put("a/b", Secret(samples.aws_secret(1)))
    vault.put("a/c", Secret(samples.aws_secret(2)))
    assert vault.get("a/b") == Secret(samples.aws_secret(1))
    assert vault.get("a/c") == Secret(samples.aws_secret(2))
    assert vault.get("a") is None


def test_a_second_put_replaces(vault: Vault) -> None:
    vault.put("x", Secret(samples.text(10, 1)))
    vault.put("x", Secret(samples.text(10, 2)))
    assert vault.get("x") == Secret(samples.text(10, 2))


def test_delete_removes_and_absent_is_no_error(vault: Vault) -> None:
    vault.put("x", Secret(samples.text(10)))
    vault.delete("x")
    vault.delete("x")
    assert vault.get("x") is None


@pytest.mark.parametrize(
    "value",
    [b"\xff\xfe\x00", "zwölf ✓\n\t".encode(), b"base64:nope", b" lead and trail ", b"a\0b"],
)
def test_any_bytes_come_back(vault: Vault, value: bytes) -> None:
    vault.put("x", Secret(value))
    got = vault.get("x")
    assert got is not None
    assert got.reveal_bytes() == value


def test_long_secrets_come_back(vault: Vault) -> None:
    long = Secret(samples.text(20_000))
    vault.put("x", long)
    assert vault.get("x") == long


def test_the_check_leaves_nothing(vault: Vault) -> None:
    check(vault)
