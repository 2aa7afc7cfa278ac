"""Reading files that a person can put anything in place of: a pipe, a device, an endless one."""

import errno
import os
import stat

LARGEST = 64 << 10


def content(path: str, largest: int = LARGEST) -> bytes:
    """What the file at `path` holds. Raises OSError; of a FIFO, a device, or more than `largest`.

    Never waits for somebody to write.
    """
    return opened(path, largest)[0]


def opened(path: str, largest: int = LARGEST) -> tuple[bytes, os.stat_result]:
    """See content; with what the system says of the file."""
    flags = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0)
    with open(os.open(path, flags), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no file", path)
        data = file.read(largest + 1)
    if len(data) > largest:
        raise OSError(errno.EFBIG, f"it is larger than {_shown(largest)}", path)
    return data, status


def _shown(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"
