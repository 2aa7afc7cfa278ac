"""Carries out what the machine decides, through an effects protocol, journalling each state.

Every exception leaves the journal at the last durable state; calling `resume` again goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from credguard.errors import (
    AwsError,
    InvalidKey,
    NetworkDown,
    NoSuchEntity,
    NotPermitted,
    QuotaExceeded,
    Throttled,
    VaultError,
)
from credguard.rotation.machine import next_step
from credguard.rotation.model import Action, Facts, Limits, Record, Remote, State, Step
from credguard.secret import Secret

STORE_TRIES = 3
# About five minutes: 1, 2, 4, 8, then 15 s between tries; then the next run goes on.
PROVE_TRIES = 24
_LONGEST_PAUSE_S = 15.0


class Effects(Protocol):
    """What a rotation does to the world. Each raises CredguardError and can be repeated."""

    def now(self) -> float:
        """Unix seconds."""

    def pause(self, seconds: float) -> None:
        """Let time pass."""

    def write(self, record: Record) -> None:
        """Journal `record`; durable on return."""

    def end(self, record: Record) -> None:
        """Remove the record from the journal."""

    def listed(self, signer: str) -> dict[str, Remote]:
        """The user's keys, asked with the key `signer`."""

    def last_used(self, signer: str, key_id: str) -> float | None:
        """When IAM saw the key used, Unix seconds; None: never, or it may not be read."""

    def create(self, signer: str, transaction: str) -> tuple[str, Secret, float]:
        """Send CreateAccessKey exactly once: id, secret, creation time."""

    def set_active(self, signer: str, key_id: str, active: bool) -> None:
        """Make the key Active or Inactive."""

    def delete(self, signer: str, key_id: str) -> None:
        """Delete the key; NoSuchEntity when it is not there."""

    def prove(self, key_id: str) -> bool:
        """One pass: STS and IAM take the key and it is the same user. False: not yet."""

    def known(self, key_ids: set[str]) -> frozenset[str]:
        """Those of `key_ids` whose secret the vault gives back."""

    def store(self, key_id: str, secret: Secret, created: float) -> None:
        """Put the secret into the vault, read it back, index it."""

    def forget(self, key_id: str) -> None:
        """Take the secret out of the vault and the index."""

    def pointer(self, record: Record) -> str:
        """The key that the rotated profiles hand out: the record's old or new id."""

    def switch(self, old_id: str, new_id: str) -> None:
        """Point every profile of `old_id` at `new_id`; none left to point is fine."""


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
    effects: Effects, identity: str, transaction: str, old_id: str, baseline: tuple[str, ...]
) -> Record:
    """Journal the intent, send CreateAccessKey once, store the new key; gives the record reached.

    Raises the refusals that say it was not executed (NotPermitted, QuotaExceeded, InvalidKey,
    Throttled), the journal emptied. Any other answer leaves INTENT, which `resume` resolves.
    """
    now = effects.now()
    record = Record(identity, transaction, State.INTENT, old_id, baseline, now, now)
    effects.write(record)
    try:
        new_id, secret, created = effects.create(old_id, transaction)
    except (NotPermitted, QuotaExceeded, InvalidKey, Throttled, NoSuchEntity):
        effects.end(record)
        raise
    except (NetworkDown, AwsError):
        return record
    record = replace(record, state=State.CREATED, new_id=new_id, since=effects.now())
    effects.write(record)
    for attempt in range(STORE_TRIES):
        try:
            effects.store(new_id, secret, created)
            break
        except VaultError:
            if attempt == STORE_TRIES - 1:
                effects.write(replace(record, state=State.ABORTING, since=effects.now()))
                raise
    record = replace(record, state=State.STORED, since=effects.now())
    effects.write(record)
    return record


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

    `interval`: seconds between proofs and between looks at a list. `tell` hears of each step before
    it is taken. Raises CredguardError; the journal then holds how far it came.
    """
    looks, seen = 0, None
    while True:
        facts = _facts(effects, record, person)
        looks = looks + 1 if facts.listed == seen else 1
        seen = facts.listed
        step = next_step(record, replace(facts, looks=looks), limits, effects.now())
        tell(record, step)
        if step.action in {Action.WAIT, Action.ASK}:
            return Ended(record, step, done=False)
        if step.action in {Action.END, Action.FORGET_OLD}:
            return _finish(effects, record, step)
        if step.action is Action.LIST_AGAIN:
            effects.pause(interval)
            continue
        after = _take(effects, record, step, limits, interval)
        if after is None:
            why = "AWS does not accept the new key yet"
            return Ended(record, Step(Action.WAIT, step.key_id, effects.now(), why), done=False)
        record = after


def signer(record: Record) -> str:
    """The key that signs IAM calls: the old one until the switch, then the new one."""
    if record.state in {State.SWITCHED, State.DEACTIVATED, State.DELETED}:
        return record.new_id or record.old_id
    return record.old_id


def _facts(effects: Effects, record: Record, person: bool) -> Facts:
    by = signer(record)
    if record.state is State.DELETED:
        return Facts({}, frozenset(), effects.pointer(record), {})
    listed = effects.listed(by)
    asked = set(listed) - set(record.baseline)
    if record.new_id is not None:
        asked.add(record.new_id)
    wanted: set[str] = set()
    if record.state is State.INTENT:
        wanted = set(listed) - set(record.baseline)
    elif record.state in {State.SWITCHED, State.DEACTIVATED} and record.old_id in listed:
        wanted = {record.old_id}
    used = {key_id: effects.last_used(by, key_id) for key_id in sorted(wanted)}
    known = effects.known(asked)
    return Facts(listed, known, effects.pointer(record), used, person=person)


def _finish(effects: Effects, record: Record, step: Step) -> Ended:
    if step.action is Action.FORGET_OLD:
        effects.forget(record.old_id)
    elif record.state is State.ABORTING and record.new_id is not None:
        effects.forget(record.new_id)
    effects.end(record)
    return Ended(None, step, done=step.action is Action.FORGET_OLD)


def _take(
    effects: Effects, record: Record, step: Step, limits: Limits, interval: float
) -> Record | None:
    """Do one step; the record reached, journalled; None: the proof has to wait."""
    by, key_id = signer(record), step.key_id
    to: State | None = None
    changes: dict[str, str | None] = {}
    match step.action:
        case Action.NOTE_STRAY:
            changes["stray_id"] = key_id
        case Action.DISABLE_STRAY:
            effects.set_active(by, key_id, False)
        case Action.DELETE_STRAY | Action.DELETE_NEW:
            _delete(effects, by, key_id)
        case Action.ADOPT:
            to, changes["new_id"] = State.STORED, key_id
        case Action.ABORT:
            to = State.ABORTING
        case Action.PROVE:
            if not _proved(effects, key_id, limits.passes, interval):
                return None
            to = State.PROVEN
        case Action.SWITCH:
            effects.switch(record.old_id, key_id)
            to = State.SWITCHED
        case Action.DEACTIVATE:
            if not _proved(effects, record.new_id or "", 1, interval):
                return None
            effects.set_active(by, key_id, False)
            to = State.DEACTIVATED
        case Action.DELETE_OLD:
            if not _proved(effects, record.new_id or "", 1, interval):
                return None
            _delete(effects, by, key_id)
            to = State.DELETED
        case Action.OLD_GONE:
            to = State.DELETED
        case Action.WAIT | Action.ASK | Action.END | Action.FORGET_OLD | Action.LIST_AGAIN:
            raise AssertionError(step.action)
    if to is None and not changes:
        return record
    after = replace(record, **changes)  # type: ignore[arg-type]  # only the two id fields
    if to is not None:
        after = replace(after, state=to, since=effects.now())
    effects.write(after)
    return after


def _delete(effects: Effects, by: str, key_id: str) -> None:
    try:
        effects.delete(by, key_id)
    except NoSuchEntity:
        return  # an earlier request whose answer was lost


def _proved(effects: Effects, key_id: str, passes: int, interval: float) -> bool:
    """`passes` proofs in a row, `interval` apart; a failure starts over, with growing pauses."""
    row = 0
    for attempt in range(PROVE_TRIES):
        if effects.prove(key_id):
            row += 1
            if row == passes:
                return True
            effects.pause(interval)
        else:
            row = 0
            effects.pause(min(interval * 2**attempt / 5, _LONGEST_PAUSE_S))
    return False
