"""What is particular to `pass`: its lock, its deadline, its errors; the rest is the contract's."""

import os
import stat
from pathlib import Path

import pytest

from credguard.errors import (
    VaultCorrupt,
    VaultError,
    VaultLocked,
    VaultTimeout,
    VaultUnavailable,
)
from credguard.secret import Secret
from credguard.vault import passstore
from credguard.vault.passstore import PassStore
from tests.support import samples
from tests.support.password_store import PasswordStore

pytestmark = pytest.mark.keyring


def test_a_locked_agent_says_so_at_once_where_nobody_can_type(
    password_store: PasswordStore,
) -> None:
    vault = PassStore(deadline_s=20)
    vault.put("secret/x", Secret("value"))
    vault.lock()
    with pytest.raises(VaultLocked) as caught:
        vault.get("secret/x")
    assert "credguard unlock" in caught.value.hint
    password_store.unlock()
    assert vault.get("secret/x") == Secret("value")


def test_values_are_in_no_argument_and_names_are_entries(
    password_store: PasswordStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Called through a script that notes its arguments and environment, then runs the real one.
    real = next(
        path
        for path in (os.path.join(each, "pass") for each in os.environ["PATH"].split(":"))
        if os.path.exists(path)
    )
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "pass").write_text(
        f'#!/bin/sh\n{{ echo "$@"; env; }} >>{tmp_path}/seen\nexec {real} "$@"\n'
    )
    (folder / "pass").chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", samples.aws_secret(8))
    vault = PassStore(deadline_s=20)
    vault.put("secret/github-token", Secret(samples.text(30)))
    vault.get("secret/github-token")
    seen = (tmp_path / "seen").read_text()
    assert "credguard/secret/github-token" in seen
    assert samples.text(30) not in seen
    assert samples.aws_secret(8) not in seen
    file = password_store.folder / "credguard/secret/github-token.gpg"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_one_that_does_not_answer_is_left(
    password_store: PasswordStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = PassStore(deadline_s=0.2)
    (password_store.folder / "credguard").mkdir()
    (password_store.folder / "credguard/x.gpg").touch()
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "pass").write_text("#!/bin/sh\nsleep 60\n")
    (folder / "pass").chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    with pytest.raises(VaultTimeout):
        vault.get("x")


def test_a_damaged_entry_is_told_from_a_locked_one(password_store: PasswordStore) -> None:
    vault = PassStore(deadline_s=20)
    file = password_store.folder / "credguard/x.gpg"
    vault.put("x", Secret(samples.text(500)))
    good = file.read_bytes()
    for bad in (b"", b"nothing of GPG", good[:-20], good[:-30] + bytes(30), good[: len(good) // 2]):
        file.write_bytes(bad)
        with pytest.raises(VaultCorrupt):
            vault.get("x")
    file.write_bytes(good)
    assert vault.get("x") == Secret(samples.text(500))


def test_without_a_store_a_key_or_pass_it_says_what_to_do(
    password_store: PasswordStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = PassStore(deadline_s=20)
    vault.put("x", Secret("value"))
    (password_store.folder / ".gpg-id").write_text("nobody@example.invalid\n")
    with pytest.raises(VaultUnavailable, match="cannot encrypt"):
        vault.put("y", Secret("value"))
    empty = tmp_path / "gnupg"
    empty.mkdir(0o700)
    with monkeypatch.context() as patch:
        patch.setenv("GNUPGHOME", str(empty))
        with pytest.raises(VaultUnavailable, match="is not here"):
            vault.get("x")
    monkeypatch.setenv("PASSWORD_STORE_DIR", str(tmp_path / "none"))
    with pytest.raises(VaultUnavailable) as caught:
        vault.put("x", Secret("value"))
    assert "pass init" in caught.value.hint
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(VaultUnavailable, match="not installed"):
        vault.put("x", Secret("value"))


def test_two_names_that_the_file_system_takes_for_one_are_refused(
    password_store: PasswordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = PassStore(deadline_s=20)
    vault.put("secret/Foo", Secret("value"))
    real = os.path.lexists
    # As a file system that ignores case answers.
    monkeypatch.setattr(os.path, "lexists", lambda path: real(path.replace("foo", "Foo")))
    with pytest.raises(VaultError, match="its case only"):
        vault.put("secret/foo", Secret("other"))
    assert vault.get("secret/Foo") == Secret("value")


def test_every_part_becomes_one_plain_file_name() -> None:
    for part in ("", ".", "..", "-x", "a\0b", "a\nb", "x" * 300, "é" * 200, "a.gpg", "A b", "%"):
        name = passstore._part(part)
        assert name not in ("", ".", "..")
        assert not name.startswith((".", "-"))
        assert not name.endswith(".gpg")
        assert name.isascii()
        assert name.isprintable()
        assert "/" not in name
        assert len(name) <= 200


def test_what_others_left_in_its_folder_is_no_item(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD_STORE_DIR", str(tmp_path))
    folder = tmp_path / "credguard" / "secret"
    folder.mkdir(parents=True)
    for name in ("good.gpg", "README", "good.gpg~", "%ff.gpg", "%41.gpg"):
        (folder / name).touch()
    Path(
        os.fsdecode(os.fsencode(folder) + b"/\xe9.gpg")
    ).touch()  # typed where the locale was Latin-1
    assert PassStore().names() == ["secret/good"]
