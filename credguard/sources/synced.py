"""The folders that a service copies to its servers: a file there has got out.

Found by default: Dropbox by the file that it keeps for this (info.json, "Locate your Dropbox
folder", help.dropbox.com) and by its usual name; OneDrive by the variables that it sets on Windows
and by its usual names; iCloud Drive and Google Drive by theirs. macOS keeps all but iCloud's below
~/Library/CloudStorage.
"""

from __future__ import annotations

import glob
import json
import os
import stat

from credguard import paths
from credguard.errors import ConfigError

AUTO = "auto"
"""In the setting, stands for the folders that are found."""
_NAMES = (
    ("Dropbox", "Dropbox"),
    ("Dropbox", "Dropbox (*)"),
    ("OneDrive", "OneDrive"),
    ("OneDrive", "OneDrive - *"),
    ("Google Drive", "Google Drive"),
    ("Google Drive", "GoogleDrive"),
    ("Google Drive", "My Drive"),
    ("iCloud Drive", "iCloudDrive"),
    ("iCloud Drive", "Library/Mobile Documents"),
    ("Dropbox", "Library/CloudStorage/Dropbox*"),
    ("OneDrive", "Library/CloudStorage/OneDrive*"),
    ("Google Drive", "Library/CloudStorage/GoogleDrive*"),
)
_ONEDRIVE = ("OneDrive", "OneDriveConsumer", "OneDriveCommercial")
_INFO_BYTES = 64 << 10
# A file that is on the server alone; reading it would fetch it. macOS: SF_DATALESS of
# <sys/stat.h>. Windows: FILE_ATTRIBUTE_OFFLINE, _RECALL_ON_OPEN, _RECALL_ON_DATA_ACCESS.
_DATALESS = 0x40000000
_RECALL = 0x1000 | 0x40000 | 0x400000


def folders(wanted: list[str]) -> dict[str, str]:
    """Each folder, symlinks resolved, and the name of the service that copies it.

    `wanted`: the setting leak.synced: paths, `~` allowed, and AUTO. Raises ConfigError: a path is
    not absolute.
    """
    found: dict[str, str] = {}
    for each in wanted:
        if each == AUTO:
            for service, folder in _usual():
                found.setdefault(os.path.realpath(folder), service)
            continue
        folder = os.path.expanduser(each)
        if not os.path.isabs(folder):
            raise ConfigError(
                f"leak.synced: {each!r} is no absolute path", hint=f"write it from / on, or {AUTO}"
            )
        found.setdefault(os.path.realpath(folder), os.path.basename(folder.rstrip(os.sep)))
    return found


def service_of(path: str, found: dict[str, str]) -> str | None:
    """The service that copies `path`, absolute; None: none does."""
    real = os.path.realpath(path)
    return next(
        (
            name
            for folder, name in found.items()
            if os.path.join(real, "").startswith(folder + os.sep)
        ),
        None,
    )


def elsewhere(status: os.stat_result) -> bool:
    """Whether the file's content is on the server alone, so that reading would fetch it."""
    flags, attributes = getattr(status, "st_flags", 0), getattr(status, "st_file_attributes", 0)
    return bool(flags & _DATALESS or attributes & _RECALL)


def _usual() -> list[tuple[str, str]]:
    home = paths.home()
    found = [("Dropbox", each) for each in _dropbox(home)]
    found += [("OneDrive", os.environ[name]) for name in _ONEDRIVE if os.environ.get(name)]
    for service, pattern in _NAMES:
        found += [
            (service, each)
            for each in sorted(glob.glob(os.path.join(glob.escape(home), *pattern.split("/"))))
        ]
    return [(service, each) for service, each in found if _is_ours(each)]


def _is_ours(folder: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(folder).st_mode)
    except OSError:
        return False


def _dropbox(home: str) -> list[str]:
    places = [os.path.join(home, ".dropbox", "info.json")]
    roots = [os.environ.get(name) for name in ("APPDATA", "LOCALAPPDATA")]
    places += [os.path.join(root, "Dropbox", "info.json") for root in roots if root]
    found = []
    for place in places:
        try:
            with open(place, "rb") as file:
                accounts = json.loads(file.read(_INFO_BYTES))
        except (OSError, ValueError):
            continue
        for each in accounts.values() if isinstance(accounts, dict) else ():
            folder = each.get("path") if isinstance(each, dict) else None
            if isinstance(folder, str) and os.path.isabs(folder):
                found.append(folder)
    return found
