"""Carries out what the machine decides, through an effects protocol, journalling each state.

Every exception leaves the journal at the last durable state; calling `resume` again goes on.
"""

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from credguard.errors import (
    AwsError,
    CredguardError,
    InvalidKey,
    NetworkDown,
    NoSuchEntity,
    NotPermitted,
    QuotaExceeded,
    StoreError,
    Throttled,
    VaultError,
)
from credguard.rotation.decisions import exchanged
from credguard.rotation.effects import Effects
from credguard.rotation.machine import next_step, signers
from credguard.rotation.model import (
    Action,
    Facts,
    Limits,
    Mode,
    Proof,
    Record,
    Remote,
    State,
    Step,
)
from credguard.secret import Secret

STORE_TRIES = 3
# About five minutes: 1, 2, 4, 8, then 15 s between tries; then the next run goes on.
PROVE_TRIES = 24
_LONGEST_PAUSE_S = 15.0
_BAD_SECRETS = 3
_RESTS = {Action.WAIT, Action.ASK}
# What is journalled once a step is done.
_REACHED = {
    Action.ADOPT: State.STORED,
    Action.KEEP_NEW: State.STORED,
    Action.PROVE: State.PROVEN,
    Action.SWITCH: State.SWITCHED,
    Action.STAY: State.SWITCHED,
    Action.DEACTIVATE: State.DEACTIVATED,
    Action.DELETE_OLD: State.DELETED,
    Action.OLD_GONE: State.DELETED,
    Action.ABORT: State.ABORTING,
    Action.REVERT: State.REVERTING,
}
# More than a rotation ever needs of one step in one state, beside its looks: then AWS's answers
# do not agree, and a later run goes on. It bounds every run.
_REPEATS = 10


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run came to rest. `record` None: the journal is empty; `done`: a new key took over.

    `last`: the record that the run ended with, also where the journal is empty now; on a way back
    its two keys have changed their parts.
    """

    record: Record | None
    step: Step
    done: bool
    last: Record


Tell = Callable[[Record, Step], None]


def _nobody(_record: Record, _step: Step) -> None:
    return


def begin(
    effects: Effects,
    identity: str,
    transaction: str,
    old_id: str,
    baseline: tuple[str, ...],
    mode: Mode = Mode.NORMAL,
) -> Record:
    """Journal the intent, send CreateAccessKey once, store the new key; gives the record reached.

    Raises the refusals that say it was not executed (NotPermitted, QuotaExceeded, InvalidKey,
    Throttled), the journal emptied. Any other answer leaves INTENT, which `resume` resolves.
    """
    now = effects.now()
    at = now - (effects.skew() or 0.0)  # IAM's creation time is compared with it
    record = Record(identity, transaction, State.INTENT, old_id, baseline, at, now, mode=mode)
    effects.write(record)
    try:
        new_id, secret, created = effects.create(old_id, transaction)
    except (NotPermitted, QuotaExceeded, InvalidKey, Throttled, NoSuchEntity):
        effects.end(record)
        raise
    except (NetworkDown, AwsError):
        return record
    record = replace(record, state=State.CREATED, new_id=new_id, since=effects.now())
    try:
        effects.write(record)
    except StoreError:
        # The vault may still take it: then the next run finds the key, and its secret, by the list.
        effects.store(new_id, secret, created)
        raise
    _store(effects, record, secret, created)
    record = replace(record, state=State.STORED, since=effects.now())
    effects.write(record)
    return record


def _store(effects: Effects, record: Record, secret: Secret, created: float) -> None:
    new_id = record.new_id or ""
    for attempt in range(STORE_TRIES):
        try:
            effects.store(new_id, secret, created)
        except VaultError:
            if attempt < STORE_TRIES - 1:
                continue
            effects.write(replace(record, state=State.ABORTING, since=effects.now()))
            with contextlib.suppress(CredguardError):  # else the next run does it
                effects.delete(record.old_id, new_id)
                effects.forget(new_id)
                effects.end(record)
            raise
        return


def resume(
    effects: Effects,
    record: Record,
    limits: Limits,
    *,
    person: bool = False,
    interval: float = 5.0,
    tell: Tell = _nobody,
) -> Ended:
    """Go on from `record` until it is done, must wait, or needs a person.

    `person`: someone agreed to deactivate the old key now. `interval`: seconds between proofs and
    between looks at a list. `tell` hears of each step before it is taken. Raises CredguardError;
    the journal then holds how far it came.
    """
    facts = _without_asking(effects, record, Facts(frozenset(), "", person=person))
    facts = replace(facts, skew=None)  # an answer of an earlier run says nothing of the clock now
    taken: Counter[tuple[State, Action]] = Counter()
    while True:
        now = effects.now()
        step = next_step(record, facts, limits, now)
        taken[record.state, step.action] += 1
        if taken[record.state, step.action] > limits.passes + _REPEATS:
            step = Step(Action.WAIT, step.key_id, now, "AWS's answers do not agree yet")
        tell(record, step)
        if step.action in _RESTS:
            record = _rested(effects, record, step)
            return Ended(record, step, done=False, last=record)
        if step.action in {Action.END, Action.FORGET_OLD}:
            return _finish(effects, record, step)
        again = taken[record.state, step.action] > 1
        learnt = _learn(effects, record, step, facts, limits, interval, again=again)
        if learnt is not None:
            facts = learnt
            continue
        if step.action in {Action.DEACTIVATE, Action.DELETE_OLD}:
            facts = _still(effects, record, facts)
            if next_step(record, facts, limits, effects.now()) != step:
                continue
        record, facts = _do(effects, record, step, facts, now)


def _learn(
    effects: Effects,
    record: Record,
    step: Step,
    facts: Facts,
    limits: Limits,
    interval: float,
    *,
    again: bool,
) -> Facts | None:
    """What a step that only asks gives; None: the step changes something, and is now to be done.

    `again`: the same step was taken in this state before; a step that changes something was done
    then, and the list does not show it yet.
    """
    if step.action is Action.LOOK:
        return _look(effects, record, facts)
    if step.action in {Action.PROVE, Action.PROVE_OLD}:
        facts = _proof(effects, step.key_id, limits.passes, interval, facts)
        proven_new = step.action is Action.PROVE and facts.proved == step.key_id
        return None if proven_new else facts
    if step.action is Action.LIST_AGAIN or again:
        effects.pause(interval)
        return _look(effects, record, facts)
    return None


def _do(
    effects: Effects, record: Record, step: Step, facts: Facts, now: float
) -> tuple[Record, Facts]:
    """Do one step, decided at `now`; the record reached, and what is known of it without asking."""
    if step.action is Action.PROVE:
        facts = replace(facts, proved=step.key_id, failed="")
    if step.action is Action.DELETE_NEW:
        gone = _delete(effects, _signer(record, facts), step.key_id)
        facts = replace(facts, deleted=step.key_id if gone else "")
    else:
        record = _take(effects, record, step, facts, now)
    if step.action is Action.ACTIVATE_OLD:
        facts = replace(facts, activated=step.key_id)
    return record, _without_asking(effects, record, facts)


def _without_asking(effects: Effects, record: Record, before: Facts) -> Facts:
    """What is known without asking AWS; what it said of the earlier state is dropped."""
    ids = {record.old_id, *((record.new_id,) if record.new_id else ())}
    return Facts(
        effects.known(ids),
        effects.pointer(record),
        skew=effects.skew(),
        own_use_until=effects.own_use_until(record.old_id),
        sessions_until=effects.sessions_until(record.old_id),
        elsewhere=effects.elsewhere(record.old_id),
        deleted=before.deleted,
        activated=before.activated,
        proved=before.proved,
        person=before.person,
    )


def _still(effects: Effects, record: Record, before: Facts) -> Facts:
    """`before`, read again for what is hard to undo: whether the new key carries right now."""
    new = record.new_id or ""
    alive = effects.alive(new)
    return replace(
        before,
        known=(before.known - {new}) | effects.known({new}),
        pointer=effects.pointer(record),
        failed=before.failed if alive else new,
        skew=effects.skew(),
    )


def _look(effects: Effects, record: Record, before: Facts) -> Facts:
    """Ask IAM for the list, with the first key that it accepts, and for what the state needs."""
    rejected: set[str] = set()
    listed: dict[str, Remote] | None = None
    by = ""
    for by in signers(record):
        if by not in before.known:
            continue
        try:
            listed = effects.listed(by)
            break
        except InvalidKey:
            rejected.add(by)
    if listed is None:
        rejected |= set(signers(record))
        return replace(
            before, listed=None, rejected=frozenset(rejected), skew=effects.skew(), looks=1
        )
    asked: set[str] = set()
    unknown = set(listed) - set(record.baseline)
    if record.state is State.INTENT:
        asked = unknown
    elif record.state in {State.SWITCHED, State.DEACTIVATED} and record.old_id in listed:
        asked = {record.old_id}
    used = {key_id: effects.used(by, key_id) for key_id in sorted(asked)}
    same = (listed, rejected) == (before.listed, set(before.rejected))
    return replace(
        before,
        known=effects.known(set(before.known) | unknown | set(signers(record))),
        pointer=effects.pointer(record),
        listed=listed,
        used=used,
        rejected=frozenset(rejected),
        skew=effects.skew(),
        looks=before.looks + 1 if same else 1,
    )


def _rested(effects: Effects, record: Record, step: Step) -> Record:
    """The record, journalled with what it waits for where that is news."""
    until = step.until if step.action is Action.WAIT else 0.0
    if (record.why, record.until) == (step.why, until):
        return record
    if record.why == step.why and step.until <= effects.now():
        return record  # "not yet": no news, and no time to come
    after = replace(record, why=step.why, until=until)
    effects.write(after)
    return after


def _finish(effects: Effects, record: Record, step: Step) -> Ended:
    if step.action is Action.FORGET_OLD:
        effects.forget(record.old_id)
    elif record.state is State.ABORTING and record.new_id is not None:
        effects.forget(record.new_id)
    effects.end(record)
    return Ended(None, step, done=step.action is Action.FORGET_OLD, last=record)


def _signer(record: Record, facts: Facts) -> str:
    for key in signers(record):
        if key in facts.known and key not in facts.rejected:
            return key
    raise VaultError(
        f"the vault holds no key any more to sign with for {record.identity}",
        hint="restore a backup: credguard vault restore FILE",
    )


def _take(effects: Effects, record: Record, step: Step, facts: Facts, now: float) -> Record:
    """Do one step, decided at `now`; the record reached, journalled."""
    key_id = step.key_id
    to = _REACHED.get(step.action)
    changes: dict[str, Any] = {}
    match step.action:
        case Action.NOTE_STRAY:
            changes |= {"stray_id": key_id, "stray_stopped": False}
        case Action.NOTE_STOPPED:
            changes["stray_stopped"] = True
        case Action.DISABLE_STRAY:
            effects.set_active(_signer(record, facts), key_id, False)
        case Action.DELETE_STRAY:
            _delete(effects, _signer(record, facts), key_id)
        case Action.ADOPT:
            changes["new_id"] = key_id
        case Action.SWITCH:
            effects.switch(record.old_id, key_id)
        case Action.DEACTIVATE:
            _deactivate(effects, _signer(record, facts), key_id)
        case Action.DELETE_OLD:
            _delete(effects, _signer(record, facts), key_id)
        case Action.ACTIVATE_OLD:
            effects.set_active(_signer(record, facts), key_id, True)
        case Action.SWITCH_BACK:
            effects.switch(record.new_id or "", key_id)
            after = exchanged(record, max(now, effects.now()))
            effects.write(after)
            return after
        case _:
            if to is None:
                raise AssertionError(step.action)
    if to is not None:
        # A clock set back since `now` would shorten what is waited for.
        since = max(now, effects.now())
        changes |= {"state": to, "since": since, "why": step.why, "until": 0.0}
    return _written(effects, record, changes)


def _written(effects: Effects, record: Record, changes: dict[str, Any]) -> Record:
    if not changes:
        return record
    after = replace(record, **changes)
    effects.write(after)
    return after


def _delete(effects: Effects, by: str, key_id: str) -> bool:
    """Whether IAM knew the key; it may know it later, or have deleted it before."""
    try:
        effects.delete(by, key_id)
    except NoSuchEntity:
        return False
    return True


def _deactivate(effects: Effects, by: str, key_id: str) -> None:
    with contextlib.suppress(NoSuchEntity):  # deleted meanwhile: the next look tells
        effects.set_active(by, key_id, False)


def _proof(effects: Effects, key_id: str, passes: int, interval: float, facts: Facts) -> Facts:
    """`passes` proofs in a row, `interval` apart; a failure starts over, with growing pauses."""
    row = refused = 0
    for attempt in range(PROVE_TRIES):
        result = effects.prove(key_id)
        if result is Proof.ACCEPTED:
            row, refused = row + 1, 0
            if row == passes:
                return replace(facts, proved=key_id, failed="", skew=effects.skew())
            effects.pause(interval)
            continue
        row = 0
        refused = refused + 1 if result is Proof.BAD_SECRET else 0
        if refused == _BAD_SECRETS:
            break
        effects.pause(min(interval * 2**attempt / 5, _LONGEST_PAUSE_S))
    return replace(facts, failed=key_id, bad_secret=refused == _BAD_SECRETS, skew=effects.skew())
