"""~/.aws/credentials and ~/.aws/config: read, changed all at once, owner and symlink kept."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from credguard import paths
from credguard.atomic import locked, write_private
from credguard.awsfiles.ini import IniFile
from credguard.errors import ConfigError
from credguard.secret import Secret

_ID, _SECRET, _TOKEN = "aws_access_key_id", "aws_secret_access_key", "aws_session_token"
_TOKENS = {_TOKEN, "aws_security_token"}
_PROCESS = "credential_process"
_MAX = 4 << 20


@dataclass(frozen=True, slots=True)
class PlainKey:
    """A key as it stands in a file. `temporary`: it has a session token; `region` None: not set."""

    profile: str
    key_id: str
    secret: Secret
    temporary: bool
    region: str | None
    path: str


def config_section(profile: str) -> str:
    """The name of a profile's section in ~/.aws/config."""
    if profile == "default":
        return profile
    return f'profile "{profile}"' if any(c in profile for c in " \t'") else f"profile {profile}"


def _profile_of(section: str) -> str | None:
    if section == "default":
        return section
    kind, _, name = section.partition(" ")
    return name.strip().strip("\"'") if kind == "profile" and name.strip() else None


def _load(path: str) -> tuple[bytes, IniFile]:
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX + 1)
    except FileNotFoundError:
        return b"", IniFile("", path)
    except OSError as exc:
        raise ConfigError(
            f"cannot read {path}: {exc.strerror}", hint=f"check its mode: ls -l {path}"
        ) from exc
    if len(data) > _MAX:
        raise ConfigError(f"{path} is larger than 4 MiB", hint="is it the right file?")
    try:
        return data, IniFile(data.decode("utf-8"), path)
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise ConfigError(
            f"{path}, line {line}: not UTF-8 text", hint=f"correct line {line} of {path}"
        ) from None


def plain_keys() -> list[PlainKey]:
    """Every key in plaintext in either file, the credentials file first. Raises ConfigError."""
    _, config = _load(paths.aws_config_file())
    found: dict[str, PlainKey] = {}
    _, credentials = _load(paths.aws_credentials_file())
    places = [
        (paths.aws_credentials_file(), credentials, name, name) for name in credentials.sections()
    ]
    for section in config.sections():
        profile = _profile_of(section)
        if profile is not None:
            places.append((paths.aws_config_file(), config, section, profile))
    for path, file, section, profile in places:
        key_id, secret = file.get(section, _ID), file.get(section, _SECRET)
        if key_id and secret and profile not in found:
            found[profile] = PlainKey(
                profile,
                key_id,
                Secret(secret),
                any(file.get(section, name) for name in _TOKENS),
                config.get(config_section(profile), "region") or file.get(section, "region"),
                path,
            )
    return list(found.values())


def region(profile: str) -> str | None:
    """The region that ~/.aws/config names for `profile`; None: none."""
    return _load(paths.aws_config_file())[1].get(config_section(profile), "region")


def setting(profile: str, name: str) -> str | None:
    """The value of `name` in the section of `profile` in ~/.aws/config; None: not set."""
    return _load(paths.aws_config_file())[1].get(config_section(profile), name)


def config_profiles() -> list[str]:
    """The profiles that ~/.aws/config has a section for, in its order."""
    names = (_profile_of(section) for section in _load(paths.aws_config_file())[1].sections())
    return [name for name in names if name is not None]


def process_of(profile: str) -> str | None:
    """The credential_process of `profile`; None: none."""
    return _load(paths.aws_config_file())[1].get(config_section(profile), _PROCESS)


@contextmanager
def _changed(path: str) -> Iterator[IniFile]:
    """The file for change; written at the end when it differs. Raises ConfigError.

    A crash leaves the old file or the new one. Mode at most 0600, owner and symlink kept.
    """
    real = os.path.realpath(path)
    try:
        folder = os.path.dirname(real)
        if not os.path.isdir(folder):
            os.makedirs(folder, mode=0o700)
        paths.private_dir(paths.state_dir())
        with locked(paths.lock_file("aws-files")):
            before, file = _load(real)
            yield file
            after = file.text().encode()
            if after != before:
                _write(real, before, after)
    except OSError as exc:
        raise ConfigError(
            f"cannot write {path}: {exc.strerror}", hint="check the free space and its mode"
        ) from exc


def _write(real: str, before: bytes, after: bytes) -> None:
    if _load(real)[0] != before:
        raise ConfigError(f"{real} was changed by another program just now", hint="run it again")
    mode, owner = 0o600, None
    if os.path.exists(real):
        status = os.stat(real)
        mode, owner = status.st_mode & 0o600, (status.st_uid, status.st_gid)
    write_private(real, after, mode)
    if owner is not None and sys.platform != "win32" and owner != (os.geteuid(), os.getegid()):
        os.chown(real, *owner)


def set_process(profile: str, command: str) -> None:
    """Make `profile` get its credentials from `command`; a key in its section is taken out.

    Raises ConfigError when the profile has another credential_process.
    """
    section = config_section(profile)
    with _changed(paths.aws_config_file()) as file:
        earlier = file.get(section, _PROCESS)
        if earlier is not None and earlier != command and "credential_process.py" not in earlier:
            raise ConfigError(
                f"profile {profile} has another credential_process in {paths.aws_config_file()}",
                hint="remove that line, then run it again",
            )
        file.put(section, _PROCESS, command)


def remove_process(profile: str, is_ours: Callable[[str], bool]) -> None:
    """Take our credential_process out of `profile`; another program's stays."""
    section = config_section(profile)
    with _changed(paths.aws_config_file()) as file:
        value = file.get(section, _PROCESS)
        if value is not None and is_ours(value):
            file.remove(section, {_PROCESS})


def remove_plain(profile: str, secret: Secret) -> None:
    """Take the key out of `profile` in both files, and comments that hold the same secret."""
    plain = secret.reveal()
    for path, section in (
        (paths.aws_credentials_file(), profile),
        (paths.aws_config_file(), config_section(profile)),
    ):
        if os.path.exists(path):
            with _changed(path) as file:
                if file.get(section, _ID) or file.get(section, _SECRET):
                    file.remove(section, {_ID, _SECRET, *_TOKENS})
                file.remove_lines_holding(plain)


def write_plain(profile: str, key_id: str, secret: Secret) -> None:
    """Put a key in plaintext into the credentials file."""
    with _changed(paths.aws_credentials_file()) as file:
        file.put(profile, _ID, key_id)
        file.put(profile, _SECRET, secret.reveal())


def symlink_note(path: str) -> str | None:
    """What to tell a person when `path` is a symlink; louder when it leads into a git tree."""
    if not os.path.islink(path):
        return None
    real = os.path.realpath(path)
    folder = os.path.dirname(real)
    while folder != os.path.dirname(folder):
        if os.path.exists(os.path.join(folder, ".git")):
            return (
                f"{path} is a symlink to {real}, inside the git repository {folder}:"
                " its history may hold the key, so replace it"
            )
        folder = os.path.dirname(folder)
    return f"{path} is a symlink to {real}; that file is changed"
