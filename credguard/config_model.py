"""Every setting there is, with its default. `credguard.config` reads and writes them.

Durations are texts such as "30d"; DURATIONS names the settings that are one.
"""

import msgspec

PLACES = ("aws", "histories", "downloads")
SCOPES = ("account", "self")


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

    `every`: "0s": it does not. `scope`: one of SCOPES. `profile` "": the only one, or default.
    `regions`: none: all that are enabled. `open_ports`: may face the world. `automation`: patterns
    of the names of users that are programs; `log_groups`: of the log groups that must not be
    deletable. `waivers`: a file, "": audit-waivers.toml beside this one.
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


class PostureConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the service writes this machine's posture record, and how often.

    `s3`: s3://BUCKET/PREFIX, "": nowhere. `every`: "0s": never by itself. `profile`: who writes it,
    "": the only one, or default.
    """

    s3: str = ""
    every: str = "24h"
    profile: str = ""


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
    posture: PostureConfig = PostureConfig()


DURATIONS = {
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
    "posture.every",
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
