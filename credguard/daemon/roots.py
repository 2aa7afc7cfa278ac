"""What stands at a watched folder's name, and which names in it are an editor's own."""

import os
import stat
from dataclasses import dataclass

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


def root_at(folder: str) -> Root | None:
    """What stands at `folder`; None: no folder there, or not readable."""
    try:
        status = os.stat(folder)
        above = os.stat(os.path.dirname(folder))
    except OSError:
        return None
    if not stat.S_ISDIR(status.st_mode) or not os.access(folder, os.R_OK | os.X_OK):
        return None
    return Root(status.st_dev, status.st_ino, status.st_dev != above.st_dev)
