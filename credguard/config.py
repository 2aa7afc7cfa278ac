"""config.toml: typed settings with defaults; dotted keys for `credguard config get|set`.

Durations are texts such as "30d", "24h", "10m", "0s"; `seconds()` reads them. A misspelt key or a
wrong type is an error that names the key, never ignored.
"""

import re
import sys
import tomllib

import msgspec
import tomlkit

from credguard import paths
from credguard.errors import ConfigError, StoreError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"(\d{1,9})([smhdw])\Z")


def seconds(duration: str) -> int:
    """The seconds that `duration` ("30d", "24h", "10m", "0s", "2w") names. Raises ConfigError."""
    match = _DURATION.match(duration)
    if match is None:
        raise ConfigError(
            f"{duration!r} is not a duration", hint="write a number and a unit: 30d, 24h, 10m, 0s"
        )
    return int(match[1]) * _UNITS[match[2]]


class VaultConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`backend`: "" (not chosen yet), "file", "keyring:secretservice|kwallet|macos|windows"."""

    backend: str = ""


class RotationConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When keys are replaced and how long the old one rests in each state.

    `notice`: how long before a replacement a person is told. `delete_foreign_inactive`: after so
    long without use an Inactive key that is not credguard's goes, to free its slot; "0s": never.
    """

    max_age: str = "30d"
    grace: str = "24h"
    soak: str = "7d"
    orphan_wait: str = "1h"
    prove_interval: str = "5s"
    prove_passes: int = 3
    notice: str = "3d"
    delete_foreign_inactive: str = "0s"


class MfaConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where MFA codes come from besides the profile's mfa_process and a person.

    `ykman`: the account's name on a YubiKey, as `ykman oath accounts list` shows it.
    """

    ykman: str = ""


class WatchConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the background service does with files that appear."""

    max_file_mb: int = 20
    notify: bool = True


class SshConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Regions that a new SSH key is registered in when none is named."""

    regions: list[str] = []
    owner: str = ""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings."""

    vault: VaultConfig = VaultConfig()
    rotation: RotationConfig = RotationConfig()
    mfa: MfaConfig = MfaConfig()
    watch: WatchConfig = WatchConfig()
    ssh: SshConfig = SshConfig()


_DURATIONS = {
    "rotation.max_age",
    "rotation.grace",
    "rotation.soak",
    "rotation.orphan_wait",
    "rotation.prove_interval",
    "rotation.notice",
    "rotation.delete_foreign_inactive",
}
_BACKENDS = {
    "file",
    "keyring:secretservice",
    "keyring:kwallet",
    "keyring:macos",
    "keyring:windows",
}


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"cannot read {path}: {exc}") from exc


def parse(text: str, path: str) -> Config:
    """The settings that TOML `text` gives, checked. `path` is named in errors (ConfigError)."""
    try:
        config = msgspec.convert(tomllib.loads(text), Config)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{path} is not valid TOML: {exc}", hint=f"correct {path}") from exc
    except msgspec.ValidationError as exc:
        raise ConfigError(
            f"{path}: {exc}", hint=f"correct {path}; see credguard config get"
        ) from exc
    for key in sorted(_DURATIONS):
        seconds(str(get(config, key)))
    if config.vault.backend and config.vault.backend not in _BACKENDS:
        raise ConfigError(
            f"vault.backend {config.vault.backend!r} is not known",
            hint="one of: " + ", ".join(sorted(_BACKENDS)),
        )
    if config.rotation.prove_passes < 1:
        raise ConfigError("rotation.prove_passes must be at least 1")
    return config


def load() -> Config:
    """The settings of this user; defaults where no file is. Raises ConfigError."""
    path = paths.config_file()
    return parse(_read(path), path)


def flat(config: Config) -> dict[str, object]:
    """Dotted key -> value of every setting, sorted."""
    rows: dict[str, object] = {}
    for section, values in msgspec.to_builtins(config).items():
        for name, value in values.items():
            rows[f"{section}.{name}"] = value
    return dict(sorted(rows.items()))


def get(config: Config, key: str) -> object:
    """The value of dotted `key`. Raises ConfigError for a key that does not exist."""
    rows = flat(config)
    if key not in rows:
        raise ConfigError(f"no setting {key!r}", hint="see all of them: credguard config get")
    return rows[key]


def set_value(key: str, value: str) -> Config:
    """Write `key` = `value` into config.toml, comments kept, atomically; gives the new settings.

    Raises ConfigError; then, and after a crash midway, the file is as it was.
    """
    from credguard.atomic import write_private

    path = paths.config_file()
    current = get(load(), key)
    section, name = key.split(".", 1)
    document = tomlkit.parse(_read(path))
    table = document.setdefault(section, tomlkit.table())
    table[name] = _typed(key, value, current)
    text = tomlkit.dumps(document)
    config = parse(text, path)
    try:
        paths.private_dir(paths.config_dir())
        write_private(path, text.encode())
    except (OSError, StoreError) as exc:
        raise ConfigError(f"cannot write {path}: {exc}") from exc
    return config


def _typed(key: str, value: str, current: object) -> object:
    if isinstance(current, bool):
        if value not in {"true", "false"}:
            raise ConfigError(f"{key} is true or false, not {value!r}")
        return value == "true"
    if isinstance(current, int):
        if not value.isdecimal() or len(value) > 9 or not value.isascii():
            raise ConfigError(f"{key} is a whole number, not {value!r}")
        return int(value)
    if isinstance(current, list):
        return [item.strip() for item in value.split(",") if item.strip()]
    return value


def platform_default_keyring() -> str:
    """The `vault.backend` of this platform's own keyring."""
    return {"darwin": "keyring:macos", "win32": "keyring:windows"}.get(
        sys.platform, "keyring:secretservice"
    )
