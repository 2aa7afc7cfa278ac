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
import tomlkit

from credguard import paths, times
from credguard.errors import ConfigError, StoreError

seconds = times.seconds
PLACES = ("aws", "histories", "downloads")
HOOKS = ("offer", "install", "off")


class VaultConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`backend`: "" (not chosen yet), "file", "pass", or "keyring:" and a backend."""

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


class PasswordConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a console password is due, and how long a copied one stays in the clipboard."""

    max_age: str = "90d"
    clipboard_clear: str = "45s"


class WatchConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the background service does with files that appear.

    `places`: what is watched besides the folders chosen, see PLACES. `hooks`: what a repository
    without our hooks gets: "offer", "install" or "off". `most_watches`: of folders; 0: a quarter of
    what the system gives a user.
    """

    max_file_mb: int = 20
    notify: bool = True
    places: list[str] = msgspec.field(default_factory=lambda: list(PLACES))
    hooks: str = "offer"
    most_watches: int = 0


class NotifyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a person is told. `quiet`: hours of the day such as "22:00-07:00"; "": none.

    `digest`: after one notification the next, with all that came meanwhile, at the earliest after
    so long. What cannot wait, such as a key that got out, does not.
    """

    quiet: str = ""
    digest: str = "0s"


class ScanConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`plugins`: files with detect-secrets plugins of your own, which `scan --deep` runs."""

    plugins: list[str] = []


class VerifyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where `scan --verify` asks: your own GitHub Enterprise or GitLab server, for instance."""

    github_url: str = "https://api.github.com"
    gitlab_url: str = "https://gitlab.com"
    slack_url: str = "https://slack.com"


class LogConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The background service's log. `json`: one JSON object a line, for programs."""

    json: bool = False


class SshConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """SSH keys. `regions`: where a new one is registered when none is named.

    `owner`: the owner tag of key pairs; "": the IAM user's name. `max_age`: from when on a key is
    old. `lifetime`: how long ssh-agent keeps one. `user`: whom to log in as on instances.
    """

    regions: list[str] = []
    owner: str = ""
    max_age: str = "90d"
    lifetime: str = "12h"
    user: str = "ec2-user"


class AgentConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long the agent stays. `idle`: without use, when it was started on demand.

    `auto_lock`: it forgets the file vault's passphrase after so long without use.
    """

    idle: str = "15m"
    auto_lock: str = "8h"


class ScheduleConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether periodic jobs run that else wait, for a while, for mains power or a free network."""

    on_battery: bool = False
    on_metered: bool = False


class LeakConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens when a value of the vault got out.

    `countdown`: so long a person can stop the answer, such as a new key; "0s": it comes at once.
    `synced`: folders that a service copies to its servers; "auto": those that are found.
    """

    countdown: str = "10m"
    synced: list[str] = msgspec.field(default_factory=lambda: ["auto"])


class AuditConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the audit of an account takes for good, and how often the service runs one.

    `every`: "0s": it does not. `profile` "": the only one, or default. `regions`: none: all that
    are enabled. `open_ports`: may face the world. `automation`: patterns of the names of users that
    are programs; `log_groups`: of the log groups that must not be deletable. `waivers`: a file, "":
    audit-waivers.toml beside this one.
    """

    every: str = "0s"
    profile: str = ""
    scope: str = "account"
    regions: list[str] = []
    key_age: str = "30d"
    key_unused: str = "45d"
    password_age: str = "90d"  # noqa: S105 - a length of time
    password_unused: str = "45d"  # noqa: S105 - a length of time
    root_unused: str = "30d"
    ssh_age: str = "365d"
    image_age: str = "180d"
    patch_age: str = "30d"
    retention: str = "90d"
    open_ports: list[str] = msgspec.field(default_factory=lambda: ["80", "443"])
    automation: list[str] = msgspec.field(
        default_factory=lambda: ["*-bot", "bot-*", "ci-*", "*-ci", "svc-*", "*-service", "deploy*"]
    )
    log_groups: list[str] = msgspec.field(default_factory=lambda: ["*"])
    waivers: str = ""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings."""

    vault: VaultConfig = VaultConfig()
    agent: AgentConfig = AgentConfig()
    rotation: RotationConfig = RotationConfig()
    mfa: MfaConfig = MfaConfig()
    password: PasswordConfig = PasswordConfig()
    watch: WatchConfig = WatchConfig()
    scan: ScanConfig = ScanConfig()
    verify: VerifyConfig = VerifyConfig()
    log: LogConfig = LogConfig()
    ssh: SshConfig = SshConfig()
    leak: LeakConfig = LeakConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    notify: NotifyConfig = NotifyConfig()
    audit: AuditConfig = AuditConfig()


_DURATIONS = {
    "agent.idle",
    "agent.auto_lock",
    "audit.every",
    "audit.image_age",
    "audit.key_age",
    "audit.key_unused",
    "audit.password_age",
    "audit.password_unused",
    "audit.patch_age",
    "audit.retention",
    "audit.root_unused",
    "audit.ssh_age",
    "leak.countdown",
    "rotation.max_age",
    "rotation.grace",
    "rotation.soak",
    "rotation.orphan_wait",
    "rotation.prove_interval",
    "rotation.notice",
    "rotation.delete_foreign_inactive",
    "password.max_age",
    "password.clipboard_clear",
    "notify.digest",
    "ssh.max_age",
    "ssh.lifetime",
}
AUDIT_SCOPES = ("account", "self")
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
        with open(path, "rb") as file:
            data = file.read()
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
    for key in sorted(_DURATIONS):
        try:
            seconds(str(get(config, key)))
        except ConfigError as exc:
            raise ConfigError(f"{_place(text, path, key)}{key}: {exc}", hint=exc.hint) from None
    if config.vault.backend and config.vault.backend not in BACKENDS:
        raise ConfigError(
            f"{_place(text, path, 'vault.backend')}vault.backend {config.vault.backend!r}"
            " is not known",
            hint="one of: " + ", ".join(sorted(BACKENDS)),
        )
    _check_words(text, path, config)
    if config.audit.scope not in AUDIT_SCOPES:
        raise ConfigError(
            f"{_place(text, path, 'audit.scope')}audit.scope {config.audit.scope!r} is not known",
            hint="one of: " + ", ".join(AUDIT_SCOPES),
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
