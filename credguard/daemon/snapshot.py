"""What files were like when they were read last, small: 16 bytes a place in a table, no object a
file. A dict of the same took 145 bytes a file.
"""

import os
from array import array

_LEAST = 1024


class Snapshot:
    """Paths as 64-bit hashes with a hash of mtime_ns, size and inode each.

    Two paths share a hash once in 10^9 trees of 200,000 files; the second is then read once more
    than it need be, or, if it differs in nothing else either, not. Used by one thread.
    """

    def __init__(self) -> None:
        """Nothing was read yet."""
        self._names = array("q", bytes(8 * _LEAST))  # 0: no file
        self._states = array("q", bytes(8 * _LEAST))
        self._count = 0

    def __len__(self) -> int:
        """The number of files in it."""
        return self._count

    def same(self, path: str, status: os.stat_result) -> bool:
        """Whether `path` was put with just this status."""
        at = self._find(_name(path))
        return self._names[at] != 0 and self._states[at] == _state(status)

    def put(self, path: str, status: os.stat_result) -> None:
        """Remember `path` as it is."""
        name = _name(path)
        at = self._find(name)
        if self._names[at] == 0:
            self._count += 1
            if self._count * 4 > len(self._names) * 3:
                self._grow()
                at = self._find(name)
            self._names[at] = name
        self._states[at] = _state(status)

    def drop(self, path: str) -> None:
        """Forget `path`; nothing where it is not known."""
        names, states = self._names, self._states
        hole = self._find(_name(path))
        if names[hole] == 0:
            return
        self._count -= 1
        # What was put beyond the hole because of it moves into it (Knuth, 6.4, algorithm R).
        size, at = len(names), hole
        while True:
            at = at + 1 if at + 1 < size else 0
            name = names[at]
            if name == 0:
                break
            home = name % size
            if (at - home) % size >= (at - hole) % size:
                names[hole], states[hole] = name, states[at]
                hole = at
        names[hole] = 0

    def _find(self, name: int) -> int:
        """Where `name` is, or is to be put."""
        names = self._names
        size = len(names)
        at = name % size
        while (there := names[at]) != 0 and there != name:
            at = at + 1 if at + 1 < size else 0
        return at

    def _grow(self) -> None:
        old, states = self._names, self._states
        size = len(old) * 3 // 2
        self._names, self._states = array("q", bytes(8 * size)), array("q", bytes(8 * size))
        for name, state in zip(old, states, strict=True):
            if name != 0:
                at = self._find(name)
                self._names[at], self._states[at] = name, state


def _name(path: str) -> int:
    return hash(path) or 1


def _state(status: os.stat_result) -> int:
    return hash((status.st_mtime_ns, status.st_size, status.st_ino))
