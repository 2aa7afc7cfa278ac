"""Use case: where every key stands, told without asking AWS, the vault or a person."""

from dataclasses import dataclass, replace
from shlex import quote

from credguard.app import key_marks
from credguard.app.context import Context
from credguard.app.rotate import (
    SUBJECT,
    limits,
    profile_of,
    record_of,
    rotation_midway,
    users,
)
from credguard.app.rotate_due import due_at
from credguard.errors import NeedsCode, StoreError
from credguard.rotation.machine import hastened
from credguard.rotation.model import Limits, Record, State
from credguard.store import problems, profiles, schedule

# What the old key does in each state, in a person's words.
_RESTING = {State.SWITCHED: "grace", State.DEACTIVATED: "soak", State.DELETED: "deleted"}


@dataclass(frozen=True, slots=True)
class KeyState:
    """One key for `--status`.

    `state`: active, leaked, locked out, needs code, grace, soak, deleted, stray, a state of the
    rotation, or UNKNOWN; `next_at`: Unix seconds, None: not by itself; `why`: what it waits for or
    asks, or empty; `hint`: what to type about it, empty: it follows from `why`.
    """

    identity: str
    profiles: list[str]
    key_id: str
    state: str
    created: float | None
    next_step: str
    next_at: float | None
    why: str = ""
    hint: str = ""


def statuses(ctx: Context) -> list[KeyState]:
    """Every key and stray with its state, next step and when. Raises StoreError."""
    found: list[KeyState] = []
    here = users(ctx)
    created = {key.key_id: key.created for key in profiles.keys(ctx.db)}
    for identity in sorted(set(here) | set(rotation_midway(ctx))):
        group = here.get(identity, [])
        try:
            record = record_of(ctx, identity)
        except StoreError as error:
            found += _damaged(identity, group, profile_of(ctx, identity), error)
            continue
        if record is None:
            rows = _at_rest(ctx, identity, group)
        else:
            names = [each.name for each in group]
            rows = _midway(record, names, created, hastened(limits(ctx), record.mode))
        rows = [_kept_up(ctx, rows[0]), *rows[1:]]
        found += [_marked(ctx, each, record) for each in rows]
    return found


def _kept_up(ctx: Context, row: KeyState) -> KeyState:
    """`row`, the user's first, with what kept the service from going on when it tried last."""
    subject = SUBJECT + row.identity
    problem = problems.of(ctx.db, subject)
    if problem is None or problem.kind.startswith(("asks", "aborted")):  # the record says that
        return row
    state = "needs code" if problem.kind == NeedsCode.__name__ else row.state
    again = schedule.get(ctx.db, subject).next_run
    return replace(row, state=state, next_at=again, why=problem.what, hint=problem.hint)


def _marked(ctx: Context, row: KeyState, record: Record | None) -> KeyState:
    """`row` with what a person said of the key that is handed out."""
    kind = key_marks.kind_of(ctx, row.key_id) if row.profiles else ""
    if kind == key_marks.LOCKED_OUT:
        if record is None or record.state is State.DELETED:
            step = f"needs another key: credguard add {quote(row.profiles[0])}"
        elif row.key_id == record.old_id and record.state is not State.INTENT:
            step = row.next_step
        else:
            step = "needs you"
        return replace(row, state=kind, next_step=step, next_at=None)
    if kind == key_marks.LEAKED:
        return replace(row, state=kind, next_step="replace at once", next_at=ctx.now())
    return row


def _damaged(
    identity: str, group: list[profiles.Profile], name: str, error: StoreError
) -> list[KeyState]:
    return [
        KeyState(
            identity,
            [each.name],
            each.key.key_id,
            "UNKNOWN",
            each.key.created,
            f"rebuild: credguard rotate --rebuild {quote(name)}",
            None,
            str(error),
            error.hint,
        )
        for each in group
    ]


def _at_rest(ctx: Context, identity: str, group: list[profiles.Profile]) -> list[KeyState]:
    found = []
    for key_id in dict.fromkeys(each.key.key_id for each in group):
        using = [each for each in group if each.key.key_id == key_id]
        agreed = all(each.consent for each in group)
        step = (
            "rotate"
            if agreed
            else f"needs a yes: credguard rotate {quote(profile_of(ctx, identity))} --yes"
        )
        key = using[0].key
        names = [each.name for each in using]
        found.append(
            KeyState(identity, names, key_id, "active", key.created, step, due_at(ctx, key))
        )
    return found


def _old_next(record: Record, limit: Limits) -> tuple[str, float | None]:
    if record.state is State.SWITCHED:
        return "deactivate", max(record.since + limit.grace, record.until)
    if record.state is State.DEACTIVATED:
        return "delete", record.since + limit.soak
    if record.state is State.DELETED:
        return "forget", record.since
    if record.state is State.REVERTING:
        return "go back to it", record.since
    return "in use until the new key is proven", None


def _midway(
    record: Record, names: list[str], created: dict[str, float | None], limit: Limits
) -> list[KeyState]:
    switched = record.state in _RESTING or record.state is State.REVERTING
    step, at = _old_next(record, limit)
    asks = bool(record.why) and record.until == 0.0
    state = _RESTING.get(record.state, "active" if not switched else record.state.value)
    why = record.why if asks else ""
    if asks and switched:
        state, at = ("blocked" if why.startswith("blocked") else "needs you"), None
    identity, old, new = record.identity, record.old_id, record.new_id
    rows = [
        KeyState(identity, [] if switched else names, old, state, created.get(old), step, at, why)
    ]
    if new is not None:
        step = "in use" if switched else "prove, then switch"
        step = "delete" if record.state is State.ABORTING else step
        state = "active" if switched else record.state.value
        at = None if switched else max(record.since, record.until)
        rows.append(
            KeyState(identity, names if switched else [], new, state, created.get(new), step, at)
        )
    if record.state is State.INTENT:
        stray = record.stray_id or "UNKNOWN"
        step = "delete the stray key" if record.stray_id else "look for a stray key"
        until = record.intent_at + limit.orphan_wait
        rows.append(KeyState(identity, [], stray, "stray", None, step, until, why))
    return rows
