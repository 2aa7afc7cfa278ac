"""Reading the small files of ~/.ssh, whatever may lie in their place."""

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
        raise OSError(errno.EFBIG, f"it is larger than {largest >> 10} KiB", path)
    return data, status
