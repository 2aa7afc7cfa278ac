"""Reading files that a person can put anything in place of: a pipe, a device, an endless one."""

import errno
import os
import stat

LARGEST = 64 << 10
# Which of them there are depends on the system; Windows would change line ends without the last.
_FLAGS = os.O_RDONLY
for _name in ("O_CLOEXEC", "O_NONBLOCK", "O_BINARY"):
    _FLAGS |= getattr(os, _name, 0)


def content(path: str, largest: int = LARGEST) -> bytes:
    """What the file at `path` holds. Raises OSError; of a FIFO, a device, or more than `largest`.

    Never waits for somebody to write.
    """
    return opened(path, largest)[0]


def opened(path: str, largest: int = LARGEST) -> tuple[bytes, os.stat_result]:
    """See content; with what the system says of the file."""
    descriptor = os.open(path, _FLAGS)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no file", path)
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(largest + 1)
    finally:
        os.close(descriptor)
    if len(data) > largest:
        raise OSError(errno.EFBIG, f"it is larger than {_shown(largest)}", path)
    return data, status


def beginning(path: str, most: int) -> bytes | None:
    """The first `most` bytes of the regular file at `path`; None: there is none that can be read.

    Never waits for somebody to write.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(most)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _shown(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"
