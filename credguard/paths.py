"""Where files live on this platform; makes folders with mode 0700. Stdlib `os` only: hot path.

Linux and other Unixes follow the XDG base directories, macOS its Library folders, Windows
%LOCALAPPDATA%. Our own lines instead of platformdirs because the hook and credential_process load
this module and importing platformdirs costs more than the hook's whole budget.
"""

import os
import sys

from credguard.errors import StoreError

_APP = "credguard"


def home() -> str:
    """The user's home folder, absolute."""
    return os.path.expanduser("~")


def xdg(variable: str, usual: str) -> str:
    """The folder that `variable` names, absolute; else `usual`, below the home folder."""
    given = os.environ.get(variable, "")
    return given if os.path.isabs(given) else os.path.join(home(), usual)


def _base(variable: str, unix: str, mac: str) -> str:
    if sys.platform == "win32":
        root = os.environ.get("LOCALAPPDATA") or os.path.join(home(), "AppData", "Local")
        return os.path.join(root, _APP, os.path.basename(unix))
    return os.path.join(xdg(variable, mac if sys.platform == "darwin" else unix), _APP)


def config_dir() -> str:
    """Folder of config.toml."""
    return _base("XDG_CONFIG_HOME", ".config", "Library/Application Support")


def config_file() -> str:
    """The configuration, TOML."""
    return os.path.join(config_dir(), "config.toml")


def data_dir() -> str:
    """Folder of the file vault and of the installed environment."""
    return _base("XDG_DATA_HOME", ".local/share", "Library/Application Support")


def state_dir() -> str:
    """Folder of the state database and the log."""
    return _base("XDG_STATE_HOME", ".local/state", "Library/Application Support")


def cache_dir() -> str:
    """Folder of what can be made again (the compiled rules)."""
    return _base("XDG_CACHE_HOME", ".cache", "Library/Caches")


def database_file() -> str:
    """The state database (SQLite); never holds a secret."""
    return os.path.join(state_dir(), "state.db")


def inbox_dir() -> str:
    """Folder of the notes that hooks leave for the background service."""
    return os.path.join(state_dir(), "inbox")


def lock_file(name: str) -> str:
    """The file locked by whoever does `name` (such as 'rotation' or 'daemon')."""
    return os.path.join(state_dir(), f"{name}.lock")


def agent_socket() -> str:
    """The agent's Unix socket, in a folder of its own.

    Below $XDG_RUNTIME_DIR where that is a folder of ours (sudo may leave another user's); where it
    is not set (cron, ssh) below /run/user/UID; else, and on macOS, below the state folder.
    """
    if sys.platform not in ("darwin", "win32"):
        root = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
        try:
            if os.path.isabs(root) and os.stat(root).st_uid == os.getuid():
                return os.path.join(root, _APP, "agent.sock")
        except OSError:  # not there
            pass
    return os.path.join(state_dir(), "run", "agent.sock")


def log_file() -> str:
    """The background service's log."""
    return os.path.join(state_dir(), "credguard.log")


def vault_file() -> str:
    """The encrypted-file vault."""
    return os.path.join(data_dir(), "vault.json")


def aws_credentials_file() -> str:
    """The AWS tools' shared credentials file, AWS_SHARED_CREDENTIALS_FILE honoured."""
    given = os.environ.get("AWS_SHARED_CREDENTIALS_FILE")
    return os.path.expanduser(given or os.path.join("~", ".aws", "credentials"))


def aws_config_file() -> str:
    """The AWS tools' config file, AWS_CONFIG_FILE honoured."""
    given = os.environ.get("AWS_CONFIG_FILE")
    return os.path.expanduser(given or os.path.join("~", ".aws", "config"))


def private_dir(path: str) -> str:
    """Make `path` (and its parents) with mode 0700 where it is missing; gives it back.

    Raises StoreError when it cannot be made, is not ours, or is writable by others.
    """
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        status = os.stat(path)
    except OSError as exc:
        raise StoreError(f"cannot make the folder {path}: {exc.strerror}") from exc
    if sys.platform != "win32":
        if status.st_uid != os.getuid():
            raise StoreError(f"the folder {path} belongs to another user")
        if status.st_mode & 0o022:
            raise StoreError(
                f"the folder {path} is writable by others", hint=f"run: chmod 700 {path}"
            )
    return path
