"""Use case: what is known without asking the network, the keyring or a person."""

import os
import sys
from dataclasses import dataclass, replace

from credguard import paths
from credguard.app import password, service
from credguard.app.context import Context
from credguard.app.rotate_due import due_at
from credguard.errors import ConfigError, CredguardError, StoreError
from credguard.store import findings, profiles, schedule, watches
from credguard.store import problems as table

UNKNOWN = "UNKNOWN"
_DAY_S = 86400


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """A profile's key. `age_days`, `due_in_days`: None when IAM's creation time is not known."""

    profile: str
    key_id: str
    identity: str
    age_days: float | None
    due_in_days: float | None
    consent: bool


@dataclass(frozen=True, slots=True)
class Status:
    """The whole picture; a text UNKNOWN where it cannot be told.

    `unreadable`: why the settings or the state database cannot be read; then what they hold is
    empty here and nothing can be told of it. `problems`: what does not work and needs a look.
    """

    vault_backend: str
    vault_state: str
    keys: list[KeyStatus]
    rotations_midway: int
    passwords_due: list[str]
    hooks: list[str]
    watched: dict[str, str]
    open_findings: list[findings.StoredFinding]
    daemon: str
    service: str
    last_tick: float | None
    problems: list[table.Problem]
    unreadable: list[str]


def status(ctx: Context) -> Status:
    """Read config and store; what cannot be read is in `unreadable`, and the rest is told."""
    unreadable = []
    try:
        chosen = ctx.config.vault.backend
        backend, state = chosen or "not chosen", _vault_state(chosen)
    except ConfigError as exc:
        backend, state = UNKNOWN, UNKNOWN
        unreadable.append(str(exc))
    known = Status(
        vault_backend=backend,
        vault_state=state,
        keys=[],
        rotations_midway=0,
        passwords_due=[],
        hooks=[],
        watched={},
        open_findings=[],
        daemon=daemon_state(),
        service=_service_state(),
        last_tick=None,
        problems=[],
        unreadable=unreadable,
    )
    try:
        return _with_store(ctx, known)
    except StoreError as exc:
        unreadable.append(str(exc))
    return known


def key_list(ctx: Context) -> list[KeyStatus]:
    """Every profile's key; `due_in_days` is None too where the settings cannot be read.

    Raises StoreError.
    """
    try:
        return _keys(ctx, know_due=True)
    except ConfigError:
        return _keys(ctx, know_due=False)


def _with_store(ctx: Context, known: Status) -> Status:
    rows = ctx.db.execute("SELECT repository FROM hook ORDER BY repository")
    return replace(
        known,
        keys=_keys(ctx, know_due=not known.unreadable),
        rotations_midway=ctx.db.execute("SELECT count(*) FROM rotation").fetchone()[0],
        passwords_due=[] if known.unreadable else password.due(ctx),
        hooks=[row["repository"] for row in rows],
        watched={root: _root_state(root) for root in watches.roots(ctx.db)},
        open_findings=findings.open_findings(ctx.db),
        last_tick=schedule.get(ctx.db, "tick").last_run,
        problems=table.present(ctx.db),
    )


def _root_state(root: str) -> str:
    if not os.path.isdir(root):
        return "missing"
    return "ok" if os.access(root, os.R_OK | os.X_OK) else "not readable"


def _keys(ctx: Context, *, know_due: bool) -> list[KeyStatus]:
    now = ctx.now()
    result = []
    for profile in profiles.profiles(ctx.db):
        created = profile.key.created
        due = due_at(ctx, profile.key) if know_due else None
        result.append(
            KeyStatus(
                profile.name,
                profile.key.key_id,
                profile.key.identity,
                None if created is None else (now - created) / _DAY_S,
                None if due is None else (due - now) / _DAY_S,
                profile.consent,
            )
        )
    return result


def _vault_state(backend: str) -> str:
    # Opening it may raise an unlock dialog or ask for a passphrase: status asks nobody.
    if not backend:
        return "missing"
    if backend == "file":
        return "present" if os.path.exists(paths.vault_file()) else "empty"
    return UNKNOWN


def daemon_state() -> str:
    """`running` or `stopped`, told by who holds the daemon's lock; UNKNOWN when that fails."""
    if sys.platform == "win32":
        return UNKNOWN
    import fcntl

    try:
        descriptor = os.open(paths.lock_file("daemon"), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return "stopped"
    except OSError:
        return UNKNOWN
    try:
        # Shared, so that two who look at once do not take each other for the daemon.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return "running"
    except OSError:
        return UNKNOWN
    finally:
        os.close(descriptor)
    return "stopped"


def _service_state() -> str:
    try:
        return service.status()
    except CredguardError:
        return UNKNOWN
