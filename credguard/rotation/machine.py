"""The decision: what a rotation does next. Pure; recovery after a crash is the same function.

Invariants: (I1) some key is Active, in the vault, and handed out at every instant; (I2) no key is
deactivated or deleted before another was proven and switched to; (I3) one CreateAccessKey an
intent, none while one is unresolved; (I4) keys of others are never touched; (I5) every step can be
repeated.
"""

from dataclasses import replace
from datetime import UTC, datetime

from credguard.rotation.model import (
    UNKNOWN_USE,
    Action,
    Facts,
    Limits,
    Mode,
    Record,
    Remote,
    State,
    Step,
    Use,
)

CLOCK_SLACK_S = 5.0
# A lost request may have been executed up to the client's time-outs later, and clocks differ.
CREATE_WINDOW_S = 75.0
PROVE_BUDGET_S = 24 * 3600.0
# IAM's last-used date has a resolution of 15 minutes (credential report, IAM User Guide).
HANDOVER_S = 15 * 60.0
# AWS refuses signatures further from its own time (Signature Version 4, IAM User Guide).
MAX_SKEW_S = 300.0
EMERGENCY_SOAK_S = 3600.0


def next_step(record: Record, facts: Facts, limits: Limits, now: float) -> Step:
    """The step that `record` needs, given what IAM, vault and store say.

    LOOK when the facts do not suffice: read the list and the uses, then ask again.
    """
    if record.state is State.DELETED:
        return Step(Action.FORGET_OLD, record.old_id)
    if facts.skew is not None and abs(facts.skew) > MAX_SKEW_S:
        return Step(Action.ASK, why=_clock(facts.skew))
    limits = hastened(limits, record.mode)
    match record.state:
        case State.INTENT:
            return _intent(record, facts, limits, now)
        case State.CREATED:
            new = record.new_id or ""
            if new in facts.known:
                return Step(Action.ADOPT, new)
            return Step(Action.ABORT, new, why="its secret was lost before it was stored")
        case State.STORED | State.PROVEN:
            return _stored(record, facts, now)
        case State.SWITCHED:
            return _grace(record, facts, limits, now)
        case State.DEACTIVATED:
            return _soak(record, facts, limits, now)
        case State.ABORTING:
            return _aborting(record, facts, limits)
        case State.REVERTING:
            return _reverting(record, facts, limits, now)


def hastened(limits: Limits, mode: Mode) -> Limits:
    """The limits that hold in `mode`."""
    match mode:
        case Mode.NORMAL:
            return limits
        case Mode.EMERGENCY:
            return replace(limits, grace=0.0, soak=min(limits.soak, EMERGENCY_SOAK_S))
        case Mode.CLEAR:
            return replace(limits, grace=0.0, soak=0.0)


def signers(record: Record) -> tuple[str, ...]:
    """The keys that may sign IAM calls, best first: the old one until the switch, then the new."""
    new = (record.new_id,) if record.new_id else ()
    if record.state in {State.SWITCHED, State.DEACTIVATED, State.DELETED, State.REVERTING}:
        return (*new, record.old_id)
    return (record.old_id, *new)


def rolled_back(record: Record, pointer: str, now: float) -> Record | None:
    """`record` on its way back to the old key, to be journalled; None: the old key is gone."""
    match record.state:
        case State.INTENT | State.ABORTING | State.REVERTING:
            return record
        case State.CREATED | State.STORED | State.PROVEN if pointer != record.new_id:
            to = State.ABORTING
        case State.DELETED:
            return None
        case _:
            to = State.REVERTING
    return replace(record, state=to, since=now, mode=Mode.NORMAL, why="", until=0.0)


def exchanged(record: Record, now: float) -> Record:
    """`record` after the way back: the old key is in use, the new one rests, then goes."""
    return Record(
        record.identity,
        record.transaction,
        State.SWITCHED,
        record.new_id or "",
        record.baseline,
        record.intent_at,
        now,
        record.old_id,
        mode=record.mode,
    )


def _clock(skew: float) -> str:
    hours, way = abs(skew) / 3600, "ahead of" if skew > 0 else "behind"
    return f"this machine's clock is {hours:.1f} hours {way} AWS's; set it"


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _believed_absent(facts: Facts, limits: Limits, then: Step) -> Step:
    # The list lags behind creations and deletions: one look without the key proves nothing.
    return then if facts.looks >= limits.passes else Step(Action.LIST_AGAIN)


def _nobody_signs(record: Record, facts: Facts) -> Step:
    if absent := [key for key in signers(record) if key not in facts.known]:
        why = f"the vault does not hold the secret of {' nor of '.join(absent)}; restore a backup"
        return Step(Action.ASK, record.old_id, why=why)
    keys = " nor ".join(key for key in signers(record))
    return Step(Action.ASK, record.old_id, why=f"AWS accepts neither {keys}; see the IAM console")


def _intent(record: Record, facts: Facts, limits: Limits, now: float) -> Step:
    if facts.listed is None:
        if facts.rejected:
            if record.old_id not in facts.known:
                return _nobody_signs(record, facts)
            why = f"AWS does not accept key {record.old_id}; see the IAM console"
            return Step(Action.ASK, record.old_id, why=why)
        return Step(Action.LOOK)
    until = record.intent_at + limits.orphan_wait
    new = sorted(set(facts.listed) - {*record.baseline, record.old_id})
    ours = [each for each in new if each in facts.known]
    if ours:
        return Step(Action.ADOPT, ours[0])
    if record.stray_id is not None and record.stray_id not in facts.listed:
        return _believed_absent(facts, limits, Step(Action.END, record.stray_id))
    if not new:
        if now < until:
            return Step(Action.WAIT, until=until, why="a key may still appear")
        return _believed_absent(facts, limits, Step(Action.END))
    if len(new) > 1:
        return Step(Action.ASK, new[0], why="several unknown keys appeared")
    return _stray(record, facts, facts.listed[new[0]], new[0], until, now)


def _stray(
    record: Record, facts: Facts, remote: Remote, stray: str, until: float, now: float
) -> Step:
    low, high = record.intent_at - CLOCK_SLACK_S, record.intent_at + CREATE_WINDOW_S
    if not low <= remote.created <= high:
        why = f"an unknown key {stray}, not made by this rotation, appeared"
        return Step(Action.ASK, stray, why=why)
    use = (facts.used or {}).get(stray, UNKNOWN_USE)
    if not use.known:
        why = f"an unknown key {stray} appeared, and IAM does not say whether it is in use"
        return Step(Action.ASK, stray, why=why)
    if use.at is not None:
        return Step(Action.ASK, stray, why=f"an unknown key {stray} appeared and is in use")
    if record.stray_id != stray:
        return Step(Action.NOTE_STRAY, stray)
    if remote.active:
        return Step(Action.DISABLE_STRAY, stray)  # reversible first
    if now < until:
        return Step(Action.WAIT, stray, until, "made by a request whose answer was lost")
    return Step(Action.DELETE_STRAY, stray)


def _stored(record: Record, facts: Facts, now: float) -> Step:
    new = record.new_id or ""
    if record.state is State.PROVEN and facts.proved == new:
        return Step(Action.SWITCH, new)
    if facts.pointer == new:  # a crash between the switch and its journal entry
        if facts.failed == new or new not in facts.known:
            return Step(Action.REVERT, new, why="the new key stopped working")
        return Step(Action.PROVE, new)
    if new not in facts.known:
        return Step(Action.ABORT, new, why="its secret is not in the vault")
    if facts.failed == new:
        if facts.bad_secret:
            return Step(Action.ABORT, new, why="AWS refuses its secret")
        if now > record.since + PROVE_BUDGET_S:
            return Step(Action.ABORT, new, why="AWS did not accept it within a day")
        return Step(Action.WAIT, new, now, "AWS does not accept the new key yet")
    return Step(Action.PROVE, new)


def _aborting(record: Record, facts: Facts, limits: Limits) -> Step:
    new, old = record.new_id or "", record.old_id
    if facts.pointer == new:
        return Step(Action.ASK, new, why="the profiles point at the key to be deleted")
    if facts.listed is None:
        return _nobody_signs(record, facts) if facts.rejected else Step(Action.LOOK)
    if new not in facts.listed:
        return _believed_absent(facts, limits, Step(Action.END, new))
    if old not in facts.known:  # whatever works then, it is not this one
        return Step(Action.ASK, old, why=f"the vault does not hold the secret of {old}, in use")
    if old in facts.rejected or old not in facts.listed or not facts.listed[old].active:
        return Step(Action.ASK, old, why=f"the key in use, {old}, does not work any more")
    return Step(Action.DELETE_NEW, new)


def _unfit(record: Record, facts: Facts, listed: dict[str, Remote]) -> str:
    """Why the new key does not carry; empty: it does."""
    new = record.new_id or ""
    if new not in facts.known:
        return f"the vault does not hold the secret of {new}"
    if new in facts.rejected or new not in listed:
        return f"AWS does not know {new} any more"
    return "" if listed[new].active else f"{new} was deactivated"


def _unsafe(record: Record, facts: Facts, limits: Limits, listed: dict[str, Remote]) -> Step | None:
    """I2: why the old key must not be touched; None: the new one carries."""
    new, old = record.new_id or "", record.old_id
    if facts.pointer != new:
        return Step(Action.ASK, old, why="the profiles do not point at the new key")
    why = _unfit(record, facts, listed)
    if not why:
        return None
    if facts.looks < limits.passes:
        return Step(Action.LIST_AGAIN)
    if old in facts.known and old in listed and old not in facts.rejected:
        return Step(Action.REVERT, old, why=why)
    return Step(Action.ASK, new, why=f"{why}; see the IAM console")


def _lost(record: Record, facts: Facts) -> Step | None:
    """What to do at once where the secret that is handed out left the vault; None: it is there."""
    new, old = record.new_id or "", record.old_id
    if new in facts.known or facts.pointer != new:
        return None
    why = f"the vault does not hold the secret of {new} any more"
    if old in facts.known:
        return Step(Action.REVERT, old, why=why)
    return Step(Action.ASK, new, why=f"{why}, nor that of {old}; restore a backup")


def _grace(record: Record, facts: Facts, limits: Limits, now: float) -> Step:
    old = record.old_id
    if lost := _lost(record, facts):
        return lost
    until = record.since + limits.grace
    if now < until and not facts.person:
        return Step(Action.WAIT, old, until, "grace")
    if facts.listed is None:
        return _nobody_signs(record, facts) if facts.rejected else Step(Action.LOOK)
    if unsafe := _unsafe(record, facts, limits, facts.listed):
        return unsafe
    if old not in facts.listed:
        return _believed_absent(facts, limits, Step(Action.OLD_GONE, old))
    if facts.failed == record.new_id:
        return Step(Action.WAIT, old, now, "AWS does not accept the new key just now")
    if record.mode is Mode.NORMAL and not facts.person and facts.listed[old].active:
        use = (facts.used or {}).get(old, UNKNOWN_USE)
        if blocked := _foreign_use(record, facts, use):
            return Step(Action.ASK, old, why=blocked)
    return Step(Action.DEACTIVATE, old)


def _foreign_use(record: Record, facts: Facts, use: Use) -> str:
    """Why the old key seems to be needed somewhere else; empty: nothing says so."""
    if facts.elsewhere:
        return "blocked: used elsewhere, as you said when it was imported"
    if not use.known:
        return "blocked: IAM does not say whether the old key is still used"
    ours_until = max(record.since, facts.own_use_until) + HANDOVER_S
    if use.at is None or use.at <= ours_until:
        return ""
    return f"blocked: used elsewhere ({use.service} in {use.region}, {_when(use.at)})"


def _soak(record: Record, facts: Facts, limits: Limits, now: float) -> Step:
    old = record.old_id
    if lost := _lost(record, facts):
        return lost
    until = record.since + limits.soak
    if now < until:
        return Step(Action.WAIT, old, until, "soak")
    if facts.listed is None:
        return _nobody_signs(record, facts) if facts.rejected else Step(Action.LOOK)
    if unsafe := _unsafe(record, facts, limits, facts.listed):
        return unsafe
    if old not in facts.listed:
        return _believed_absent(facts, limits, Step(Action.OLD_GONE, old))
    if facts.failed == record.new_id:
        return Step(Action.WAIT, old, now, "AWS does not accept the new key just now")
    if facts.listed[old].active:
        if facts.person or record.mode is not Mode.NORMAL:
            return Step(Action.DEACTIVATE, old)
        return Step(Action.ASK, old, why="someone activated the old key again")
    use = (facts.used or {}).get(old, UNKNOWN_USE)
    if record.mode is Mode.NORMAL and not facts.person:
        if not use.known:
            why = "blocked: IAM does not say whether the old key is still used"
            return Step(Action.ASK, old, why=why)
        if use.at is not None and use.at > record.since:
            why = f"the old key was used after it was deactivated ({use.service}, {_when(use.at)})"
            return Step(Action.ASK, old, why=why)
    return Step(Action.DELETE_OLD, old)


def _reverting(record: Record, facts: Facts, limits: Limits, now: float) -> Step:
    new, old = record.new_id or "", record.old_id
    if facts.proved == old:
        return Step(Action.SWITCH_BACK, old)
    if facts.listed is None:
        return _nobody_signs(record, facts) if facts.rejected else Step(Action.LOOK)
    no_way = ""
    if old not in facts.known:
        no_way = "the vault does not hold the old key's secret"
    elif old not in facts.listed:
        if facts.looks < limits.passes:
            return Step(Action.LIST_AGAIN)
        no_way = "the old key is gone from IAM"
    elif facts.failed == old and (facts.bad_secret or now > record.since + PROVE_BUDGET_S):
        no_way = "AWS does not accept the old key"
    if no_way:
        carries = facts.pointer == new and not _unfit(record, facts, facts.listed)
        return Step(Action.STAY if carries else Action.ASK, new, why=no_way)
    if not facts.listed[old].active:
        return Step(Action.ACTIVATE_OLD, old)
    if facts.failed == old:
        return Step(Action.WAIT, old, now, "AWS does not accept the old key yet")
    return Step(Action.PROVE_OLD, old)
