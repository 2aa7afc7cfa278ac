"""What stands at a watched folder's name, and which names in it are an editor's own."""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass

from credguard.sources import mounts

# What editors write beside the file while it is edited: vim, JetBrains, GNOME, Kate, Emacs' locks.
_EDITORS = ("___jb_tmp___", "___jb_old___")
_HIDDEN = (".swp", ".swo", ".swx", ".kate-swp")
_FIRST = (".goutputstream-", ".#")


def editors_own(name: str) -> bool:
    """Whether an editor keeps `name` only while a file beside it is open, or being saved."""
    if name.startswith("."):
        return name.endswith(_HIDDEN) or name.startswith(_FIRST)
    if name.startswith("#"):
        return len(name) > 1 and name.endswith("#")
    return name.endswith(_EDITORS) or name == "4913"


@dataclass(frozen=True, slots=True)
class Root:
    """Tells a folder from another one of the same name. `mounted`: a file system begins there."""

    device: int
    inode: int
    mounted: bool


def gone(path: str) -> bool:
    """Whether nothing stands at `path`; False too where that cannot be told, such as in a folder
    that may not be entered now.
    """
    if mounts.network(path):
        return False
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def removed(folder: str, was: Root) -> bool:
    """Whether `folder`, where `was` stood, was removed or moved; False too where that cannot be
    told, as when the file system that it lay in is not there now.
    """
    if was.mounted or not gone(folder):
        return False
    near = os.path.dirname(folder)
    while gone(near):
        near = os.path.dirname(near)
    try:
        return os.stat(near).st_dev == was.device
    except OSError:
        return False


def within(path: str, folder: str) -> bool:
    """Whether `path` is `folder`, or lies below it, by its name."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def above(path: str, roots: Iterable[str]) -> str | None:
    """The root that `path` is, or lies below; None: none of them."""
    return next((root for root in roots if within(path, root)), None)


def root_at(folder: str) -> Root | None:
    """What stands at `folder`; None: no folder there, not readable, or on a network file system."""
    if mounts.network(folder):
        return None
    try:
        status = os.stat(folder)
        above = os.stat(os.path.dirname(folder))
    except OSError:
        return None
    if not stat.S_ISDIR(status.st_mode) or not os.access(folder, os.R_OK | os.X_OK):
        return None
    return Root(status.st_dev, status.st_ino, status.st_dev != above.st_dev)
