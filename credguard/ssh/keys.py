"""SSH keys on this machine: generated here, encrypted before they reach the disk."""

import contextlib
import os
import re
import secrets
import stat

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from credguard import paths, reading
from credguard.atomic import sync_dir
from credguard.errors import AlreadyExists, CredguardError, StoreError, Unsupported
from credguard.keypairs.public import RSA_BITS, same_key
from credguard.secret import Secret

ED25519 = "ed25519"
RSA = "rsa"
SECURITY_KEY = "ed25519-sk"
KINDS = (ED25519, RSA, SECURITY_KEY)
DEFAULT_BITS = 4096
_EXPONENT = 65537
# With "credguard_" before it, well below EC2's 255; it is part of file names and of vault items.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
PrivateKey = Ed25519PrivateKey | RSAPrivateKey


def check_name(name: str) -> str:
    """`name`, when a key may be called so. Raises Unsupported."""
    # The public half has the name with .pub at its end.
    if not _NAME.match(name) or name.endswith(".pub"):
        shown = name if len(name) <= 40 else name[:40] + "..."
        raise Unsupported(
            f"{shown!r} is not usable as the name of an SSH key",
            hint="up to 100 letters, digits, dots, dashes and underscores, no leading dot or dash",
        )
    return name


def check_kind(kind: str, bits: int) -> None:
    """Raise Unsupported for a type or size that is not made here. `bits`: of RSA."""
    if kind not in KINDS:
        raise Unsupported(
            f"no SSH key of type {kind!r} is made here", hint="one of: " + ", ".join(KINDS)
        )
    if kind == RSA and bits not in RSA_BITS:
        raise Unsupported(
            f"EC2 imports RSA keys of 2048 or 4096 bits, not of {bits}", hint="add: --bits 4096"
        )


def private_path(name: str) -> str:
    """Where the private key called `name` lives; its public half has `.pub` appended."""
    return os.path.join(folder(), f"credguard_{name}")


def folder() -> str:
    """~/.ssh."""
    return os.path.join(paths.home(), ".ssh")


def new_passphrase() -> Secret:
    """32 random bytes, as text."""
    return Secret(secrets.token_urlsafe(32))


def new_key(kind: str = ED25519, bits: int = DEFAULT_BITS) -> PrivateKey:
    """A new key of this machine's own making. `bits`: of RSA; it takes seconds there."""
    check_kind(kind, bits)
    if kind == RSA:
        return generate_private_key(_EXPONENT, bits)
    return Ed25519PrivateKey.generate()


def encrypted(key: PrivateKey, passphrase: Secret) -> bytes:
    """The private file's bytes: OpenSSH's format, bcrypt, aes256-ctr."""
    return key.private_bytes(
        Encoding.PEM, PrivateFormat.OpenSSH, BestAvailableEncryption(passphrase.reveal_bytes())
    )


def plain(key: PrivateKey) -> Secret:
    """The key in OpenSSH's format without encryption, for the vault or the agent, never a file."""
    return Secret(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))


def public_line(key: PrivateKey, comment: str) -> str:
    """The public half, as in authorized_keys."""
    line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return f"{line} {comment}"


def load(path: str, passphrase: Secret) -> PrivateKey:
    """The private key at `path`. Raises CredguardError, Unsupported."""
    try:
        data = reading.content(path)
    except OSError as exc:
        raise CredguardError(
            f"cannot read {path}: {exc.strerror}",
            hint="put it back from a backup; or make another: credguard ssh create --name NAME",
        ) from None
    return _loaded(data, passphrase, f"{path} is not opened by the passphrase in the vault", path)


def parse(private: Secret) -> PrivateKey:
    """The key that `plain` gave. Raises CredguardError."""
    return _loaded(private.reveal_bytes(), None, "the vault holds no whole SSH key", "it")


def _loaded(data: bytes, passphrase: Secret | None, wrong: str, what: str) -> PrivateKey:
    password = None if passphrase is None else passphrase.reveal_bytes()
    try:
        key = load_ssh_private_key(data, password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise CredguardError(
            wrong, hint="choose another name: credguard ssh create --name NAME"
        ) from None
    if not isinstance(key, PrivateKey):
        raise Unsupported(f"{what} is no ed25519 or RSA key", hint="choose another --name")
    return key


def decrypted(path: str, passphrase: Secret) -> Secret:
    """The private key at `path` without its encryption, in OpenSSH's format, never on disk.

    Raises CredguardError.
    """
    return plain(load(path, passphrase))


def ssh_folder(*, for_private: bool = True) -> str:
    """~/.ssh, made with mode 0700, or set to it when others could enter.

    Raises StoreError; Unsupported where the file system keeps no modes and it is `for_private`
    keys: others could read them, and ssh would refuse them.
    """
    where = folder()
    try:
        os.makedirs(where, mode=0o700, exist_ok=True)
        if os.stat(where).st_mode & 0o077:
            os.chmod(where, 0o700)
        open_to_others = stat.S_IMODE(os.stat(where).st_mode) & 0o077
    except OSError as exc:
        raise StoreError(f"cannot make the folder {where}: {exc.strerror}") from exc
    if not for_private:
        return where
    if open_to_others and os.name != "nt":
        raise Unsupported(
            f"the file system of {where} keeps no file modes: others could read a key there",
            hint="keep the key in the vault alone: credguard ssh create --no-file",
        )
    return paths.private_dir(where)


def write_new(path: str, data: bytes, mode: int) -> None:
    """Make `path` with `data`, whole or not at all, nothing overwritten.

    Raises AlreadyExists, StoreError. A crash leaves at worst a `.credguard-*` file of `mode`.
    """
    parent = os.path.dirname(path)
    temporary = os.path.join(parent, f".credguard-{secrets.token_hex(8)}")
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
        sync_dir(parent)
    except FileExistsError:
        raise AlreadyExists(f"{path} exists", hint="choose another --name") from None
    except OSError as exc:
        raise StoreError(f"cannot write {path}: {exc.strerror}") from exc


def write_public(path: str, line: str, mode: int = 0o644) -> None:
    """Write the public half; one that is there stays. Raises AlreadyExists: it is another's."""
    try:
        present = reading.content(path).decode()
    except FileNotFoundError:
        write_new(path, f"{line}\n".encode(), mode)
        return
    except (OSError, UnicodeDecodeError) as exc:
        raise CredguardError(f"cannot read {path}: {exc}") from exc
    if not same_key(present, line):
        raise AlreadyExists(f"{path} holds another public key", hint="choose another --name")
