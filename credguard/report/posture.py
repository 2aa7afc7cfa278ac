"""The posture of one developer's machine as data: JSON, version 1. No secret is in it.

Fields are added, never renamed or dropped.
"""

import msgspec

from credguard.errors import ConfigError
from credguard.report.audit import LAST_S

VERSION = 1
KIND = "credguard-posture"


class Key(msgspec.Struct, frozen=True):
    """An access key that a profile hands out. `key`: its id, all but the last four letters hidden.

    `created`: Unix seconds; `age_days`, `due_days` (below 0: overdue): None where it is not known.
    """

    profile: str
    account: str
    user: str
    key: str
    created: float | None
    age_days: float | None
    due_days: float | None


class Hooks(msgspec.Struct, frozen=True):
    """The hooks of one repository. `state`: as HookStatus.state.

    `repository`: its folder's name, or "every new clone", "every repository".
    """

    repository: str
    state: str


class Ssh(msgspec.Struct, frozen=True):
    """An SSH key made here, in use. `created`: Unix seconds; `regions`: where it is registered."""

    name: str
    type: str
    fingerprint: str
    created: float
    age_days: float
    regions: int


class Posture(msgspec.Struct, frozen=True):
    """One machine at one time. `at`: Unix seconds. `vault`: the backend, "": none was chosen.

    `service`: running, stopped or UNKNOWN. `unknown`: what could not be told, and why.
    """

    credguard: str
    at: float
    user: str
    host: str
    platform: str
    vault: str
    service: str
    keys: tuple[Key, ...] = ()
    hooks: tuple[Hooks, ...] = ()
    ssh: tuple[Ssh, ...] = ()
    passwords_due: int = 0
    open_findings: int = 0
    leaks: int = 0
    problems: int = 0
    last_audit: float | None = None
    last_audit_failed: int | None = None
    unknown: tuple[str, ...] = ()
    kind: str = KIND
    version: int = VERSION


def to_json(posture: Posture) -> str:
    """The document."""
    return msgspec.json.format(msgspec.json.encode(posture), indent=2).decode() + "\n"


def from_json(data: bytes, name: str) -> Posture:
    """The document in `data`, of a file called `name`. Raises ConfigError: it is not one."""
    try:
        found = msgspec.json.decode(data, type=Posture)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(
            f"{name} is not a posture of credguard: {error}",
            hint="make one: credguard posture --json > FILE",
        ) from None
    if found.kind != KIND or found.version != VERSION:
        raise ConfigError(
            f"{name} is of version {found.version}, this credguard reads version {VERSION}",
            hint="use the same credguard on both machines",
        )
    if not 0 <= found.at < LAST_S:
        raise ConfigError(
            f"{name} is not a posture of credguard: its time is not one of a calendar",
            hint="make one: credguard posture --json > FILE",
        )
    return found


def masked(key_id: str) -> str:
    """An access key id of which only its kind and its last four letters show."""
    return f"{key_id[:4]}...{key_id[-4:]}" if len(key_id) > 8 else "..."
