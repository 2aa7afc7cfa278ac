"""File systems that a server or another program answers for, by Linux's table of mounts.

While such a one does not answer, whoever looks into it waits, and cannot be ended either; so it is
known by its place in the table, which asks nobody (proc_pid_mountinfo(5)). Elsewhere none is known.
"""

import os
import re
import select
import sys

from credguard import paths

_TABLE = "/proc/self/mountinfo"
_NETWORK = frozenset(
    {
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "lustre", "davfs", "coda",
        "orangefs", "fuse", "autofs", "beegfs", "gpfs",
    }
)  # fmt: skip
# Of FUSE those whose program works on this machine's own files. 9p and virtiofs are the host's.
_LOCAL_FUSE = frozenset(
    f"fuse.{name}"
    for name in (
        "bindfs", "cryfs", "ecryptfs", "encfs", "fuse-overlayfs", "fuse-zip", "gocryptfs",
        "grpcfuse", "lxcfs", "mergerfs", "ntfs-3g", "portal", "securefs", "unionfs", "vmhgfs-fuse",
        "zfs-fuse",
    )
)  # fmt: skip
_MOST_LINKS = 40  # as the kernel, path_resolution(7)
_ESCAPED = re.compile(r"\\([0-7]{3})")


class Mounts:
    """The table, read again when it changed. Used by one thread."""

    def __init__(self, table: str = _TABLE) -> None:
        """`table`: a file of the form of mountinfo."""
        self._table = table
        self._changes: select.poll | None = None
        self._known: dict[str, str] = {}  # network mounts, path -> type
        self._all: dict[str, str] = {}
        self._read = False

    def network(self, path: str) -> str:
        """The type of the network file system that `path`, absolute, lies on by its name; empty:
        on none, or on the one that the home folder lies on, without which nothing works anyway.
        """
        self._look()
        return self._known.get(self._mount(path), "") if self._known else ""

    def place(self, path: str) -> str:
        """Where that file system is mounted; empty: as for `network`."""
        return self._mount(path) if self.network(path) else ""

    def kind(self, path: str) -> str:
        """The type of the file system that `path`, a real one, lies on; empty: unknown."""
        self._look()
        return self._all.get(self._mount(path), "")

    def _mount(self, path: str) -> str:
        where = path
        while where not in self._all:
            parent = os.path.dirname(where)
            if parent == where:
                return ""
            where = parent
        return where

    def below(self, folder: str) -> dict[str, str]:
        """The network file systems mounted below `folder`: path and type."""
        self._look()
        start = folder.rstrip(os.sep) + os.sep
        return {path: kind for path, kind in self._known.items() if path.startswith(start)}

    def _look(self) -> None:
        if self._read and (self._changes is None or not self._changes.poll(0)):
            return
        self._read = False
        if sys.platform == "linux":
            try:
                if self._changes is None:
                    descriptor = os.open(self._table, os.O_RDONLY | os.O_CLOEXEC)
                    self._changes = select.poll()
                    self._changes.register(descriptor, select.POLLPRI)
                with open(self._table, "rb") as file:
                    self._take(os.fsdecode(file.read()))
            except FileNotFoundError:
                pass
            except OSError:  # such as no descriptor being left: the next one to ask tries again
                return
        self._read = True

    def _take(self, text: str) -> None:
        types: dict[str, str] = {}
        # Only a newline ends a line: names hold every other byte, escaped are those of _ESCAPED.
        for line in text.split("\n"):
            first, _, second = line.partition(" - ")
            fields, kind = first.split(" "), second.partition(" ")[0]
            if len(fields) > 4 and kind:  # a later one lies over an earlier one
                types[_ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), fields[4])] = kind
        home = paths.home()
        while home not in types and home != os.path.dirname(home):
            home = os.path.dirname(home)
        self._all = types
        self._known = {
            path: kind for path, kind in types.items() if _is_network(kind) and path != home
        }

    def resolved(self, path: str) -> str:
        """As os.path.realpath of `path`, absolute, but never asks a network file system: of what
        lies on one the rest is kept by its name.
        """
        if sys.platform != "linux":
            return os.path.realpath(path)
        where, links, rest = os.sep, 0, path.split(os.sep)[::-1]
        while rest:
            name = rest.pop()
            if name in ("", "."):
                continue
            step = os.path.join(where, name) if name != ".." else os.path.dirname(where)
            if name != ".." and links < _MOST_LINKS and not self.network(step):
                try:
                    target = os.readlink(step)
                except OSError:  # no link, or nothing there
                    target = ""
                if target:
                    links += 1
                    where = os.sep if os.path.isabs(target) else where
                    rest += target.split(os.sep)[::-1]
                    continue
            where = step
        return where


def _is_network(kind: str) -> bool:
    return kind in _NETWORK or (kind.startswith("fuse.") and kind not in _LOCAL_FUSE)


_MOUNTS = Mounts()


def network(path: str) -> str:
    """See Mounts.network, of this process."""
    return _MOUNTS.network(path)


def place(path: str) -> str:
    """See Mounts.place, of this process."""
    return _MOUNTS.place(path)


def kind(path: str) -> str:
    """See Mounts.kind, of this process."""
    return _MOUNTS.kind(path)


def resolved(path: str) -> str:
    """See Mounts.resolved, of this process."""
    return _MOUNTS.resolved(path)


def below(folder: str) -> dict[str, str]:
    """See Mounts.below, of this process."""
    return _MOUNTS.below(folder)
