"""Files that were scanned and found clean: what of them has not changed is not scanned again.

Known by path, file system, inode, size, and the times of the last change of content and status, as
git's index knows them; no program without root's rights can put the last one back. A file counts
only once it has rested, since a change within the clock's step, or through a mapping that was
dirty already, moves no time. The scanner itself, the rules, the own secrets and the confidence
asked for are part of every key, so whatever changes there makes all files unknown.

Nothing of a file's content is kept, and no path: keyed digests alone.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from hashlib import blake2b

from credguard import __version__
from credguard.atomic import write_private
from credguard.paths import home
from credguard.reading import opened
from credguard.sources import mounts
from credguard.sources.database import rules_stamp
from credguard.sources.own import own_file

FILE = "clean.bin"
RESTED_S = 60
"""So long ago the last change must be; Linux writes a dirty page out within 35 seconds."""
MOST = 250_000
"""So many files are remembered, those of the last scans: 4 MB on the disk, 25 in memory."""
SIZE = 16
"""Bytes of a key."""
POSSIBLE = sys.platform != "win32"
"""There no time of the last change is told that a program cannot set."""
_MARK = b"credguard clean 1\n"
# Of these it is known that every change of a file moves its ctime.
_LOCAL = frozenset(
    ("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "tmpfs", "f2fs", "overlay", "bcachefs", "jfs")
)


def key(salt: bytes, path: bytes, status: os.stat_result) -> bytes:
    """What tells this file in this state from every other, and from itself once it changed."""
    text = b"%b\0%d %d %d %d %d" % (
        path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    )  # fmt: skip
    return blake2b(text, digest_size=SIZE, key=salt).digest()


_LOCAL_DEVICES: dict[int, bool] = {}


def of_clean(salt: bytes, path: bytes, status: os.stat_result) -> bytes:
    """The key to remember a clean file by, that had `status` when it was opened; b"": none.

    None where it changed lately, or lies where a change could leave the status as it was.
    """
    if max(status.st_mtime, status.st_ctime) + RESTED_S > time.time():
        return b""
    if status.st_dev not in _LOCAL_DEVICES:
        _LOCAL_DEVICES[status.st_dev] = _is_local(path, status)
    return key(salt, path, status) if _LOCAL_DEVICES[status.st_dev] else b""


def _is_local(path: bytes, status: os.stat_result) -> bool:
    if sys.platform != "linux":
        try:  # nobody tells the kinds here: what lies on the disk of the home folder is local
            return status.st_dev == os.stat(home()).st_dev
        except OSError:
            return False
    return mounts.kind(os.path.realpath(os.fsdecode(path))) in _LOCAL


def salt(least: int) -> bytes:
    """A digest of all but the file that a verdict depends on: 32 bytes.

    `least`: the confidence from which something is found. To be asked before rules and own secrets
    are read: what changes meanwhile then only makes a key that is never asked for.
    """
    top = os.path.dirname(os.path.dirname(__file__))
    parts: list[object] = [__version__, sys.hexversion, least, rules_stamp()]
    for folder in ("app", "scan", "sources"):
        for here, _, names in os.walk(os.path.join(top, folder)):
            parts += [
                (name, *_stamp(os.path.join(here, name)))
                for name in sorted(names)
                if name.endswith(".py")
            ]
    try:
        parts.append(_stamp(own_file()))
    except OSError:
        parts.append(None)
    return blake2b(repr(parts).encode(), digest_size=32).digest()


def _stamp(path: str) -> tuple[int, int, int, int]:
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


class Remembered:
    """The keys of clean files, in one file of the cache folder; 0600. Not for several threads."""

    def __init__(self, folder: str, salt: bytes, around: Callable[[bytes], bool]) -> None:
        """`salt`: as above, not empty; `around`: whether a person's own rules hold for a path.

        A file of keys that is not ours alone, or damaged, is taken for an empty one.
        """
        self._file = os.path.join(folder, FILE)
        self._salt = salt
        self._around = around
        self._keys = _read(self._file)
        self._known = frozenset(self._keys)
        self._seen: list[bytes] = []
        self._new: list[bytes] = []

    def knows(self, path: bytes) -> bool:
        """Whether the file is as it was when it was found clean. False where it cannot be told."""
        if not self._known:
            return False
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            return False
        found = key(self._salt, path, status)
        if found not in self._known or self._around(path):
            return False
        self._seen.append(found)
        return True

    def add(self, keys: list[bytes]) -> None:
        """More clean files, by what `of_clean` gave."""
        self._new += keys[: MOST - len(self._new)]

    def save(self) -> None:
        """Write what was added. Where that fails, or in a crash, the keys of before stay."""
        if not self._new:
            return
        kept = list(dict.fromkeys((*self._new, *self._seen, *self._keys)))[:MOST]
        data = b"".join(kept)
        try:
            os.makedirs(os.path.dirname(self._file), mode=0o700, exist_ok=True)
            write_private(self._file, _MARK + _check(data) + data)
        except OSError:
            pass  # a read-only home, a full disk: the next scan is as slow as this one


def _check(data: bytes) -> bytes:
    return blake2b(data, digest_size=SIZE).digest()


def _read(file: str) -> list[bytes]:
    try:
        content, status = opened(file, len(_MARK) + SIZE + MOST * SIZE)
    except OSError:
        return []
    if sys.platform != "win32" and (status.st_uid != os.geteuid() or status.st_mode & 0o077):
        return []
    start = len(_MARK) + SIZE
    data = content[start:]
    if not content.startswith(_MARK) or content[len(_MARK) : start] != _check(data):
        return []
    return [data[at : at + SIZE] for at in range(0, len(data), SIZE)]
