"""Carries out what the machine decides, through an effects protocol, journalling each state.

Every exception leaves the journal at the last durable state; calling `resume` again goes on.
"""

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

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
from credguard.rotation.machine import exchanged, next_step, signers
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
    Use,
)
from credguard.secret import Secret

STORE_TRIES = 3
# About five minutes: 1, 2, 4, 8, then 15 s between tries; then the next run goes on.
PROVE_TRIES = 24
_LONGEST_PAUSE_S = 15.0
_BAD_SECRETS = 3
_RESTS = {Action.WAIT, Action.ASK}
# More than a rotation ever needs of one step in one state, beside its looks: then AWS's answers
# do not agree, and a later run goes on. It bounds every run.
_REPEATS = 10


class Effects(Protocol):
    """What a rotation does to the world. Each raises CredguardError and can be repeated."""

    def now(self) -> float:
        """Unix seconds, by this machine's clock."""

    def skew(self) -> float | None:
        """Seconds by which that clock is ahead of AWS's latest answer; None: no answer yet."""

    def pause(self, seconds: float) -> None:
        """Let time pass."""

    def write(self, record: Record) -> None:
        """Journal `record`; durable on return. Raises StoreError."""

    def end(self, record: Record) -> None:
        """Remove the record from the journal."""

    def listed(self, signer: str) -> dict[str, Remote]:
        """The user's keys, asked with the key `signer`. Raises InvalidKey: it is not accepted."""

    def used(self, signer: str, key_id: str) -> Use:
        """The newest use of the key that IAM knows."""

    def create(self, signer: str, transaction: str) -> tuple[str, Secret, float]:
        """Send CreateAccessKey exactly once: id, secret, creation time."""

    def set_active(self, signer: str, key_id: str, active: bool) -> None:
        """Make the key Active or Inactive."""

    def delete(self, signer: str, key_id: str) -> None:
        """Delete the key; NoSuchEntity when it is not there."""

    def prove(self, key_id: str) -> Proof:
        """One pass: STS at two endpoints and IAM take the key, and it is the same user."""

    def alive(self, key_id: str) -> bool:
        """Whether STS takes the key now, and it is the same user."""

    def known(self, key_ids: set[str]) -> frozenset[str]:
        """Those of `key_ids` whose secret the vault gives back."""

    def store(self, key_id: str, secret: Secret, created: float) -> None:
        """Put the secret into the vault, read it back, index it."""

    def forget(self, key_id: str) -> None:
        """Take the secret out of the vault and the index."""

    def pointer(self, record: Record) -> str:
        """The key that the rotated profiles hand out: the record's old or new id."""

    def switch(self, from_id: str, to_id: str) -> None:
        """Point every profile of `from_id` at `to_id`; none left to point is fine."""

    def own_use_until(self, key_id: str) -> float:
        """Until when clients may go on with a key handed out here, Unix seconds; 0.0: none may."""

    def elsewhere(self, key_id: str) -> bool:
        """Whether a person said that the key is used on other machines."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run came to rest. `record` None: the journal is empty; `done`: a new key took over."""

    record: Record | None
    step: Step
    done: bool


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
            return Ended(_rested(effects, record, step), step, done=False)
        if step.action in {Action.END, Action.FORGET_OLD}:
            return _finish(effects, record, step)
        if step.action in {Action.LOOK, Action.LIST_AGAIN}:
            if step.action is Action.LIST_AGAIN:
                effects.pause(interval)
            facts = _look(effects, record, facts)
            continue
        if step.action in {Action.PROVE, Action.PROVE_OLD}:
            facts = _proof(effects, step.key_id, limits.passes, interval, facts)
            if step.action is Action.PROVE_OLD or facts.proved != step.key_id:
                continue
        elif taken[record.state, step.action] > 1:
            effects.pause(interval)  # it was done, and the list does not show it yet
            facts = _look(effects, record, facts)
            continue
        elif step.action in {Action.DEACTIVATE, Action.DELETE_OLD}:
            facts = _still(effects, record, facts)
            if next_step(record, facts, limits, effects.now()) != step:
                continue
        if step.action is Action.DELETE_NEW:
            gone = _delete(effects, _signer(record, facts), step.key_id)
            facts = replace(facts, deleted=step.key_id if gone else "")
        else:
            record = _take(effects, record, step, facts, now)
        if step.action is Action.ACTIVATE_OLD:
            facts = replace(facts, activated=step.key_id)
        facts = _without_asking(effects, record, facts)


def _without_asking(effects: Effects, record: Record, before: Facts) -> Facts:
    """What is known without asking AWS; what it said of the earlier state is dropped."""
    ids = {record.old_id, *((record.new_id,) if record.new_id else ())}
    return Facts(
        effects.known(ids),
        effects.pointer(record),
        skew=effects.skew(),
        own_use_until=effects.own_use_until(record.old_id),
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
    return Ended(None, step, done=step.action is Action.FORGET_OLD)


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
    to: State | None = None
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
            to, changes["new_id"] = State.STORED, key_id
        case Action.ABORT:
            to = State.ABORTING
        case Action.KEEP_NEW:
            to = State.STORED
        case Action.PROVE:
            to = State.PROVEN
        case Action.SWITCH:
            effects.switch(record.old_id, key_id)
            to = State.SWITCHED
        case Action.DEACTIVATE:
            _deactivate(effects, _signer(record, facts), key_id)
            to = State.DEACTIVATED
        case Action.DELETE_OLD:
            _delete(effects, _signer(record, facts), key_id)
            to = State.DELETED
        case Action.OLD_GONE:
            to = State.DELETED
        case Action.REVERT:
            to = State.REVERTING
        case Action.STAY:
            to = State.SWITCHED
        case Action.ACTIVATE_OLD:
            effects.set_active(_signer(record, facts), key_id, True)
        case Action.SWITCH_BACK:
            effects.switch(record.new_id or "", key_id)
            after = exchanged(record, max(now, effects.now()))
            effects.write(after)
            return after
        case _:
            raise AssertionError(step.action)
    if to is None and not changes:
        return record
    after = replace(record, **changes)
    if to is not None:
        # A clock set back since `now` would shorten what is waited for.
        since = max(now, effects.now())
        after = replace(after, state=to, since=since, why=step.why, until=0.0)
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
