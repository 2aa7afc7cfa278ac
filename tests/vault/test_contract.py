"""The Vault contract, the same for every backend, each of them real, and for the fake.

A new backend gets a fixture below and its name in `BACKENDS`; nothing else is to be written.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from credguard.secret import Secret
from credguard.vault.base import Vault, check
from credguard.vault.encfile import EncryptedFile
from credguard.vault.memory import MemoryVault
from credguard.vault.oskeyring import OsKeyring
from credguard.vault.passstore import PassStore
from tests.support import samples

BACKENDS = [
    "memory",
    "file",
    pytest.param("gnome_keyring", marks=pytest.mark.keyring),
    pytest.param("keepassxc_service", marks=pytest.mark.keyring),
    pytest.param("password_store_vault", marks=pytest.mark.keyring),
]


@pytest.fixture
def memory() -> Vault:
    return MemoryVault()


@pytest.fixture
def file(tmp_path: Path) -> Vault:
    passphrase = Secret(samples.text(20))
    return EncryptedFile(str(tmp_path / "v"), lambda _new: passphrase, cost=2)


@pytest.fixture
def gnome_keyring(keyring_session: object) -> Iterator[Vault]:
    keyring = OsKeyring("secretservice", deadline_s=20)
    yield keyring
    keyring.close()


@pytest.fixture
def keepassxc_service(keepassxc: object) -> Iterator[Vault]:
    keyring = OsKeyring("secretservice", deadline_s=20)
    yield keyring
    keyring.close()


@pytest.fixture
def password_store_vault(password_store: object) -> Vault:
    return PassStore(deadline_s=20)


@pytest.fixture(params=BACKENDS)
def vault(request: pytest.FixtureRequest) -> Vault:
    found: Vault = request.getfixturevalue(request.param)
    return found


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


def test_names_that_look_alike_are_kept_apart(vault: Vault) -> None:
    names = [
        "secret/a", "secret/A", "secret/a.gpg", "secret/a/b", "secret/a.gpg/b", "secret/a b",
        "secret/a%20b", "secret/../a", "secret/..", "secret//a", "secret/-a", "secret/.a",
        "secret/é", "secret/" + "x" * 128, "secret/" + "é" * 128,
        "profile/a:b/c", "secret/~", "a\nb",
    ]  # fmt: skip
    for number, name in enumerate(names):
        vault.put(name, Secret(f"value {number}"))
    for number, name in enumerate(names):
        assert vault.get(name) == Secret(f"value {number}"), name
    for name in names:
        vault.delete(name)
        assert vault.get(name) is None, name


def test_an_empty_secret_is_not_an_absent_one(vault: Vault) -> None:
    vault.put("x", Secret(""))
    assert vault.get("x") == Secret("")


def test_the_check_leaves_nothing(vault: Vault) -> None:
    check(vault)


def test_it_names_what_it_holds(vault: Vault) -> None:
    assert vault.names() == []
    names = ["secret/a", "secret/A", "secret/a.gpg", "secret/a.gpg/b", "secret/..", "secret//a",
             "secret/x y", "secret/" + "x" * 128, "profile/a:b/c", "a\nb"]  # fmt: skip
    for name in names:
        vault.put(name, Secret("value"))
    assert vault.names() == sorted(names)
    for name in names:
        vault.delete(name)
    assert vault.names() == []
