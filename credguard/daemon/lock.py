"""Exactly one daemon: an flock that the kernel drops when its holder dies, whatever way."""

import os
import sys
import time

from credguard import paths
from credguard.errors import CredguardError, StoreError, Unsupported

if sys.platform == "win32":
    raise Unsupported("the background service does not run on Windows yet")

import fcntl

# `credguard status` looks by taking the lock shared for an instant: not to be taken for a daemon.
_TRIES = 10
_PAUSE_S = 0.05


class AlreadyRunning(CredguardError):
    """Another daemon of this user holds the lock."""

    hint = "see: credguard status"


def acquire() -> int:
    """The locked descriptor, to be kept open. Raises AlreadyRunning, StoreError."""
    paths.private_dir(paths.state_dir())
    file = paths.lock_file("daemon")
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise StoreError(f"cannot open {file}: {exc.strerror}") from exc
    try:
        for attempt in range(_TRIES):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt == _TRIES - 1:
                    raise AlreadyRunning("the background service runs already") from None
                time.sleep(_PAUSE_S)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except OSError as exc:
        os.close(descriptor)
        raise StoreError(f"cannot lock {file}: {exc.strerror}") from exc
    except AlreadyRunning:
        os.close(descriptor)
        raise
    return descriptor
