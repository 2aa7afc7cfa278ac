"""The stores of other programs that keep AWS keys, read where the platform lets them be read.

aws-vault (7.2, and the fork ByteNess/aws-vault 7.13) keeps each profile's key as the JSON of its
SDK's credentials, inside an item whose form depends on the backend (99designs/keyring and its fork:
file.go, pass.go, secretservice.go, keychain.go). awskeyring 1.13 (macOS only) keeps an item
labelled "account NAME" whose account is the key id (its lib/awskeyring.rb). What uses macOS's
`security` was built from that program's manual and has not been run.

The files are JWEs. Opening one kind of them takes twenty lines over `cryptography`, which is here
already; a JOSE library would be one more thing to trust for a command that is used once.

Only long-term keys are taken: sessions and tokens end by themselves.
"""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote

from credguard import paths
from credguard.errors import (
    Unsupported,
    VaultCorrupt,
    VaultError,
    VaultLocked,
    VaultTimeout,
    VaultUnavailable,
    WrongPassphrase,
)
from credguard.secret import Secret

_SESSIONS = re.compile(
    r"[^,]+,[^,]+,[^,]*,[0-9]+\Z|session[,:].*\Z|.+ session \([0-9]+\)\Z|oidc:.*\Z"
)
_DEADLINE_S = 50.0
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Held:
    """One long-term key in another program's store, under its profile's name."""

    profile: str
    key_id: str
    secret: Secret


class Foreign(Protocol):
    """Another program's store. Every call raises VaultError."""

    def keys(self) -> list[Held]:
        """Its long-term keys, by profile."""

    def remove(self, profile: str) -> None:
        """Remove the key of `profile` from it."""


class AwsVaultFile:
    """aws-vault's encrypted files: one JWE each (PBES2-HS256+A128KW, A256GCM)."""

    def __init__(self, folder: str, passphrase: Callable[[], Secret]) -> None:
        """`passphrase()` gives it, asked for once and only when there is a file."""
        self._folder = folder
        self._passphrase = passphrase

    def keys(self) -> list[Held]:
        """See Foreign. Raises WrongPassphrase, VaultCorrupt."""
        found = []
        word: Secret | None = None
        for file in self._files():
            word = word or self._passphrase()
            path = os.path.join(self._folder, file)
            try:
                with open(path, "rb") as stream:
                    token = stream.read(_LARGEST)
            except OSError as exc:
                raise VaultError(f"cannot read {path}: {exc.strerror}") from exc
            found.append(_from_item(_opened(token, word, path), path))
        return found

    def _files(self) -> list[str]:
        try:
            names = sorted(os.listdir(self._folder))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as exc:
            raise VaultError(f"cannot read {self._folder}: {exc.strerror}") from exc
        return [
            name
            for name in names
            if not _SESSIONS.match(unquote(name))
            and os.path.isfile(os.path.join(self._folder, name))
        ]

    def remove(self, profile: str) -> None:
        """See Foreign."""
        for name in self._files():
            if unquote(name) == profile:
                try:
                    os.unlink(os.path.join(self._folder, name))
                except OSError as exc:
                    raise VaultError(f"cannot delete {name}: {exc.strerror}") from exc


class AwsVaultService:
    """aws-vault's collection of the Secret Service."""

    def __init__(self, collection: str) -> None:
        """Nothing is asked yet."""
        from credguard.vault.oskeyring import OsKeyring

        self._collection = collection
        self._keyring = OsKeyring("secretservice")

    def keys(self) -> list[Held]:
        """See Foreign. Raises VaultLocked, VaultTimeout, VaultUnavailable."""
        items = self._keyring.collection(self._collection) or {}
        return [
            _from_item(secret.reveal_bytes(), f"the item {label!r}")
            for label, secret in sorted(items.items())
            if not _SESSIONS.match(label)
        ]

    def remove(self, profile: str) -> None:
        """See Foreign."""
        self._keyring.remove_from(self._collection, profile)


class AwsVaultPass:
    """aws-vault's entries in `pass`.

    aws-vault may keep them at the top of the store, among anything else: without a prefix only the
    entries that are called like one of `profiles` are opened.
    """

    def __init__(self, prefix: str, profiles: list[str]) -> None:
        """`prefix`: the folder in the store; empty: none."""
        from credguard.vault.passstore import PassStore

        self._prefix = prefix.strip("/")
        self._profiles = profiles
        self._store = PassStore()

    def keys(self) -> list[Held]:
        """See Foreign. Raises VaultLocked, VaultTimeout, VaultUnavailable."""
        found = []
        for name in self._names():
            text = self._store.show(self._entry(name))
            if text is not None:
                found.append(_from_item(text.reveal_bytes(), f"the entry {name!r}"))
        return found

    def _names(self) -> list[str]:
        if not self._prefix:
            return self._profiles
        from credguard.vault.passstore import folder

        place = os.path.join(folder(), self._prefix)
        names = []
        for root, _, files in os.walk(place):
            names += [
                os.path.relpath(os.path.join(root, file), place).removesuffix(".gpg")
                for file in files
                if file.endswith(".gpg")
            ]
        return sorted(name for name in names if not _SESSIONS.match(name))

    def _entry(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def remove(self, profile: str) -> None:
        """See Foreign."""
        self._store.drop(self._entry(profile))


class Keychain:
    """A macOS keychain, through `security`; of aws-vault, or (`labelled`) of awskeyring."""

    def __init__(self, name: str, *, labelled: bool) -> None:
        """`name`: of the keychain, without its ending."""
        self._file = os.path.join(paths.home(), "Library", "Keychains", name + ".keychain-db")
        self._labelled = labelled

    def keys(self) -> list[Held]:
        """See Foreign. Raises VaultLocked, VaultTimeout, VaultUnavailable."""
        if not os.path.exists(self._file):
            return []
        found = []
        for label, service, account in _keychain_items(_security("dump-keychain", self._file)):
            if self._labelled and label.startswith("account "):
                name = label.removeprefix("account ")
                value = _security("find-generic-password", "-l", label, "-w", self._file)
                found.append(Held(name, account, Secret(value.rstrip("\n"))))
            elif not self._labelled and service == "aws-vault" and not _SESSIONS.match(account):
                value = _security("find-generic-password", *_OF, account, "-w", self._file)
                found.append(_from_credentials(account, value.strip().encode(), repr(account)))
        return found

    def remove(self, profile: str) -> None:
        """See Foreign."""
        which = ["-l", f"account {profile}"] if self._labelled else [*_OF, profile]
        _security("delete-generic-password", *which, self._file)


_OF = ("-s", "aws-vault", "-a")
_ATTRIBUTE = re.compile(r'\s+(0x00000007 |"svce"|"acct")<blob>=(?:0x([0-9A-F]+)  )?(?:"(.*)")?')


def _keychain_items(dump: str) -> list[tuple[str, str, str]]:
    """Label, service and account of each generic password in the output of dump-keychain."""
    found: list[dict[str, str]] = []
    for line in dump.splitlines():
        if line.startswith("class:"):
            found.append({"class": line.partition(" ")[2].strip('"')})
        match = _ATTRIBUTE.match(line)
        if match and found:
            text = bytes.fromhex(match[2]).decode("utf-8", "replace") if match[2] else match[3]
            found[-1][match[1].strip().strip('"')] = text or ""
    return [
        (each.get("0x00000007", ""), each.get("svce", ""), each.get("acct", ""))
        for each in found
        if each["class"] == "genp"
    ]


def _security(*words: str) -> str:
    try:
        done = subprocess.run(
            ["security", *words], capture_output=True, check=False, timeout=_DEADLINE_S,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except FileNotFoundError:
        raise VaultUnavailable("the program security is not here") from None
    except subprocess.TimeoutExpired:
        raise VaultTimeout(f"security {words[0]} did not answer") from None
    if done.returncode != 0:
        # errSecAuthFailed, errSecInteractionNotAllowed, errSecUserCanceled: the low byte of each.
        if done.returncode in (36, 51, 128):
            raise VaultLocked("the keychain is locked", hint="run: security unlock-keychain")
        raise VaultError(f"security {words[0]} failed ({done.returncode})")
    return done.stdout.decode("utf-8", "replace")


def aws_vault(
    backend: str, passphrase: Callable[[], Secret], profiles: list[str]
) -> "dict[str, Foreign]":
    """aws-vault's stores of this platform in its own order, by name; `backend`: only that one.

    aws-vault's own variables are honoured. `profiles`: names that may stand in `pass`. Raises
    Unsupported for a backend that cannot be read.
    """
    own = os.environ.get
    folder = os.path.expanduser(own("AWS_VAULT_FILE_DIR") or "~/.awsvault/keys/")
    stores: dict[str, Callable[[], Foreign]] = {
        "file": lambda: AwsVaultFile(folder, passphrase),
        "pass": lambda: AwsVaultPass(own("AWS_VAULT_PASS_PREFIX", ""), profiles),
    }
    if _mac():
        name = own("AWS_VAULT_KEYCHAIN_NAME") or "aws-vault"
        stores = {"keychain": lambda: Keychain(name, labelled=False), **stores}
    else:
        label = own("AWS_VAULT_SECRET_SERVICE_COLLECTION_NAME") or "awsvault"
        stores = {"secretservice": lambda: AwsVaultService(label), **stores}
    wanted = (backend or own("AWS_VAULT_BACKEND", "")).replace("secret-service", "secretservice")
    if wanted and wanted not in stores:
        raise Unsupported(
            f"aws-vault's backend {wanted!r} cannot be read here",
            hint="one of: " + ", ".join(stores),
        )
    return {name: make() for name, make in stores.items() if wanted in ("", name)}


def _mac() -> bool:
    return str(sys.platform) == "darwin"


def awskeyring() -> "dict[str, Foreign]":
    """Awskeyring's keychain. Raises Unsupported (not macOS), VaultError."""
    if not _mac():
        raise Unsupported("awskeyring's keychain is on macOS only")
    path = os.path.join(paths.home(), ".awskeyring")
    try:
        with open(path, encoding="utf-8") as file:
            name = str(json.load(file)["awskeyring"])
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise VaultError(f"{path} does not name awskeyring's keychain") from exc
    return {"keychain": Keychain(name, labelled=True)}


def _from_item(text: bytes, place: str) -> Held:
    """The key in an item of the keyring library: its JSON with base64 data."""
    try:
        row = json.loads(text)
        name, data = str(row["Key"]), base64.b64decode(row["Data"], validate=True)
    except (ValueError, KeyError, TypeError):
        raise VaultCorrupt(f"{place} is not an item of aws-vault", hint="remove it there") from None
    return _from_credentials(name, data, place)


def _from_credentials(name: str, data: bytes, place: str) -> Held:
    try:
        row = json.loads(data)
        return Held(name, str(row["AccessKeyID"]), Secret(str(row["SecretAccessKey"])))
    except (ValueError, KeyError, TypeError):
        raise VaultCorrupt(f"{place} holds no access key", hint="remove it there") from None


def _opened(token: bytes, passphrase: Secret, path: str) -> bytes:
    """The text of a compact JWE of aws-vault (RFC 7516; 7518 sections 4.8 and 5.3)."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
    from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

    try:
        protected, wrapped, nonce, data, tag = token.strip().split(b".")
        head = json.loads(_unbased(protected))
        rounds, salt = head["p2c"], _unbased(head["p2s"].encode())
        known = (head["alg"], head["enc"]) == ("PBES2-HS256+A128KW", "A256GCM")
        if not known or type(rounds) is not int or not 1 <= rounds <= 1_000_000:
            raise ValueError
        salt = head["alg"].encode() + b"\0" + salt
        parts = [_unbased(part) for part in (wrapped, nonce, data, tag)]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise VaultCorrupt(f"{path} is not a file of aws-vault", hint="move it away") from None
    key = PBKDF2HMAC(hashes.SHA256(), 16, salt, rounds).derive(passphrase.reveal_bytes())
    try:
        content_key = aes_key_unwrap(key, parts[0])
    except (InvalidUnwrap, ValueError):
        raise WrongPassphrase(
            f"the passphrase does not open {path}",
            hint="type aws-vault's own passphrase, or set AWS_VAULT_FILE_PASSPHRASE",
        ) from None
    try:
        return AESGCM(content_key).decrypt(parts[1], parts[2] + parts[3], protected)
    except (InvalidTag, ValueError):
        raise VaultCorrupt(f"{path} is damaged", hint="move it away") from None


def _unbased(text: bytes) -> bytes:
    return base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
