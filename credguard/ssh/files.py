"""The private keys that lie in ~/.ssh, as far as they can be told without a passphrase."""

import base64
import binascii
import os
import re
import stat
import struct
import warnings

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from credguard.errors import StoreError, Unsupported
from credguard.keypairs.model import LocalKey
from credguard.keypairs.public import parsed
from credguard.reading import opened
from credguard.ssh import keys

_MOST_FILES = 2000
_PEM = re.compile(rb"\A\s*-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----\s(.*?)-----END ", re.DOTALL)
_PUTTY = re.compile(rb"\APuTTY-User-Key-File-[23]: (\S+)\r?\nEncryption: (\S+)")
_MAGIC = b"openssh-key-v1\0"


def private_keys() -> list[LocalKey]:
    """Every private key directly in ~/.ssh. A file that cannot be read is left out: it is not ours.

    Raises StoreError: the folder cannot be read, or has more files than anybody looks through.
    """
    where = keys.folder()
    try:
        names = sorted(os.listdir(where))
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise StoreError(f"cannot read {where}: {exc.strerror}") from exc
    if len(names) > _MOST_FILES:
        raise StoreError(f"{where} has more than {_MOST_FILES} files", hint="move some away")
    found = (_read(os.path.join(where, name)) for name in names)
    return [each for each in found if each is not None]


def _read(path: str) -> LocalKey | None:
    try:
        data, status = opened(path)
    except OSError:
        return None
    told = described(data)
    if told is None:
        return None
    encrypted, public = told
    public = public or _beside(path)
    kind, bits = _kind(public)
    mode = stat.S_IMODE(status.st_mode)
    return LocalKey(path, None, kind, bits, encrypted, public, mode, status.st_mtime)


def described(data: bytes) -> tuple[bool, str | None] | None:
    """Whether the private key in `data` is encrypted, and its public line if that can be told.

    None: it is no private key.
    """
    if (putty := _PUTTY.match(data)) is not None:
        return putty[2] != b"none", None
    match = _PEM.match(data)
    if match is None:
        return None
    label, body = match[1].strip(), match[2]
    if label == b"OPENSSH":
        return _openssh(body)
    if label == b"ENCRYPTED" or b"Proc-Type: 4,ENCRYPTED" in body:
        return True, None
    return False, _public_of(data)


def _openssh(body: bytes) -> tuple[bool, str | None] | None:
    """PROTOCOL.key of OpenSSH: magic, cipher, KDF, its options, a count, the public key."""
    try:
        raw = base64.b64decode(b"".join(body.split()), validate=True)
        if not raw.startswith(_MAGIC):
            return None
        rest = raw[len(_MAGIC) :]
        cipher, rest = _string(rest)
        _kdf, rest = _string(rest)
        _options, rest = _string(rest)
        blob, _ = _string(rest[4:])
        kind, _ = _string(blob)
    except (binascii.Error, struct.error):
        return None
    line = f"{kind.decode('ascii', 'replace')} {base64.b64encode(blob).decode()}"
    return cipher != b"none", line


def _string(data: bytes) -> tuple[bytes, bytes]:
    (length,) = struct.unpack_from(">I", data)
    if length > len(data) - 4:
        raise struct.error("cut short")
    return data[4 : 4 + length], data[4 + length :]


def _public_of(data: bytes) -> str | None:
    try:
        with warnings.catch_warnings(action="ignore"):  # an old type is told by us
            key = load_pem_private_key(data, None)
            line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    except (ValueError, TypeError, UnsupportedAlgorithm, AttributeError):
        return None
    return line.decode()


def _beside(path: str) -> str | None:
    try:
        line = opened(path + ".pub")[0].decode("ascii", "replace").strip()
        return parsed(line).line
    except (OSError, Unsupported):
        return None


def _kind(line: str | None) -> tuple[str, int]:
    if line is None:
        return "", 0
    try:
        key = parsed(line)
    except Unsupported:
        return "", 0
    return key.kind, key.bits
