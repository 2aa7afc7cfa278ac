"""Which blobs of a repository an unfinished scan of its history found clean, kept on disk."""

from __future__ import annotations

import os

_MARK = b"credguard history 1\n"
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)


class Seen:
    """Object ids, appended as they come; a crash loses at most the last of them.

    Where the file cannot be written the scan goes on and cannot be resumed.
    """

    def __init__(self, path: str, stamp: bytes) -> None:
        """`stamp`, 32 bytes: what was found clean under another one does not count."""
        self._path = path
        self._head = _MARK + stamp
        self._file = -1
        self._width = 0
        self._ids = self._load()
        self.known = len(self._ids)

    def __contains__(self, oid: bytes) -> bool:
        return oid in self._ids

    def _load(self) -> set[bytes]:
        try:
            with open(self._path, "rb") as file:
                data = file.read()
        except OSError:
            return set()
        head = len(self._head)
        if data[:head] != self._head or data[head : head + 1] not in (b"\x14", b"\x20"):
            return set()
        self._width = data[head]
        ids = data[head + 1 :]
        whole = len(ids) - len(ids) % self._width
        return {ids[at : at + self._width] for at in range(0, whole, self._width)}

    def add(self, oids: list[str]) -> None:
        """Keep `oids`, hexadecimal."""
        if not oids:
            return
        raw = bytes.fromhex("".join(oids))
        try:
            if self._file < 0:
                self._open(len(oids[0]) // 2)
            os.write(self._file, raw)
        except OSError:
            return

    def _open(self, width: int) -> None:
        os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
        self._file = os.open(self._path, _FLAGS, 0o600)
        start = len(self._head) + 1
        size = os.fstat(self._file).st_size
        if not self.known:
            os.ftruncate(self._file, 0)
            os.write(self._file, self._head + bytes((width,)))
        elif (size - start) % width:  # the last write was cut short
            os.ftruncate(self._file, size - (size - start) % width)

    def close(self) -> None:
        """Stop writing; safe to repeat."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def remove(self) -> None:
        """The scan is complete: nothing is left to go on with."""
        self.close()
        try:
            os.unlink(self._path)
        except OSError:
            return
