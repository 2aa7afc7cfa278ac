"""~/.aws/credentials and ~/.aws/config: read, changed all at once, owner and symlink kept."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from credguard import paths
from credguard.atomic import TEMPORARY, locked, write_private
from credguard.awsfiles.ini import IniFile
from credguard.awsfiles.reading import BOM, MOST, named, parsed, profile_of, read, sections
from credguard.errors import ConfigError
from credguard.secret import Secret
from credguard.sessions.model import AwsConfig

_ID, _SECRET, _TOKEN = "aws_access_key_id", "aws_secret_access_key", "aws_session_token"
_TOKENS = {_TOKEN, "aws_security_token"}
_PROCESS = "credential_process"
_SOURCE = "source_profile"
_MAX = 4 << 20
_MOST_FILES = 1000
# What most SDKs, though not botocore, take for a comment behind a value.
_BEHIND = re.compile(r"[ \t]+[#;]")


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


def _section_of(config: IniFile, profile: str) -> str:
    """The section of `profile` that is there, however it is quoted; else the usual one's name."""
    here = [name for name in config.sections() if profile_of(name) == profile]
    return here[-1] if here else config_section(profile)


def _load(path: str) -> tuple[bytes, IniFile]:
    data = read(path, _MAX)
    return data, parsed(data, path)


def _both() -> list[tuple[str, IniFile, str, str]]:
    """(path, file, section, profile) of each profile's section, the credentials file's first."""
    path = paths.aws_credentials_file()
    _, credentials = _load(path)
    places = [(path, credentials, name, name) for name in credentials.sections()]
    path = paths.aws_config_file()
    _, config = _load(path)
    for section in config.sections():
        profile = profile_of(section)
        if profile is not None:
            places.append((path, config, section, profile))
    return places


def _value(file: IniFile, section: str, name: str) -> str | None:
    found = file.get(section, name)
    return found and _BEHIND.split(found, maxsplit=1)[0]


def plain_keys() -> list[PlainKey]:
    """Every key in plaintext in either file, the credentials file first. Raises ConfigError."""
    found: dict[str, PlainKey] = {}
    for path, file, section, profile in _both():
        key_id, secret = _value(file, section, _ID), _value(file, section, _SECRET)
        if key_id and secret and profile not in found:
            found[profile] = PlainKey(
                profile,
                key_id,
                Secret(secret),
                any(file.get(section, name) for name in _TOKENS),
                region(profile) or file.get(section, "region"),
                path,
            )
    return list(found.values())


def aws_config() -> AwsConfig:
    """Both files as botocore puts them together, without what is secret. Raises ConfigError.

    A setting of the credentials file goes before the same one of the config file.
    """
    config = _load(paths.aws_config_file())[1]
    credentials = _load(paths.aws_credentials_file())[1]
    return _together(config, credentials)


def sections_of(profile: str) -> AwsConfig:
    """As `aws_config`, of the sections alone whose headers name `profile` or the defaults.

    For a file that is damaged elsewhere, or larger than is read otherwise. Raises ConfigError when
    one of these sections is damaged.
    """
    parts = []
    for path in (paths.aws_config_file(), paths.aws_credentials_file()):
        part = sections(read(path, MOST), profile)
        parts.append(parsed(part, f"{path}, of profile {profile} alone"))
    return _together(*parts)


def _together(config: IniFile, credentials: IniFile) -> AwsConfig:
    profiles: dict[str, dict[str, str]] = {}
    sso_sessions: dict[str, dict[str, str]] = {}
    for section, settings in config.everything().items():
        profile = profile_of(section)
        if profile is not None:
            profiles[profile] = settings
        elif (session := named(section, "sso-session")) is not None:
            sso_sessions[session] = settings
    for profile, settings in credentials.everything().items():
        profiles[profile] = profiles.get(profile, {}) | settings
    plain = frozenset(name for name, each in profiles.items() if each.get(_ID) or each.get(_SECRET))
    for settings in profiles.values():
        for secret in (_ID, _SECRET, *_TOKENS):
            settings.pop(secret, None)
    return AwsConfig(profiles, sso_sessions, plain)


def check_movable(plain: PlainKey) -> None:
    """Raise ConfigError when taking this key out would lose another key."""
    profile = plain.profile
    if any(character.isspace() for character in plain.key_id + plain.secret.reveal()):
        raise ConfigError(
            f"the key of profile {profile} in {plain.path} has white space in it",
            hint="put the key id and the secret on one line each, begun at the line's start",
        )
    for path, file, section, each in _both():
        key_id, secret = _value(file, section, _ID), _value(file, section, _SECRET)
        same = key_id in (None, plain.key_id) and (secret is None or Secret(secret) == plain.secret)
        if each == profile and not same:
            raise ConfigError(
                f"profile {profile} has one key in {plain.path} and another in {path}",
                hint="AWS tools take the first; move the other to a profile of its own",
            )


def check_profile(profile: str, is_ours: Callable[[str], bool]) -> None:
    """Raise ConfigError when `profile` would not work with a credential_process of ours."""
    for path, file, section, each in _both():
        if each != profile:
            continue
        process = file.get(section, _PROCESS)
        if process is not None and not is_ours(process):
            raise ConfigError(
                f"profile {profile} has another credential_process in {path}",
                hint="remove that line, then run it again",
            )
        if file.get(section, _SOURCE) == profile:
            # SDKs take only a key in plaintext from a profile that names itself.
            raise ConfigError(
                f"profile {profile} assumes a role with its own key (source_profile in {path})",
                hint=f"rename the key's section to {profile}-key and name that in source_profile",
            )


def stray_notes() -> list[str]:
    """What looks like a key and is none to any AWS tool, so that nobody takes it for imported."""
    notes = []
    halves: dict[str, list[str]] = {}
    for path, file, section, profile in _both():
        names = [name for name in (_ID, _SECRET) if file.get(section, name)]
        if len(names) == 1:
            halves.setdefault(profile, []).append(f"{path}: [{section}] has only {names[0]}")
    whole = {each.profile for each in plain_keys()}
    for profile, said in halves.items():
        if profile not in whole:
            notes += said
    path = paths.aws_config_file()
    _, config = _load(path)
    notes += [
        f"{path}: [{section}] has a key and is no profile; AWS tools want [profile {section}]"
        for section in config.sections()
        if profile_of(section) is None and config.get(section, _SECRET)
    ]
    return notes


def copies(secret: Secret) -> list[str]:
    """The files beside the two that hold `secret`, such as an editor's backup; the two as well.

    Files of at most 4 MiB right in their folders; one that cannot be read is passed over.
    """
    plain = secret.reveal_bytes()
    folders: dict[str, None] = {}
    for path in (paths.aws_credentials_file(), paths.aws_config_file()):
        folders[os.path.dirname(os.path.abspath(path))] = None
        folders[os.path.dirname(os.path.realpath(path))] = None
    found: dict[str, str] = {}
    for folder in folders:
        with contextlib.suppress(OSError):
            for name in sorted(os.listdir(folder))[:_MOST_FILES]:
                path = os.path.join(folder, name)
                real = os.path.realpath(path)
                if os.path.isfile(real) and real not in found and plain in _bytes(real):
                    found[real] = path
    return list(found.values())


def _bytes(path: str) -> bytes:
    try:
        if os.path.getsize(path) > _MAX:
            return b""
        with open(path, "rb") as file:
            return file.read(_MAX)
    except OSError:
        return b""


def region(profile: str) -> str | None:
    """The region that ~/.aws/config names for `profile`; None: none."""
    _, config = _load(paths.aws_config_file())
    return config.get(_section_of(config, profile), "region")


def setting(profile: str, name: str) -> str | None:
    """The value of `name` in the section of `profile` in ~/.aws/config; None: not set."""
    return _load(paths.aws_config_file())[1].get(config_section(profile), name)


def config_profiles() -> list[str]:
    """The profiles that ~/.aws/config has a section for, in its order."""
    names = (profile_of(section) for section in _load(paths.aws_config_file())[1].sections())
    return [name for name in names if name is not None]


def section_names() -> list[str]:
    """What both files name by their sections: profiles, SSO sessions. Raises ConfigError."""
    files = (paths.aws_config_file(), paths.aws_credentials_file())
    headers = [header for path in files for header in _load(path)[1].sections()]
    known = [(profile_of(each), named(each, "sso-session")) for each in headers]
    return [
        name for each, found in zip(headers, known, strict=True) for name in (each, *found) if name
    ]


def process_of(profile: str) -> str | None:
    """The credential_process of `profile`; None: none."""
    _, config = _load(paths.aws_config_file())
    return config.get(_section_of(config, profile), _PROCESS)


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
            _sweep(folder)
            before, file = _load(real)
            yield file
            after = file.text().encode()
            if after != before:
                _write(real, before, after)
    except OSError as exc:
        raise ConfigError(
            f"cannot write {path}: {exc.strerror}", hint="check the free space and its mode"
        ) from exc


def _sweep(folder: str) -> None:
    # What a crash of ours left midway may hold a key. Whoever writes here holds our lock.
    for name in os.listdir(folder):
        if TEMPORARY.fullmatch(name):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, name))


def _write(real: str, before: bytes, after: bytes) -> None:
    if _load(real)[0] != before:
        raise ConfigError(f"{real} was changed by another program just now", hint="run it again")
    mode, owner = 0o600, None
    if os.path.exists(real):
        status = os.stat(real)
        mode, owner = status.st_mode & 0o600, (status.st_uid, status.st_gid)
    # Neither botocore nor most other SDKs read a file that begins with a byte order mark.
    write_private(real, after.removeprefix(BOM), mode, owner)


def set_process(profile: str, command: str) -> None:
    """Make `profile` get its credentials from `command`; a key in its section is taken out.

    Raises ConfigError when the profile has another credential_process.
    """
    with _changed(paths.aws_config_file()) as file:
        section = _section_of(file, profile)
        earlier = file.get(section, _PROCESS)
        if earlier is not None and earlier != command and "credential_process.py" not in earlier:
            raise ConfigError(
                f"profile {profile} has another credential_process in {paths.aws_config_file()}",
                hint="remove that line, then run it again",
            )
        file.put(section, _PROCESS, command)


def remove_process(profile: str, is_ours: Callable[[str], bool]) -> None:
    """Take our credential_process out of `profile`; another program's stays."""
    with _changed(paths.aws_config_file()) as file:
        section = _section_of(file, profile)
        value = file.get(section, _PROCESS)
        if value is not None and is_ours(value):
            file.remove(section, {_PROCESS})


def remove_plain(profile: str, secret: Secret) -> None:
    """Take the key out of `profile` in both files, and comments that hold the same secret."""
    plain = secret.reveal()
    for path in (paths.aws_credentials_file(), paths.aws_config_file()):
        if not os.path.exists(path):
            continue
        with _changed(path) as file:
            for section in file.sections():
                whose = section if path == paths.aws_credentials_file() else profile_of(section)
                if whose == profile and (file.get(section, _ID) or file.get(section, _SECRET)):
                    file.remove(section, {_ID, _SECRET, *_TOKENS})
            file.remove_lines_holding(plain)


def write_plain(profile: str, key_id: str, secret: Secret) -> None:
    """Put a key in plaintext into the credentials file."""
    with _changed(paths.aws_credentials_file()) as file:
        file.put(profile, _ID, key_id)
        file.put(profile, _SECRET, secret.reveal())


def place_note(path: str) -> str | None:
    """What to tell a person of where `path` really lies; louder when that is in a git tree."""
    real = os.path.realpath(path)
    linked = os.path.islink(path) or os.path.islink(os.path.dirname(path))
    what = f"{path} is a symlink to {real}" if linked else path
    folder = os.path.dirname(real)
    while os.path.exists(real) and folder != os.path.dirname(folder):
        if os.path.exists(os.path.join(folder, ".git")):
            return (
                f"{what}{', ' if linked else ' is '}inside the git repository {folder}:"
                " its history may hold the key, so replace it"
            )
        folder = os.path.dirname(folder)
    if linked:
        return f"{what}; that file is changed"
    if os.path.isfile(path) and os.stat(path).st_nlink > 1:
        return f"{path} has other names (hard links), which keep what it holds now"
    return None
