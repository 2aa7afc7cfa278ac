"""Where a person's decision, or a leak, takes a rotation that is on the way. Pure."""

from dataclasses import replace

from credguard.rotation.model import Mode, Record, State

WAS_LOCKED_OUT = "it was locked out"


def rolled_back(record: Record, pointer: str, now: float) -> Record | None:
    """`record` on its way back to the old key, to be journalled; None: the old key is gone.

    A key that was locked out rests no longer than one that leaked.
    """
    match record.state:
        case State.INTENT:  # what the request made, if anything, is still to be found, then goes
            return replace(record, mode=Mode.BACK)
        case State.ABORTING | State.REVERTING:
            return record
        case State.CREATED | State.STORED | State.PROVEN if pointer != record.new_id:
            to = State.ABORTING
        case State.DELETED:
            return None
        case _:
            to = State.REVERTING
    mode = Mode.EMERGENCY if record.mode is Mode.LOCKED_OUT else Mode.NORMAL
    return replace(record, state=to, since=now, mode=mode, why="", until=0.0)


def after_leak(record: Record, pointer: str, key_id: str, now: float) -> Record:
    """`record` on its way to where `key_id`, one of its two keys, is dead; to be journalled.

    It may end without a new key in use, or with the leaked one (CLEAR): then a new rotation, in
    emergency mode, is next.
    """
    if key_id == record.new_id:
        if record.mode is Mode.LOCKED_OUT:  # it cannot make another
            return record
        if record.state in {State.SWITCHED, State.DEACTIVATED, State.DELETED}:
            return replace(record, mode=Mode.CLEAR)
        return replace(rolled_back(record, pointer, now) or record, mode=Mode.EMERGENCY)
    if record.state is State.REVERTING and pointer == key_id:  # it went back already
        return replace(exchanged(record, now), mode=Mode.CLEAR)
    if record.state is State.ABORTING:
        to = State.STORED  # the other may be good, and never served
    elif record.state is State.REVERTING:
        to = State.SWITCHED
    else:
        return replace(record, mode=Mode.EMERGENCY)
    return replace(record, state=to, since=now, mode=Mode.EMERGENCY, why="", until=0.0)


def locked_out(record: Record, pointer: str, now: float) -> Record:
    """`record` where a person stops `pointer`, the key in use, for good; journalled before it is.

    A new key on the way takes over, as after a leak. The old one never does by itself: whoever
    stops a key was told that nothing works then.
    """
    if pointer == record.old_id and record.state is not State.REVERTING:
        return after_leak(record, pointer, pointer, now)
    if pointer == record.old_id:  # it went back already: the other is the old one now
        record = replace(exchanged(record, now), mode=Mode.NORMAL)
    elif record.state in {State.STORED, State.PROVEN, State.REVERTING}:
        record = replace(record, state=State.SWITCHED, since=now)
    if record.mode in {Mode.EMERGENCY, Mode.CLEAR}:  # no way back already
        return record
    why = f"AWS does not accept {pointer} any more; {WAS_LOCKED_OUT}"
    return replace(record, mode=Mode.LOCKED_OUT, why=why, until=0.0)


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
