"""Files that change all at once (a crash leaves the old bytes or the new), and locks on files."""

import contextlib
import os
import re
import secrets
import sys
import threading
import time
from collections.abc import Iterable, Iterator

from credguard.errors import Busy, StoreError

# The names of what write_private is in the middle of.
TEMPORARY = re.compile(r"\.credguard-[0-9a-f]{16}")


def write_private(
    path: str,
    data: bytes | Iterable[bytes],
    mode: int = 0o600,
    owner: tuple[int, int] | None = None,
) -> None:
    """Replace `path` by `data`, mode set from the first byte, synced to disk with its folder.

    `data`: whole, or in pieces that are made while they are written.

    `owner`: user and group id that it gets; None: ours.

    `path` must not be a symlink the caller wants kept: resolve it first. A crash midway leaves
    the old file, and at worst a `.credguard-*` temporary of mode 0600 beside it. Raises OSError.
    """
    folder = os.path.dirname(os.path.abspath(path))
    temporary = os.path.join(folder, f".credguard-{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
            file.flush()
            if owner is not None and sys.platform != "win32":
                if owner != (os.geteuid(), os.getegid()):
                    os.fchown(file.fileno(), *owner)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    sync_dir(folder)


def open_mode(path: str) -> int:
    """The mode to write `path` with, a file that others may read: its own, else what umask leaves.

    Not for several threads at once: the umask can only be read by setting it.
    """
    try:
        return os.stat(path).st_mode & 0o777
    except OSError:
        mask = os.umask(0o077)
        os.umask(mask)
        return 0o666 & ~mask


def remove(path: str) -> None:
    """Delete the file `path`; nothing where there is none. Raises StoreError."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as exc:
        raise StoreError(f"cannot delete {path}: {exc.strerror}") from exc


def sync_dir(folder: str) -> None:
    """Make a rename in `folder` survive power loss. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(path: str, deadline_s: float = 10.0, busy: str = "") -> Iterator[None]:
    """Hold an exclusive lock on `path` (made 0600 where missing); the kernel drops it at our end.

    Raises Busy, saying `busy`, when another process keeps it longer than `deadline_s` seconds, and
    OSError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        end = time.monotonic() + deadline_s
        while not _try_lock(descriptor):
            if time.monotonic() >= end:
                raise Busy(busy or f"another credguard keeps {path}")
            threading.Event().wait(0.02)
        yield
    finally:
        os.close(descriptor)


def held(path: str) -> bool | None:
    """Whether somebody holds the lock on `path`, which may be absent; None: that cannot be told.

    It is taken for an instant, shared, so that two who look at once do not take each other for its
    holder; who takes it for good tries again for a moment.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False


def _try_lock(descriptor: int) -> bool:
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
