"""Use case: what is known without asking the network, the keyring or a person."""

import os
from dataclasses import replace

from credguard import atomic, paths
from credguard import config as settings
from credguard.app import audits, hookstates, password, rotate_due, rotate_status, service, ssh_look
from credguard.app.context import Context
from credguard.errors import ConfigError, CredguardError, StoreError
from credguard.report.overview import (
    UNKNOWN,
    FindingRow,
    HookStatus,
    KeyStatus,
    LeakRow,
    PasswordStatus,
    ProblemRow,
    Resting,
    RootStatus,
    SshStatus,
    Status,
)
from credguard.sources import mounts
from credguard.store import findings, leaks, profiles, schedule, ssh, watches
from credguard.store import problems as table

_DAY_S = 86400


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
        now=ctx.now(),
        vault_backend=backend,
        vault_state=state,
        keys=[],
        resting=[],
        rotations_midway=0,
        passwords=[],
        passwords_due=[],
        ssh=[],
        hooks=[],
        watched=[],
        open_findings=[],
        leaks=[],
        daemon=daemon_state(),
        service=_service_state(),
        last_tick=None,
        problems=[],
        audit=None,
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
    settings_read = not known.unreadable
    keys = _keys(ctx, know_due=settings_read)
    resting: list[Resting] = []
    if settings_read:
        keys, resting = _rotating(ctx, keys)
    found = findings.open_findings(ctx.db)
    return replace(
        known,
        keys=keys,
        resting=resting,
        rotations_midway=ctx.db.execute("SELECT count(*) FROM rotation").fetchone()[0],
        passwords=_passwords(ctx) if settings_read else [],
        passwords_due=password.due(ctx) if settings_read else [],
        ssh=_ssh(ctx, know_due=settings_read),
        hooks=[HookStatus(*each) for each in hookstates.states(ctx)],
        watched=_roots(ctx, [each.path for each in found]),
        open_findings=[_finding(each) for each in found],
        leaks=[
            LeakRow(each.title, each.state, each.due)
            for each in leaks.all_(ctx.db)
            if each.state != leaks.ANSWERED
        ],
        last_tick=schedule.get(ctx.db, "tick").last_run,
        problems=[
            ProblemRow(each.subject, each.kind, each.what, each.hint, each.since, each.told)
            for each in table.present(ctx.db)
        ],
        audit=audits.last(ctx),
    )


def _keys(ctx: Context, *, know_due: bool) -> list[KeyStatus]:
    now = ctx.now()
    result = []
    for profile in profiles.profiles(ctx.db):
        created = profile.key.created
        due = rotate_due.due_at(ctx, profile.key) if know_due else None
        result.append(
            KeyStatus(
                profile.name,
                profile.key.key_id,
                profile.key.identity,
                None if created is None else (now - created) / _DAY_S,
                None if due is None else (due - now) / _DAY_S,
                profile.consent,
                settings.seconds(ctx.config.rotation.max_age) / _DAY_S if know_due else None,
            )
        )
    return result


def _rotating(ctx: Context, keys: list[KeyStatus]) -> tuple[list[KeyStatus], list[Resting]]:
    """`keys` with what their rotations do; and the keys of rotations that nothing hands out."""
    handed: dict[str, rotate_status.KeyState] = {}
    resting = []
    for each in rotate_status.statuses(ctx):
        if each.profiles:
            handed[each.key_id] = each
        else:
            resting.append(
                Resting(
                    each.key_id, each.identity, each.state, each.next_step, each.next_at, each.why
                )
            )
    shown = [
        replace(key, state=handed[key.key_id].state, next_step=handed[key.key_id].next_step)
        if key.key_id in handed
        else key
        for key in keys
    ]
    return shown, resting


def _passwords(ctx: Context) -> list[PasswordStatus]:
    now = ctx.now()
    return [
        PasswordStatus(
            row.identity,
            row.profiles,
            row.state,
            None if row.changed is None else (now - row.changed) / _DAY_S,
            None if row.due_at is None else (row.due_at - now) / _DAY_S,
        )
        for row in password.statuses(ctx)
        if row.state != "not kept"
    ]


def _ssh(ctx: Context, *, know_due: bool) -> list[SshStatus]:
    rows = []
    for key in ssh.in_use(ctx.db):
        regions = [each.region for each in ssh.registrations(ctx.db, key.name)]
        age = ctx.now() - key.created
        due = (ssh_look.max_age_s(ctx) - age) / _DAY_S if know_due else None
        rows.append(SshStatus(key.name, age / _DAY_S, due, regions))
    return rows


def _roots(ctx: Context, found: list[str]) -> list[RootStatus]:
    rows = []
    for root, looked in watches.looked(ctx.db).items():
        below = os.path.join(root, "")
        rows.append(
            RootStatus(
                root,
                _root_state(root),
                looked.files,
                looked.at,
                sum(path.startswith(below) for path in found),
                sorted(mounts.below(root)),
            )
        )
    return rows


def _finding(each: findings.StoredFinding) -> FindingRow:
    return FindingRow(
        each.path,
        each.line,
        each.rule_id,
        each.masked,
        each.first_seen,
        each.last_seen,
        each.state,
    )


def _root_state(root: str) -> str:
    if kind := mounts.network(root):
        return f"left out: a network file system ({kind})"
    if not os.path.isdir(root):
        return "missing"
    return "ok" if os.access(root, os.R_OK | os.X_OK) else "not readable"


def _vault_state(backend: str) -> str:
    # Opening it may raise an unlock dialog or ask for a passphrase: status asks nobody.
    if not backend:
        return "missing"
    if backend == "file":
        return "present" if os.path.exists(paths.vault_file()) else "empty"
    return UNKNOWN


def daemon_state() -> str:
    """`running` or `stopped`, told by who holds the daemon's lock; UNKNOWN when that fails."""
    held = atomic.held(paths.lock_file("daemon"))
    if held is None:
        return UNKNOWN
    return "running" if held else "stopped"


def daemon_pid() -> str:
    """The process id that the daemon wrote beside its lock; "PID": it cannot be read."""
    try:
        with open(paths.lock_file("daemon"), encoding="ascii", errors="replace") as file:
            text = file.read(20).strip()
    except OSError:
        text = ""
    return text if text.isdecimal() else "PID"


def _service_state() -> str:
    try:
        return service.status()
    except CredguardError:
        return UNKNOWN
