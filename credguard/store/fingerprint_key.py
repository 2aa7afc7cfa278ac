"""The random key of this installation's fingerprints; it never leaves the machine."""

import os
import secrets

from credguard import paths
from credguard.errors import StoreError

_KEY_BYTES = 32


def fingerprint_key() -> bytes:
    """This installation's random fingerprint key, made at first use (0600). Raises StoreError."""
    file = os.path.join(paths.private_dir(paths.state_dir()), "fingerprint.key")
    try:
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            with open(file, "rb") as existing:
                key = existing.read()
            if len(key) == _KEY_BYTES:
                return key
            raise StoreError(f"{file} is damaged", hint=f"remove it: rm {file}") from None
        with os.fdopen(descriptor, "wb") as new:
            key = secrets.token_bytes(_KEY_BYTES)
            new.write(key)
            new.flush()
            os.fsync(new.fileno())
    except OSError as exc:
        raise StoreError(f"cannot use {file}: {exc.strerror}") from exc
    return key
