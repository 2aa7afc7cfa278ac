"""Replacing a file all at once: a reader sees the old bytes or the new, and so does a crash."""

import contextlib
import os
import secrets


def write_private(path: str, data: bytes, mode: int = 0o600) -> None:
    """Replace `path` by `data`, mode set from the first byte, synced to disk with its folder.

    `path` must not be a symlink the caller wants kept: resolve it first. A crash midway leaves
    the old file, and at worst a `.credguard-*` temporary of mode 0600 beside it. Raises OSError.
    """
    folder = os.path.dirname(os.path.abspath(path))
    temporary = os.path.join(folder, f".credguard-{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    sync_dir(folder)


def sync_dir(folder: str) -> None:
    """Make a rename in `folder` survive power loss. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
