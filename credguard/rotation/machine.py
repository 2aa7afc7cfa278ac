"""The decision: what a rotation does next. Pure; recovery after a crash is the same function.

Invariants: (I1) some key is Active, in the vault, and handed out at every instant; (I2) no key is
deactivated or deleted before another was proven and switched to; (I3) one CreateAccessKey an
intent, none while one is unresolved; (I4) keys of others are never touched; (I5) every step can be
repeated.
"""

from dataclasses import replace
from datetime import UTC, datetime

from credguard.rotation.decisions import WAS_LOCKED_OUT
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
# The list of keys lags: what it says is believed after so many looks alike, or `passes` if more.
MIN_LOOKS = 3
# In these the old key has all its time.
_PATIENT = frozenset({Mode.NORMAL, Mode.LOCKED_OUT})


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
            return _aborting(record, facts, limits, now)
        case State.REVERTING:
            return _reverting(record, facts, limits, now)


def hastened(limits: Limits, mode: Mode) -> Limits:
    """The limits that hold in `mode`."""
    match mode:
        case Mode.NORMAL | Mode.BACK | Mode.LOCKED_OUT:
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


def _clock(skew: float) -> str:
    hours, way = abs(skew) / 3600, "ahead of" if skew > 0 else "behind"
    return f"this machine's clock is {hours:.1f} hours {way} AWS's; set it"


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _believed(facts: Facts, limits: Limits, then: Step) -> Step:
    # The list lags behind changes: one look proves nothing.
    enough = facts.looks >= max(limits.passes, MIN_LOOKS)
    return then if enough else Step(Action.LIST_AGAIN)


def _gone(record: Record, facts: Facts, limits: Limits, now: float, then: Step) -> Step:
    """What follows when the key `then` is about is not listed: a new one may still be unknown."""
    until = record.intent_at + limits.orphan_wait
    if now < until and facts.deleted != then.key_id:
        return Step(Action.WAIT, then.key_id, until, "it may appear in the list yet")
    return _believed(facts, limits, then)


def _nobody_signs(record: Record, facts: Facts) -> Step:
    said = [
        f"AWS does not accept {key}" if key in facts.known else f"the vault does not hold {key}"
        for key in signers(record)
    ]
    where = "see the IAM console" if facts.known & set(signers(record)) else "restore a backup"
    return Step(Action.ASK, record.old_id, why=f"{', '.join(said)}; {where}")


def _intent(record: Record, facts: Facts, limits: Limits, now: float) -> Step:
    if facts.listed is None:
        if not facts.rejected:
            return Step(Action.LOOK)
        step = _nobody_signs(record, facts)
        return replace(step, why=f"{step.why}; a lost request may have made one more key")
    until = record.since + limits.orphan_wait
    new = sorted(set(facts.listed) - {*record.baseline, record.old_id})
    ours = [each for each in new if each in facts.known]
    if ours:
        return Step(Action.ADOPT, ours[0])
    if record.stray_id is not None and record.stray_id not in facts.listed:
        return _gone(record, facts, limits, now, Step(Action.END, record.stray_id))
    if not new:
        if now < until:
            return Step(Action.WAIT, until=until, why="a key may still appear")
        return _believed(facts, limits, Step(Action.END))
    if len(new) > 1:
        return Step(Action.ASK, new[0], why=f"unknown keys appeared: {', '.join(new)}")
    return _stray(record, facts, limits, new[0], now)


def _stray(record: Record, facts: Facts, limits: Limits, stray: str, now: float) -> Step:
    remote = (facts.listed or {})[stray]
    until = record.since + limits.orphan_wait
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
    if remote.active and record.stray_stopped:
        why = f"someone activated {stray} again, which a lost request seemed to have made"
        return _believed(facts, limits, Step(Action.ASK, stray, why=why))
    if remote.active:
        return Step(Action.DISABLE_STRAY, stray)  # reversible first
    if not record.stray_stopped:
        return Step(Action.NOTE_STOPPED, stray)
    if now < until:
        return Step(Action.WAIT, stray, until, "made by a request whose answer was lost")
    return Step(Action.DELETE_STRAY, stray)


def _tried_long(record: Record, now: float) -> bool:
    # A state reached in the future was dated by a wrong clock.
    return abs(now - record.since) > PROVE_BUDGET_S


def _stored(record: Record, facts: Facts, now: float) -> Step:
    new = record.new_id or ""
    if record.mode is Mode.BACK and facts.pointer != new:
        return Step(Action.ABORT, new, why="someone chose the way back")
    if record.state is State.PROVEN and facts.proved == new:
        return Step(Action.SWITCH, new)
    if facts.pointer == new:  # a crash between the switch and its journal entry
        if facts.failed == new or new not in facts.known:
            return _way_back(record, "the new key stopped working")
        return Step(Action.PROVE, new)
    if new not in facts.known:
        return Step(Action.ABORT, new, why="its secret is not in the vault")
    if facts.failed == new:
        if facts.bad_secret:
            return Step(Action.ABORT, new, why="AWS refuses its secret")
        if _tried_long(record, now):
            return Step(Action.ABORT, new, why="AWS did not accept it within a day")
        return Step(Action.WAIT, new, now, "AWS does not accept the new key yet")
    return Step(Action.PROVE, new)


def _way_back(record: Record, why: str) -> Step:
    if record.mode in {Mode.EMERGENCY, Mode.CLEAR}:  # not to a key that leaked, without a person
        return Step(Action.ASK, record.new_id or "", why=f"{why}; the old key leaked")
    if record.mode is Mode.LOCKED_OUT:
        return Step(Action.ASK, record.new_id or "", why=f"{why}; {WAS_LOCKED_OUT}")
    return Step(Action.REVERT, record.old_id, why=why)


def _aborting(record: Record, facts: Facts, limits: Limits, now: float) -> Step:
    new, old = record.new_id or "", record.old_id
    if facts.pointer == new:
        return Step(Action.ASK, new, why="the profiles point at the key to be deleted")
    if facts.listed is None:
        return _nobody_signs(record, facts) if facts.rejected else Step(Action.LOOK)
    if new not in facts.listed:
        return _gone(record, facts, limits, now, Step(Action.END, new))
    if dead := _unfit(old, facts):
        if _unfit(new, facts):
            return Step(Action.ASK, old, why=f"{dead}, and it is the key in use")
        return _believed(facts, limits, Step(Action.KEEP_NEW, new, why=dead))
    return Step(Action.DELETE_NEW, new)


def _unfit(key_id: str, facts: Facts) -> str:
    """Why the key cannot carry the profiles; empty: it can. The list is not asked: it lags."""
    if key_id not in facts.known:
        return f"the vault does not hold the secret of {key_id}"
    return f"AWS does not accept {key_id} any more" if key_id in facts.rejected else ""


def _unsafe(
    record: Record, facts: Facts, limits: Limits, listed: dict[str, Remote], now: float
) -> Step | None:
    """I2: why the old key must not be touched; None: the new one carries."""
    new, old = record.new_id or "", record.old_id
    if facts.pointer != new:
        return Step(Action.ASK, old, why="the profiles do not point at the new key")
    why = _unfit(new, facts)
    if not why and new in listed and listed[new].active:
        return None
    if not why:  # it signed the very question
        return _believed(facts, limits, Step(Action.WAIT, new, now, "IAM's list is behind"))
    if old in facts.known and old in listed and old not in facts.rejected:
        return _believed(facts, limits, _way_back(record, why))
    return _believed(facts, limits, Step(Action.ASK, new, why=f"{why}; see the IAM console"))


def _resting(record: Record, facts: Facts) -> bool:
    """Whether all that can be seen without asking AWS is well, so that time may pass."""
    if record.mode is Mode.LOCKED_OUT:  # the key in use does not work, unless somebody woke it
        return False
    return facts.pointer == record.new_id and record.new_id in facts.known


def _grace(record: Record, facts: Facts, limits: Limits, now: float) -> Step:
    old = record.old_id
    until = record.since + limits.grace
    if record.mode in _PATIENT and limits.grace > 0:  # a grace of zero is a person's word
        until = max(until, facts.own_use_until, facts.sessions_until)
    if now < until and not facts.person and _resting(record, facts):
        return Step(Action.WAIT, old, until, "grace")
    if facts.listed is None:
        return _nobody_signs(record, facts) if facts.rejected else Step(Action.LOOK)
    if unsafe := _unsafe(record, facts, limits, facts.listed, now):
        return unsafe
    if now < until and not facts.person:  # read again, all is well again
        return Step(Action.WAIT, old, until, "grace")
    if old not in facts.listed:
        return _gone(record, facts, limits, now, Step(Action.OLD_GONE, old))
    if facts.failed == record.new_id:
        return Step(Action.WAIT, old, now, "AWS does not accept the new key just now")
    if record.mode in _PATIENT and not facts.person and facts.listed[old].active:
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
    until = record.since + limits.soak
    if now < until and _resting(record, facts):
        return Step(Action.WAIT, old, until, "soak")
    if facts.listed is None:
        return _nobody_signs(record, facts) if facts.rejected else Step(Action.LOOK)
    if unsafe := _unsafe(record, facts, limits, facts.listed, now):
        return unsafe
    if now < until:  # read again, all is well again
        return Step(Action.WAIT, old, until, "soak")
    if old not in facts.listed:
        return _gone(record, facts, limits, now, Step(Action.OLD_GONE, old))
    if facts.failed == record.new_id:
        return Step(Action.WAIT, old, now, "AWS does not accept the new key just now")
    if facts.listed[old].active:
        if facts.person or record.mode not in _PATIENT:
            return Step(Action.DEACTIVATE, old)
        return Step(Action.ASK, old, why="someone activated the old key again")
    use = (facts.used or {}).get(old, UNKNOWN_USE)
    if record.mode in _PATIENT and not facts.person:
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
        if facts.looks < max(limits.passes, MIN_LOOKS):
            return Step(Action.LIST_AGAIN)
        no_way = "the old key is gone from IAM"
    elif facts.failed == old and (facts.bad_secret or _tried_long(record, now)):
        no_way = "AWS does not accept the old key"
    if no_way:
        carries = facts.pointer == new and not _unfit(new, facts)
        return Step(Action.STAY if carries else Action.ASK, new, why=no_way)
    # The list and the proof lag: right after a deactivation both still speak for the old key.
    if facts.activated != old or not facts.listed[old].active:
        return Step(Action.ACTIVATE_OLD, old)
    if facts.failed == old:
        return Step(Action.WAIT, old, now, "AWS does not accept the old key yet")
    return Step(Action.PROVE_OLD, old)
