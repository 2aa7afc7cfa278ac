"""SSH keys on this machine: generated here, encrypted before they reach the disk."""

import base64
import binascii
import contextlib
import hashlib
import os
import re
import secrets

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from credguard import paths
from credguard.atomic import sync_dir
from credguard.errors import AlreadyExists, CredguardError, StoreError, Unsupported
from credguard.secret import Secret

KEY_TYPE = "ed25519"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_BLOB_BYTES = 51  # an ed25519 public key on the wire: two lengths, its type, 32 bytes


def check_name(name: str) -> str:
    """`name`, when a key may be called so. Raises Unsupported."""
    if not _NAME.match(name):
        raise Unsupported(
            f"{name!r} is not usable as the name of an SSH key",
            hint="up to 100 letters, digits, dots, dashes and underscores, no leading dot or dash",
        )
    return name


def private_path(name: str) -> str:
    """Where the private key called `name` lives; its public half has `.pub` appended."""
    return os.path.join(paths.home(), ".ssh", f"credguard_{name}")


def new_passphrase() -> Secret:
    """32 random bytes, as text."""
    return Secret(secrets.token_urlsafe(32))


def generate(passphrase: Secret, comment: str) -> tuple[bytes, str]:
    """A new ed25519 key: the encrypted private file's bytes, and the public line."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        Encoding.PEM, PrivateFormat.OpenSSH, BestAvailableEncryption(passphrase.reveal_bytes())
    )
    return private, _public_line(key, comment)


def _public_line(key: Ed25519PrivateKey, comment: str) -> str:
    line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return f"{line} {comment}"


def public_of(path: str, passphrase: Secret, comment: str) -> str:
    """The public line of the private key at `path`. Raises CredguardError, Unsupported."""
    return _public_line(_load(path, passphrase), comment)


def _load(path: str, passphrase: Secret) -> Ed25519PrivateKey:
    try:
        with open(path, "rb") as file:
            key = load_ssh_private_key(file.read(), passphrase.reveal_bytes())
    except OSError as exc:
        raise CredguardError(f"cannot read {path}: {exc.strerror}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise CredguardError(
            f"{path} is not opened by the passphrase in the vault",
            hint="choose another name: credguard ssh create --name NAME",
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise Unsupported(f"{path} is not an ed25519 key", hint="choose another --name")
    return key


def decrypted(path: str, passphrase: Secret) -> Secret:
    """The private key at `path` without its encryption, in OpenSSH's format, never on disk.

    Raises CredguardError.
    """
    key = _load(path, passphrase)
    return Secret(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))


def fingerprint(public_key: str) -> str:
    """SHA256:... of a public line, as `ssh-keygen -l` shows it. Raises Unsupported."""
    digest = hashlib.sha256(_blob(public_key)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def same_key(one: str, other: str) -> bool:
    """Whether two public lines are the same key; comments do not matter."""
    return one.split()[:2] == other.split()[:2]


def _blob(public_key: str) -> bytes:
    parts = public_key.split()
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except (IndexError, binascii.Error):
        blob = b""
    if not blob or parts[0] != "ssh-ed25519" or len(blob) != _BLOB_BYTES:
        raise Unsupported("this is not an ed25519 public key", hint="choose another --name")
    return blob


def ssh_folder() -> str:
    """~/.ssh, made with mode 0700, or set to it when others could enter. Raises StoreError."""
    folder = paths.private_dir(os.path.join(paths.home(), ".ssh"))
    try:
        if os.stat(folder).st_mode & 0o077:
            os.chmod(folder, 0o700)
    except OSError as exc:
        raise StoreError(f"cannot set the mode of {folder}: {exc.strerror}") from exc
    return folder


def write_new(path: str, data: bytes, mode: int) -> None:
    """Make `path` with `data`, whole or not at all, nothing overwritten.

    Raises AlreadyExists, StoreError. A crash leaves at worst a `.credguard-*` file of `mode`.
    """
    folder = os.path.dirname(path)
    temporary = os.path.join(folder, f".credguard-{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, path)  # unlike a rename, refuses to replace
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        sync_dir(folder)
    except FileExistsError:
        raise AlreadyExists(f"{path} exists", hint="choose another --name") from None
    except OSError as exc:
        raise StoreError(f"cannot write {path}: {exc.strerror}") from exc
