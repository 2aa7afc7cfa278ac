"""What `credguard status` tells. Times are Unix seconds; None: not known, unless a field says else.

A text UNKNOWN stands where something cannot be told.
"""

from dataclasses import dataclass, field

UNKNOWN = "UNKNOWN"
UNREAD = "could not be read"


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """The key that a profile hands out.

    `due_in_days`: when it is replaced by itself, or would be once a person agrees. `max_age_days`:
    None: the settings cannot be read. `state`: active, leaked, locked out, a state of its rotation,
    or UNKNOWN; `next_step`: what comes next for it.
    """

    profile: str
    key_id: str
    identity: str
    age_days: float | None
    due_in_days: float | None
    consent: bool
    max_age_days: float | None = None
    state: str = "active"
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Resting:
    """A key that nothing hands out any more, or not yet, until its rotation is over.

    `state`: grace, soak, blocked, needs you, stray, a state of the rotation; `next_at` None: not by
    itself; `why`: what it waits for or asks.
    """

    key_id: str
    identity: str
    state: str
    next_step: str
    next_at: float | None
    why: str


@dataclass(frozen=True, slots=True)
class PasswordStatus:
    """A console password. `state`: not kept, kept, midway, unknown."""

    identity: str
    profiles: list[str]
    state: str
    age_days: float | None
    due_in_days: float | None


@dataclass(frozen=True, slots=True)
class SshStatus:
    """An SSH key made here that is in use. `due_in_days`: until it is old; None: not known."""

    name: str
    age_days: float
    due_in_days: float | None
    regions: list[str]


@dataclass(frozen=True, slots=True)
class HookStatus:
    """Where hooks were installed. `repository`: its folder, --global or --template.

    `state`: installed, partly (some are missing), shadowed (git takes others), gone (no such
    repository), UNKNOWN (git does not answer), or "could not be read" (its file system does not, or
    a file there is none).
    """

    repository: str
    state: str


@dataclass(frozen=True, slots=True)
class RootStatus:
    """A watched folder. `state`: ok, missing, not readable, or why it is left out.

    `files`: in it, as of `looked_at`; both None: not known. `left_out`: network file systems below.
    """

    path: str
    state: str
    files: int | None
    looked_at: float | None
    open_findings: int
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FindingRow:
    """An open finding, masked."""

    path: str
    line: int
    rule_id: str
    masked: str
    first_seen: float
    last_seen: float
    state: str


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """What does not work and needs a look. `told`: a person was notified of it."""

    subject: str
    kind: str
    what: str
    hint: str
    since: float
    told: bool = False


@dataclass(frozen=True, slots=True)
class LeakRow:
    """A value of the vault that was pushed, and not answered yet. `state`: waiting, stopped."""

    title: str
    state: str
    due: float


@dataclass(frozen=True, slots=True)
class Audit:
    """One audit of an account: how many results; how many `worse` and `better` than before."""

    at: float
    passed: int
    failed: int
    unknown: int
    account: str = ""
    worse: int = 0
    better: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """The whole picture at `now`.

    `unreadable`: why the settings or the state database cannot be read; then what they hold is
    empty here and nothing can be told of it. `audit` None: none was made. `vault_state`: present,
    empty, missing, or UNKNOWN, since opening it could ask a person.
    """

    now: float
    vault_backend: str
    vault_state: str
    keys: list[KeyStatus]
    resting: list[Resting]
    rotations_midway: int
    passwords: list[PasswordStatus]
    passwords_due: list[str]
    ssh: list[SshStatus]
    hooks: list[HookStatus]
    watched: list[RootStatus]
    open_findings: list[FindingRow]
    leaks: list[LeakRow]
    daemon: str
    service: str
    last_tick: float | None
    problems: list[ProblemRow]
    audit: Audit | None
    unreadable: list[str]
