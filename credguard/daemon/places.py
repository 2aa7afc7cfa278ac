"""What is watched besides the folders that a person chose, because keys leak there.

Single folders, not what lies below them, and in each only files of a kind that holds keys.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from credguard import paths
from credguard.report import advice
from credguard.sources import mounts

_TEXTS = (
    ".csv", ".env", ".txt", ".json", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".pem",
    ".key", ".ppk", ".ipynb", ".tfstate", ".tfvars", ".sh", ".properties",
)  # fmt: skip
_XDG_LINE = re.compile(r'^XDG_DOWNLOAD_DIR="(.*)"\s*$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Place:
    """`folder`, absolute, and which names in it are looked at."""

    folder: str
    wanted: Callable[[str], bool]


def places(names: list[str]) -> list[Place]:
    """The folders of `names`, of config.PLACES, whether they are there or not."""
    found: list[Place] = []
    if "aws" in names:
        folders = {
            os.path.dirname(f) for f in (paths.aws_credentials_file(), paths.aws_config_file())
        }
        found += [Place(mounts.resolved(folder), _aws) for folder in sorted(folders)]
    if "histories" in names:
        found += [Place(mounts.resolved(folder), _history) for folder in _history_folders()]
    if "downloads" in names:
        found.append(Place(mounts.resolved(_downloads()), _download))
    return found


def _aws(name: str) -> bool:
    # Not the caches in the folders below: what is in them ends within hours.
    return name in ("credentials", "config") or _download(name)


def _history(name: str) -> bool:
    return advice.kind(name) in (advice.HISTORY, advice.ENV, advice.KEY_FILE)


def _download(name: str) -> bool:
    return advice.kind(name) != "" or name.lower().endswith(_TEXTS)


def _history_folders() -> Iterator[str]:
    yield paths.home()
    data = paths.xdg("XDG_DATA_HOME", ".local/share")
    yield os.path.join(data, "fish")
    yield os.path.join(data, "powershell", "PSReadLine")
    given = os.environ.get("HISTFILE", "")
    if os.path.isabs(given) and _history(os.path.basename(given)):
        yield os.path.dirname(given)


def _downloads() -> str:
    """Where browsers put files: as xdg-user-dirs says, else ~/Downloads."""
    home = paths.home()
    if sys.platform not in ("darwin", "win32"):
        config = paths.xdg("XDG_CONFIG_HOME", ".config")
        try:
            with open(os.path.join(config, "user-dirs.dirs"), encoding="utf-8") as file:
                match = _XDG_LINE.search(file.read(100_000))
        except (OSError, UnicodeDecodeError):
            match = None
        if match:
            folder = match[1].replace("$HOME", home)
            if os.path.isabs(folder) and folder.rstrip("/") != home:  # there: not set
                return folder
    return os.path.join(home, "Downloads")
