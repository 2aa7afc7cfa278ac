"""Notes that hooks leave for the background service: lines appended to files, never waited for.

A note is some fields, each ended by a NUL byte, then a line end. It is appended in one write, so
several hooks can leave theirs at once. The post-commit shim writes the same from sh.
"""

from __future__ import annotations

import contextlib
import os

from credguard.paths import inbox_dir

COMMITS = "commits"
"""Object id of the new HEAD, the folder the hook ran in, GIT_DIR (may be empty)."""
SKIPS = "skips"
"""Folder, place (path:line), rule, reason of a finding that a person let pass."""
PUSHES = "pushes"
"""URL without user and password, the folder the hook ran in, GIT_DIR (may be empty), object ids.

Of what came in by a push, the URL is the folder.
"""
_MOST = 4 << 20
_ASIDE = ".taken"


def leave(kind: str, *fields: str) -> bool:
    """Append a note; False when it cannot be written. Never raises for that."""
    data = b"".join(os.fsencode(field) + b"\0" for field in fields) + b"\n"
    try:
        os.makedirs(inbox_dir(), mode=0o700, exist_ok=True)
        descriptor = os.open(
            os.path.join(inbox_dir(), kind),
            os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0),
            0o600,
        )
    except OSError:
        return False
    try:
        return os.write(descriptor, data) == len(data)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def parse(data: bytes) -> list[list[str]]:
    """The fields of each whole note in `data`."""
    rows = data.split(b"\0\n")[:-1]
    return [[os.fsdecode(field) for field in row.split(b"\0")] for row in rows]


def waiting(kind: str) -> bool:
    """Whether there are notes of `kind`."""
    file = os.path.join(inbox_dir(), kind)
    return os.path.exists(file) or os.path.exists(file + _ASIDE)


class Taken:
    """Notes taken out of the inbox. `done()` forgets them; before it, a crash loses none."""

    def __init__(self, kind: str) -> None:
        """Of `kind`. Nothing is read yet."""
        self._file = os.path.join(inbox_dir(), kind)
        self._aside = self._file + _ASIDE
        self._read = 0

    def read(self) -> list[list[str]] | None:
        """The fields of the notes set aside at an earlier call; None: there were none.

        Then it sets aside what came since. A hook that had opened the file just before has that
        long to write. Of more than 4 MiB the rest waits for the next call. Raises OSError.
        """
        with contextlib.suppress(FileNotFoundError), open(self._aside, "rb") as file:
            data = file.read(_MOST)
            whole = data.rfind(b"\0\n") + 2 if len(data) == _MOST else 0
            self._read = whole if whole > 1 else len(data)
            return parse(data[: self._read])
        with contextlib.suppress(FileNotFoundError):
            os.replace(self._file, self._aside)
        return None

    def done(self) -> None:
        """What `read` gave was dealt with. Raises OSError."""
        from credguard.atomic import write_private  # hooks, which only leave notes, go without

        with contextlib.suppress(FileNotFoundError):
            with open(self._aside, "rb") as file:
                file.seek(self._read)
                rest = file.read()
            if rest:
                write_private(self._aside, rest)
            else:
                os.unlink(self._aside)
