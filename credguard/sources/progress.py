"""What a scan of a repository's history found clean, kept on disk for the next one.

Blobs never change, so what is known of one holds for as long as the stamp does.
"""

from __future__ import annotations

import os
import sys
import time

from credguard.reading import opened

SIZE = 20
"""Bytes of a key: what tells a blob, and how it was read."""
MOST = 500_000
"""So many keys are kept, 10 MB; of a larger history none once its scan is complete."""
_MARK = b"credguard history 2\n"
_END = bytes(SIZE)  # no key: the scan was complete when it wrote that
_FLAGS = os.O_RDWR | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NEW = _FLAGS | os.O_CREAT | os.O_EXCL
_FORGOTTEN_S = 90 * 86_400
_LARGEST = 1 << 30


class Seen:
    """Keys, appended as they come; a crash loses at most the last of them.

    Where the file cannot be written the scan goes on, and the next one cannot build on it.
    """

    def __init__(self, path: str, stamp: bytes) -> None:
        """`stamp`, 32 bytes: what was found clean under another one does not count.

        A file that is not ours alone counts for an empty one, and is replaced.
        """
        self._path = path
        self._head = _MARK + stamp
        self._file = -1
        self.is_complete = False
        """Whether the scan that wrote the last of them came to its end."""
        self._keys = self._load()
        self._known = len(self._keys)
        self._goes_on = bool(self._keys)  # what is there belongs before what is written
        self._is_changed = False

    def __contains__(self, key: bytes) -> bool:
        return key in self._keys

    def __len__(self) -> int:
        return self._known

    def _load(self) -> set[bytes]:
        try:
            data, status = opened(self._path, _LARGEST)
        except OSError:
            return set()
        if sys.platform != "win32" and (status.st_uid != os.geteuid() or status.st_mode & 0o077):
            return set()
        head = len(self._head)
        if data[:head] != self._head:
            return set()
        whole = len(data) - (len(data) - head) % SIZE
        self.is_complete = data[max(head, whole - SIZE) : whole] == _END
        return {data[at : at + SIZE] for at in range(head, whole, SIZE)} - {_END}

    def add(self, keys: list[bytes]) -> None:
        """Keep these."""
        if not keys:
            return
        try:
            if self._file < 0:
                self._open()
            os.write(self._file, b"".join(keys))
        except OSError:
            return
        self._known += len(keys)

    def _open(self) -> None:
        os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
        self._is_changed = True
        if self._goes_on and self._reopened():
            return
        self.remove()
        self._file = os.open(self._path, _NEW, 0o600)
        self._goes_on = True
        os.write(self._file, self._head)

    def _reopened(self) -> bool:
        """Open the file that was loaded; False: another scan has put one of its own there."""
        try:
            self._file = os.open(self._path, _FLAGS)
        except FileNotFoundError:
            return False
        if os.read(self._file, len(self._head)) != self._head:
            return False
        beyond = os.fstat(self._file).st_size - len(self._head)
        if beyond % SIZE:  # the last write was cut short
            os.ftruncate(self._file, len(self._head) + beyond - beyond % SIZE)
        return True

    def close(self) -> None:
        """Stop writing; safe to repeat."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def complete(self) -> None:
        """The scan came to its end: the next one needs to look at what is new alone."""
        if self._known > MOST:
            self.remove()
        elif self._is_changed or not self.is_complete:
            self.add([_END])
            self.close()
        self._forget()

    def remove(self) -> None:
        """Keep nothing."""
        self.close()
        try:
            os.unlink(self._path)
        except OSError:
            return

    def _forget(self) -> None:
        """Remove what belongs to repositories that were not scanned for a long time."""
        before = time.time() - _FORGOTTEN_S
        try:
            with os.scandir(os.path.dirname(self._path)) as entries:
                for entry in entries:
                    if entry.stat(follow_symlinks=False).st_mtime < before:
                        os.unlink(entry.path)
        except OSError:
            return
