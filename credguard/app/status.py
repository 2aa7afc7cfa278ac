"""Use case: what is known without asking the network, the keyring or a person."""

import os
import sys
from dataclasses import dataclass

from credguard import config as settings
from credguard import paths
from credguard.app import service
from credguard.app.context import Context
from credguard.errors import CredguardError
from credguard.store import findings, profiles, schedule, watches

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
    """The whole picture; a text UNKNOWN where it cannot be told."""

    vault_backend: str
    vault_state: str
    keys: list[KeyStatus]
    rotations_midway: int
    hooks: list[str]
    watched: dict[str, str]
    open_findings: list[findings.StoredFinding]
    daemon: str
    service: str
    last_tick: float | None


def status(ctx: Context) -> Status:
    """Read config and store. Raises ConfigError, StoreError."""
    backend = ctx.config.vault.backend
    rows = ctx.db.execute("SELECT repository FROM hook ORDER BY repository")
    midway = ctx.db.execute("SELECT count(*) FROM rotation").fetchone()[0]
    return Status(
        vault_backend=backend or "not chosen",
        vault_state=_vault_state(backend),
        keys=_keys(ctx),
        rotations_midway=midway,
        hooks=[row["repository"] for row in rows],
        watched={
            root: "ok" if os.path.isdir(root) else "missing" for root in watches.roots(ctx.db)
        },
        open_findings=findings.open_findings(ctx.db),
        daemon=daemon_state(),
        service=_service_state(),
        last_tick=schedule.get(ctx.db, "tick").last_run,
    )


def _keys(ctx: Context) -> list[KeyStatus]:
    limit = settings.seconds(ctx.config.rotation.max_age)
    now = ctx.now()
    result = []
    for profile in profiles.profiles(ctx.db):
        created = profile.key.created
        result.append(
            KeyStatus(
                profile.name,
                profile.key.key_id,
                profile.key.identity,
                None if created is None else (now - created) / _DAY_S,
                None if created is None else (created + limit - now) / _DAY_S,
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
