"""The encrypted file: all items in one AES-256-GCM box under a passphrase (scrypt, RFC 7914).

The file is JSON: version, kdf (name, n, r, p, salt), check, nonce, data; base64. `data` is the
encrypted JSON object of item -> base64; names are hidden too. Everything else is authenticated with
it. `check` is an empty box under the same key and tells a wrong passphrase from damaged data.

One box for all items, not one each: so a value cannot be moved under another item's name, no item
can be taken out or put back from an older file alone, and the number, names and sizes of items stay
hidden. With a box each, all of that would need an authenticated list beside them. The price is that
each change writes the whole file, which holds tens of items. A whole older file put in place of the
newer one is not noticed: nothing outside the file could tell.

The derived key lives as long as this object, until forget(). Python cannot wipe it from memory;
what leaves no copy behind is the end of the process.
"""

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Callable
from typing import Any

from credguard import paths
from credguard.atomic import locked, write_private
from credguard.errors import StoreError, VaultCorrupt, VaultError, WrongPassphrase
from credguard.secret import Secret

_VERSION = 1
# About 64 MiB and a quarter of a second: OWASP's password storage cheat sheet, scrypt, 2025.
COST = 1 << 16
_BLOCK, _PARALLEL = 8, 2
_MAX_MEMORY = 1 << 30
_LARGEST = 256 << 20


class EncryptedFile:
    """A Vault in one file. The passphrase is asked for once a process, on first use."""

    name = "file"

    def __init__(
        self, path: str, passphrase: Callable[[bool], Secret], *, cost: int = COST
    ) -> None:
        """`passphrase(new)` gives it; `new`: the file does not exist yet. `cost`: scrypt's N."""
        self._path = path
        self._passphrase = passphrase
        self._cost = cost
        self._key: tuple[str, bytes] | None = None  # the kdf it was derived with, and the key

    def get(self, item: str) -> Secret | None:
        """See Vault. Raises WrongPassphrase, VaultCorrupt, VaultLocked."""
        return self.items().get(item)

    def put(self, item: str, secret: Secret) -> None:
        """See Vault. A crash midway leaves the earlier file."""
        self._change(lambda items: items.__setitem__(item, secret))
        if self.get(item) != secret:
            raise VaultCorrupt(f"{self._path} gives back other bytes than were stored")

    def delete(self, item: str) -> None:
        """See Vault."""
        if os.path.exists(self._path):
            self._change(lambda items: items.pop(item, None))

    def names(self) -> list[str]:
        """See Vault. Raises as get."""
        return sorted(self.items())

    def items(self) -> dict[str, Secret]:
        """Everything in it; empty where there is no file yet."""
        box = self._read()
        return {} if box is None else self._open(box)

    def replace(self, items: dict[str, Secret]) -> None:
        """Put exactly `items` into the file."""

        def change(current: dict[str, Secret]) -> None:
            current.clear()
            current.update(items)

        self._change(change)

    def forget(self) -> None:
        """Drop the derived key; the next use asks for the passphrase again."""
        self._key = None

    close = forget

    def remove_if_empty(self) -> bool:
        """Delete the file when no item is left in it; False: it stays, or there was none."""
        try:
            with locked(self._path + ".lock"):
                box = self._read()
                if box is None or self._open(box):
                    return False
                os.unlink(self._path)
        except OSError as exc:
            raise VaultError(f"cannot delete {self._path}: {exc.strerror}") from exc
        self.forget()
        return True

    def _change(self, change: Callable[[dict[str, Secret]], object]) -> None:
        folder = os.path.dirname(os.path.abspath(self._path))
        try:
            if not os.path.isdir(folder):
                paths.private_dir(folder)
            with locked(self._path + ".lock"):
                box = self._read()
                items = {} if box is None else self._open(box)
                change(items)
                write_private(self._path, self._sealed(items, box))
        except (OSError, StoreError) as exc:
            raise VaultError(
                f"cannot write {self._path}: {getattr(exc, 'strerror', None) or exc}",
                hint="check the free space and the folder's mode, then run it again",
            ) from exc

    def _read(self) -> dict[str, Any] | None:
        try:
            with open(self._path, "rb") as file:
                text = file.read(_LARGEST + 1)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise VaultError(f"cannot read {self._path}: {exc.strerror}") from exc
        if len(text) > _LARGEST:
            raise VaultError(f"{self._path} is larger than 256 MiB", hint="name the right file")
        try:
            box = json.loads(text)
            if box["version"] != _VERSION:
                raise VaultError(
                    f"{self._path} was written by a newer credguard", hint="run ./install.sh"
                )
            kdf = box["kdf"]
            _checked_cost(kdf)
            for field in (kdf["salt"], box["check"], box["nonce"], box["data"]):
                base64.b64decode(field, validate=True)
        except (ValueError, TypeError, KeyError, binascii.Error, RecursionError):
            raise VaultCorrupt(f"{self._path} is damaged: not a credguard vault") from None
        return dict(box)

    def _derived(self, kdf: dict[str, Any], new: bool) -> bytes:
        label = json.dumps(kdf, sort_keys=True)
        if self._key is None or self._key[0] != label:
            passphrase = self._passphrase(new)
            key = hashlib.scrypt(
                passphrase.reveal_bytes(),
                salt=base64.b64decode(kdf["salt"]),
                n=kdf["n"],
                r=kdf["r"],
                p=kdf["p"],
                maxmem=_MAX_MEMORY,
                dklen=32,
            )
            self._key = (label, key)
        return self._key[1]

    def _open(self, box: dict[str, Any]) -> dict[str, Secret]:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        cipher = AESGCM(self._derived(box["kdf"], new=False))
        check = base64.b64decode(box["check"])
        try:
            cipher.decrypt(check[:12], check[12:], b"check")
        except (InvalidTag, ValueError):
            self._key = None
            raise WrongPassphrase(f"the passphrase does not open {self._path}") from None
        try:
            text = cipher.decrypt(
                base64.b64decode(box["nonce"]), base64.b64decode(box["data"]), _head(box)
            )
            rows = json.loads(text)
            return {name: Secret(base64.b64decode(value)) for name, value in rows.items()}
        except (InvalidTag, ValueError, AttributeError, TypeError):
            raise VaultCorrupt(f"{self._path} is damaged: its contents do not verify") from None

    def _sealed(self, items: dict[str, Secret], box: dict[str, Any] | None) -> bytes:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if box is None:
            salt = _text(os.urandom(16))
            kdf = {"name": "scrypt", "n": self._cost, "r": _BLOCK, "p": _PARALLEL, "salt": salt}
        else:
            kdf = box["kdf"]
        cipher = AESGCM(self._derived(kdf, new=box is None))
        if box is None:
            mark = os.urandom(12)
            check = _text(mark + cipher.encrypt(mark, b"", b"check"))
        else:
            check = box["check"]
        head = {"version": _VERSION, "kdf": kdf, "check": check}
        nonce = os.urandom(12)
        rows = {name: _text(secret.reveal_bytes()) for name, secret in items.items()}
        data = cipher.encrypt(nonce, json.dumps(rows).encode(), _head(head))
        return json.dumps(head | {"nonce": _text(nonce), "data": _text(data)}, indent=1).encode()


def open_default() -> EncryptedFile:
    """The encrypted file of this user."""
    from credguard.vault.passphrase import obtain

    return EncryptedFile(paths.vault_file(), lambda new: obtain("the vault", new=new))


def _checked_cost(kdf: dict[str, Any]) -> None:
    """A file must not be able to ask for unbounded memory or time (ValueError)."""
    n, r, p = kdf["n"], kdf["r"], kdf["p"]
    if kdf["name"] != "scrypt" or not all(type(value) is int for value in (n, r, p)):
        raise ValueError
    if not (2 <= n <= 1 << 20 and n & (n - 1) == 0 and 1 <= r <= 16 and 1 <= p <= 16):
        raise ValueError
    if 128 * n * r > _MAX_MEMORY // 2:
        raise ValueError


def _head(box: dict[str, Any]) -> bytes:
    return json.dumps([box["version"], box["kdf"], box["check"]], sort_keys=True).encode()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
