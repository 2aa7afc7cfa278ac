"""The decision: what a rotation does next. Pure; recovery after a crash is the same function.

Invariants: (I1) some key is Active, in the vault, and handed out at every instant; (I2) no key is
deactivated or deleted before another was proven and switched to; (I3) one CreateAccessKey an
intent, none while one is unresolved; (I4) keys of others are never touched; (I5) every step can be
repeated.
"""

from credguard.rotation.model import Action, Facts, Limits, Record, State, Step

CLOCK_SLACK_S = 5.0
# A lost request may have been executed up to the client's time-outs later, and clocks differ.
CREATE_WINDOW_S = 75.0
PROVE_BUDGET_S = 24 * 3600.0
# IAM's last-used date lags, and clients may hold the old key for minutes after the switch.
HANDOVER_S = 15 * 60.0
GRACE_MAX_S = 7 * 24 * 3600.0


def next_step(record: Record, facts: Facts, limits: Limits, now: float) -> Step:
    """The step that `record` needs, given what IAM, vault and store say."""
    new = record.new_id or ""
    match record.state:
        case State.INTENT:
            return _intent(record, facts, limits, now)
        case State.CREATED:
            if new in facts.known:
                return Step(Action.ADOPT, new)
            return Step(Action.ABORT, new, why="its secret was lost before it was stored")
        case State.STORED:
            return _stored(record, facts, now)
        case State.PROVEN:
            return _proven(record, facts)
        case State.SWITCHED:
            return _grace(record, facts, limits, now)
        case State.DEACTIVATED:
            return _soak(record, facts, limits, now)
        case State.DELETED:
            return Step(Action.FORGET_OLD, record.old_id)
        case State.ABORTING:
            if facts.pointer == new:
                return Step(Action.ASK, new, why="the profiles point at the key to be deleted")
            if new in facts.listed:
                return Step(Action.DELETE_NEW, new)
            return _believed_absent(facts, limits, Step(Action.END, new))


def _believed_absent(facts: Facts, limits: Limits, then: Step) -> Step:
    # The list lags behind creations and deletions: one look without the key proves nothing.
    return then if facts.looks >= limits.passes else Step(Action.LIST_AGAIN)


def _intent(record: Record, facts: Facts, limits: Limits, now: float) -> Step:
    until = record.intent_at + limits.orphan_wait
    new = sorted(set(facts.listed) - set(record.baseline))
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
    return _stray(record, facts, new[0], until, now)


def _stray(record: Record, facts: Facts, stray: str, until: float, now: float) -> Step:
    created = facts.listed[stray].created
    low, high = record.intent_at - CLOCK_SLACK_S, record.intent_at + CREATE_WINDOW_S
    if not low <= created <= high:
        return Step(Action.ASK, stray, why="an unknown key, not made by this rotation, appeared")
    if facts.last_used.get(stray) is not None:
        return Step(Action.ASK, stray, why="an unknown key appeared and is in use")
    if record.stray_id != stray:
        return Step(Action.NOTE_STRAY, stray)
    if facts.listed[stray].active:
        return Step(Action.DISABLE_STRAY, stray)  # reversible first
    if now < until:
        return Step(Action.WAIT, stray, until, "made by a request whose answer was lost")
    return Step(Action.DELETE_STRAY, stray)


def _stored(record: Record, facts: Facts, now: float) -> Step:
    new = record.new_id or ""
    if facts.pointer != new:
        if new not in facts.known:
            return Step(Action.ABORT, new, why="its secret is not in the vault")
        if now > record.since + PROVE_BUDGET_S:
            return Step(Action.ABORT, new, why="AWS did not accept it within a day")
    return Step(Action.PROVE, new)


def _proven(record: Record, facts: Facts) -> Step:
    new = record.new_id or ""
    fit = new in facts.known and new in facts.listed and facts.listed[new].active
    if not fit and facts.pointer != new:
        return Step(Action.ABORT, new, why="it vanished or was deactivated after its proof")
    if not fit:
        return Step(Action.ASK, new, why="the key handed out vanished or was deactivated")
    return Step(Action.SWITCH, new)


def _unsafe(record: Record, facts: Facts) -> Step | None:
    """I2: why the old key must not be touched; None: the new one carries."""
    new = record.new_id or ""
    if facts.pointer != new:
        return Step(Action.ASK, record.old_id, why="the profiles do not point at the new key")
    if new not in facts.known:
        return Step(Action.ASK, new, why="the vault does not hold the new key's secret")
    if new not in facts.listed or not facts.listed[new].active:
        return Step(Action.ASK, new, why="IAM does not list the new key as Active")
    return None


def _grace(record: Record, facts: Facts, limits: Limits, now: float) -> Step:
    old = record.old_id
    if unsafe := _unsafe(record, facts):
        return unsafe
    if old not in facts.listed:
        return _believed_absent(facts, limits, Step(Action.OLD_GONE, old))
    until = record.since + limits.grace
    if now < until:
        return Step(Action.WAIT, old, until, "grace")
    used = facts.last_used.get(old)
    longest = record.since + GRACE_MAX_S
    if (
        limits.grace > 0
        and used is not None
        and used > record.since + HANDOVER_S
        and now < longest
        and not facts.person
        and facts.listed[old].active
    ):
        return Step(Action.WAIT, old, longest, "the old key is still used somewhere")
    return Step(Action.DEACTIVATE, old)


def _soak(record: Record, facts: Facts, limits: Limits, now: float) -> Step:
    old = record.old_id
    if unsafe := _unsafe(record, facts):
        return unsafe
    if old not in facts.listed:
        return _believed_absent(facts, limits, Step(Action.OLD_GONE, old))
    if facts.listed[old].active:
        if facts.person:
            return Step(Action.DEACTIVATE, old)
        return Step(Action.ASK, old, why="someone activated the old key again")
    used = facts.last_used.get(old)
    if used is not None and used > record.since and not facts.person:
        return Step(Action.ASK, old, why="the old key was used after it was deactivated")
    until = record.since + limits.soak
    if now < until:
        return Step(Action.WAIT, old, until, "soak")
    return Step(Action.DELETE_OLD, old)
