"""Bytes from the file system: every regular file below the given paths, read whole."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

# What git and package managers keep for themselves; a person who wants it names it.
PRUNED = frozenset(
    b".git .hg .svn node_modules __pycache__ .venv .tox .nox .mypy_cache .ruff_cache"
    b" .pytest_cache .hypothesis".split()
)
MAX_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class File:
    """`data`: None when it could not be read, then `problem` says why."""

    path: bytes
    data: bytes | None
    problem: str = ""


def files(path: bytes, max_bytes: int = MAX_BYTES) -> Iterator[File]:
    """Each regular file at or below `path`, folders in name order; symlinks below are not followed.

    What cannot be read is given with its problem, never passed over in silence. FIFOs, sockets and
    devices are left out. `path` itself may be a symlink.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError as exc:
        yield File(path, None, exc.strerror or "not readable")
        return
    if not stat.S_ISDIR(mode):
        yield _read(path, max_bytes)
        return
    pending = [path]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as exc:
            yield File(folder, None, exc.strerror or "not readable")
            continue
        if any(entry.name == b"pyvenv.cfg" for entry in entries) and folder != path:
            continue  # a virtual environment holds other people's packages
        below = []
        for entry in entries:
            try:  # where the folder does not tell the kind, it is looked up, and that can fail
                is_folder = entry.is_dir(follow_symlinks=False)
                is_file = entry.is_file(follow_symlinks=False)
            except OSError as exc:
                yield File(entry.path, None, exc.strerror or "not readable")
                continue
            if is_folder:
                if entry.name not in PRUNED:
                    below.append(entry.path)
            elif is_file:
                yield _read(entry.path, max_bytes)
        pending += reversed(below)


def _read(path: bytes, max_bytes: int) -> File:
    try:
        # Non-blocking: a FIFO put in the file's place must not hang the scan.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return File(path, None, "not a regular file")
            # What is not on a disk (/proc) tells no size, and a file may grow while it is read.
            data = b"" if status.st_size > max_bytes else file.read(max_bytes + 1)
            if max(status.st_size, len(data)) > max_bytes:
                return File(path, None, f"larger than {max_bytes >> 20} MiB")
            return File(path, data)
    except OSError as exc:
        return File(path, None, exc.strerror or "not readable")
