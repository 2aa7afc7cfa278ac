"""config.toml: typed settings with defaults; dotted keys for `credguard config get|set`.

Durations are texts such as "30d", "24h", "10m", "0s"; `seconds()` reads them. A misspelt key or a
wrong type is an error that names the key, never ignored.
"""

import difflib
import os
import re
import sys
import tomllib

import msgspec

from credguard import paths, times
from credguard.config_model import DURATIONS, SCOPES
from credguard.config_model import PLACES as PLACES
from credguard.config_model import Config as Config
from credguard.errors import ConfigError, StoreError
from credguard.reading import content

seconds = times.seconds
_LARGEST = 1 << 20  # bytes
HOOKS = ("offer", "install", "off")
# Bucket names: S3 User Guide, "General purpose bucket naming rules". The prefix is ours to choose.
S3_PLACE = re.compile(
    r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/([A-Za-z0-9!_.*'()/-]{0,500}))?\Z"
)


BACKENDS = {
    "file",
    "pass",
    "keyring:secretservice",
    "keyring:kwallet",
    "keyring:macos",
    "keyring:windows",
}


def _check_words(text: str, path: str, config: "Config") -> None:
    """Raise ConfigError for a setting that is one of some words and is not."""
    for key, given, known in (
        ("watch.places", config.watch.places, PLACES),
        ("watch.hooks", [config.watch.hooks], HOOKS),
        ("audit.scope", [config.audit.scope], SCOPES),
        ("vault.backend", filter(None, [config.vault.backend]), sorted(BACKENDS)),
    ):
        for each in given:
            if each not in known:
                raise ConfigError(
                    f"{_place(text, path, key)}{key} {each!r} is not known",
                    hint="one of: " + ", ".join(known),
                )
    try:
        times.quiet_hours(config.notify.quiet)
    except ConfigError as exc:
        raise ConfigError(
            f"{_place(text, path, 'notify.quiet')}notify.quiet: {exc}", hint=exc.hint
        ) from None


def _read(path: str) -> str:
    try:
        data = content(path, _LARGEST)
    except FileNotFoundError:
        return ""
    except OSError as exc:
        raise ConfigError(
            f"cannot read {path}: {exc.strerror}", hint=f"check it: ls -ld {path}"
        ) from exc
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise ConfigError(
            f"{path}, line {line}: not UTF-8 text", hint=f"correct line {line} of {path}"
        ) from None


def parse(text: str, path: str) -> Config:
    """The settings that TOML `text` gives, checked. `path` is named in errors (ConfigError)."""
    try:
        config = msgspec.convert(tomllib.loads(text), Config)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{path} is not valid TOML: {exc}", hint=f"correct {path}") from exc
    except msgspec.ValidationError as exc:
        raise _invalid(text, path, str(exc)) from exc
    for key in sorted(DURATIONS):
        try:
            seconds(str(get(config, key)))
        except ConfigError as exc:
            raise ConfigError(f"{_place(text, path, key)}{key}: {exc}", hint=exc.hint) from None
    _check_words(text, path, config)
    if config.posture.s3 and not S3_PLACE.match(config.posture.s3):
        raise ConfigError(
            f"{_place(text, path, 'posture.s3')}posture.s3 {config.posture.s3!r} is no place in S3",
            hint="write it so: s3://BUCKET/PREFIX",
        )
    for port in config.audit.open_ports:
        if not (port.isascii() and port.isdecimal() and int(port) < 65536):
            raise ConfigError(
                f"{_place(text, path, 'audit.open_ports')}{port!r} is not a port",
                hint='write the numbers as texts: ["80", "443"]',
            )
    for key in ("rotation.prove_passes", "watch.max_file_mb"):
        if int(str(get(config, key))) < 1:
            raise ConfigError(
                f"{_place(text, path, key)}{key} must be at least 1", hint="write 1 or more"
            )
    return config


_UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`(?: - at `\$\.(.*)`)?\Z", re.DOTALL)
_TYPE = re.compile(r"Expected `(\w+)`, got `(\w+)`(?: - at `\$\.(.*)`)?\Z", re.DOTALL)
_TYPES = {
    "str": "a text in quotes",
    "int": "a whole number",
    "bool": "true or false",
    "array": "a list in brackets",
    "object": "a section",
}


def _invalid(text: str, path: str, what: str) -> ConfigError:
    """The validator's complaint in the file's words: its line, the key, what to write instead."""
    if match := _UNKNOWN.match(what):
        key = f"{match[2]}.{match[1]}" if match[2] else match[1]
        settings = list(flat(Config()))
        known = settings if match[2] else list(Config.__struct_fields__)
        near = difflib.get_close_matches(key, known, 1)
        near += [each for each in settings if each.endswith(f".{key}")]
        hint = f"did you mean {' or '.join(near)}?" if near else "there are: " + ", ".join(known)
        return ConfigError(f"{_place(text, path, key)}no setting {key!r}", hint=hint)
    if match := _TYPE.match(what):
        key = (match[3] or "").partition("[")[0]
        wanted = _TYPES.get(match[1], match[1])
        place = _place(text, path, key)
        return ConfigError(f"{place}{key} must be {wanted}", hint=f"correct {path}")
    return ConfigError(f"{path}: {what}", hint=f"correct {path}")


def _place(text: str, path: str, key: str) -> str:
    """`path`, the line where dotted `key` stands when one can be told, and a colon.

    Empty for no path: a value that is not in a file yet.
    """
    if not path:
        return ""
    section, _, name = key.rpartition(".")
    here = ""
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if bare.startswith("["):
            here = bare.split("#")[0].strip("[] \t")
            if not section and here == name:
                return f"{path}, line {number}: "
        word = bare.partition("=")[0].strip()
        if "=" in bare and (here, word) == (section, name):
            return f"{path}, line {number}: "
    return f"{path}: "


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

    # The defaults tell the type, so that a wrong value in the file can be put right this way.
    typed = _typed(key, value, get(Config(), key))
    section, name = key.split(".", 1)
    import tomlkit  # only here: reading takes tomllib

    parse(tomlkit.dumps({section: {name: typed}}), "")
    path = paths.config_file()
    try:
        document = tomlkit.parse(_read(path))
        document.setdefault(section, tomlkit.table())[name] = typed
    except (tomlkit.exceptions.TOMLKitError, TypeError):
        parse(_read(path), path)  # tells the line
        raise ConfigError(f"{path} is not valid TOML", hint=f"correct {path}") from None
    text = tomlkit.dumps(document)
    config = parse(text, path)
    real = os.path.realpath(path)
    try:
        paths.private_dir(os.path.dirname(real))
        write_private(real, text.encode())
    except OSError as exc:
        raise ConfigError(
            f"cannot write {path}: {exc.strerror}",
            hint="check the free space and the folder's mode, then run it again",
        ) from exc
    except StoreError as exc:
        raise ConfigError(f"cannot write {path}: {exc}", hint=exc.hint) from exc
    return config


def _typed(key: str, value: str, current: object) -> object:
    if isinstance(current, bool):
        if value not in {"true", "false"}:
            raise ConfigError(f"{key} is true or false, not {value!r}", hint="write true or false")
        return value == "true"
    if isinstance(current, int):
        if not value.isdecimal() or len(value) > 9 or not value.isascii():
            raise ConfigError(f"{key} is a whole number, not {value!r}", hint="such as 3")
        return int(value)
    if isinstance(current, list):
        return [item.strip() for item in value.split(",") if item.strip()]
    return value


def platform_default_keyring() -> str:
    """The `vault.backend` of this platform's own keyring."""
    return {"darwin": "keyring:macos", "win32": "keyring:windows"}.get(
        sys.platform, "keyring:secretservice"
    )
