"""The `password_store` fixture: the real `pass`, with a throw-away GPG key under a passphrase."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import samples

MISSING = [tool for tool in ("pass", "gpg") if not shutil.which(tool)]


class PasswordStore:
    """A store and its key. `unlock()` makes gpg-agent keep the passphrase, `lock()` forget it."""

    def __init__(self, folder: Path, gnupg: str) -> None:
        self.folder = folder
        self._gnupg = gnupg
        self._passphrase = samples.text(20, 77)
        self.env = {**os.environ, "GNUPGHOME": gnupg, "PASSWORD_STORE_DIR": str(folder)}
        self._gpg("--quick-generate-key", "credguard test <t@example.invalid>", "ed25519", "sign")
        listed = self._gpg("--list-keys", "--with-colons")
        self.key = next(line.split(":")[9] for line in listed.splitlines() if line[:3] == "fpr")
        self._gpg("--quick-add-key", self.key, "cv25519", "encr")
        subprocess.run(["pass", "init", self.key], env=self.env, check=True, capture_output=True)

    def _gpg(self, *arguments: str) -> str:
        words = ["gpg", "--batch", "--pinentry-mode=loopback", "--passphrase-fd=0", *arguments]
        done = subprocess.run(
            words, env=self.env, input=self._passphrase, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def unlock(self) -> None:
        subprocess.run(
            ["pass", "insert", "--multiline", "--force", "open"],
            env=self.env, input=b"x", check=True, capture_output=True,
        )  # fmt: skip
        self._gpg("--decrypt", str(self.folder / "open.gpg"))

    def lock(self) -> None:
        subprocess.run(
            ["gpg-connect-agent", "RELOADAGENT", "/bye"],
            env=self.env, check=True, capture_output=True,
        )  # fmt: skip

    def close(self) -> None:
        subprocess.run(["gpgconf", "--kill", "all"], env=self.env, capture_output=True)
        shutil.rmtree(self._gnupg, ignore_errors=True)


@pytest.fixture
def password_store(
    tmp_path: Path, poisoned: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PasswordStore]:
    if MISSING:
        pytest.skip(f"*** NOT HERE, so the real pass is not tested: {', '.join(MISSING)}")
    # A short path: gpg-agent's socket is in it.
    store = PasswordStore(tmp_path / "store", tempfile.mkdtemp(prefix="gpg", dir="/tmp"))
    for name in ("GNUPGHOME", "PASSWORD_STORE_DIR"):
        monkeypatch.setenv(name, store.env[name])
    store.unlock()
    yield store
    store.close()
