"""Drives one password change: asks next_step, does it through Effects, journals where it stands."""

from dataclasses import dataclass, replace
from typing import Protocol

from credguard.errors import (
    AwsError,
    InvalidKey,
    NeedsCode,
    NetworkDown,
    NoSuchEntity,
    NotPermitted,
    PasswordRefused,
    QuotaExceeded,
    TemporarilyUnmodifiable,
    Throttled,
)
from credguard.rotation.password import Action, Record, State, next_step, numbers

# AWS answered and did not execute; the old password may be the reason.
_REFUSED = (PasswordRefused, NotPermitted)
# AWS answered and did not execute, for a reason that says nothing about the password.
_STOPPED = (
    InvalidKey, NeedsCode, NoSuchEntity, QuotaExceeded, TemporarilyUnmodifiable, Throttled,
)  # fmt: skip
_LOSSES = 2  # in one run; then the person is told
_PAUSE_S = 5.0


class Effects(Protocol):
    """What a change does to the world. Every method may raise CredguardError."""

    def now(self) -> float:
        """Unix seconds."""

    def pause(self, seconds: float) -> None:
        """Wait, for AWS to become consistent."""

    def write(self, record: Record) -> None:
        """Put `record` into the journal; durable on return."""

    def end(self, record: Record) -> None:
        """Take the record out of the journal; safe to repeat."""

    def held(self, generations: frozenset[int]) -> frozenset[int]:
        """Those whose value the vault has."""

    def store(self, generation: int) -> None:
        """Generate a password and put it into the vault; replaces a value never sent."""

    def change(self, old: int, new: int) -> None:
        """ChangePassword, sent once. Returns when AWS said yes.

        Raises PasswordRefused, NotPermitted and _STOPPED's classes when AWS answered that it did
        not; any other AwsError: not known whether it did.
        """

    def switch(self, record: Record) -> None:
        """Point the store at `record.target` and journal `record`, in one transaction."""

    def forget(self, generation: int) -> None:
        """Delete the value from the vault; safe to repeat."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended. `record`: None when nothing is left to do.

    `done`: the target is in force and pointed at. `error`: why not, as AWS last put it; None: the
    vault has no password to begin from.
    """

    record: Record | None
    done: bool
    error: AwsError | None = None


def begin(
    effects: Effects, identity: str, known: tuple[int, ...], given: int | None, last: int
) -> Record:
    """Journal the intent of a change from `known` to a generation above `last`."""
    target = max(*known, last) + 1
    record = Record(identity, State.INTENT, known, target, effects.now(), given)
    effects.write(record)
    return record


def reopen(effects: Effects, record: Record, given: bool) -> Record:
    """An UNKNOWN record tried once more, with a further password that a person gives, or without.

    The target was certainly never in force, so its number is free for what was given.
    """
    known, target = record.known, record.target
    number = target if given else None
    if number is not None:
        known, target = (number, *known), target + 1
    after = replace(
        record,
        state=State.INTENT,
        known=known,
        target=target,
        given=number,
        refused=(),
        again=False,
    )
    effects.write(after)
    return after


def resume(effects: Effects, record: Record) -> Ended:
    """Take `record` as far as it goes. A crash anywhere: call it again with the journalled record.

    Raises NetworkDown, Throttled, VaultError and others; then the journal says where it stands.
    """
    losses = 0
    error: AwsError | None = None
    while True:
        step = next_step(record, effects.held(numbers(record)))
        match step.action:
            case Action.ASK:
                return Ended(record, False, error)
            case Action.FORGET:
                for generation in sorted(numbers(record) - {record.target}):
                    effects.forget(generation)
                effects.end(record)
                return Ended(None, True)
            case Action.ABANDON:
                _abandon(effects, record)
                return Ended(None, False, error)
            case Action.CHANGE:
                record, met = _change(effects, record, step.generation)
                if isinstance(met, _STOPPED):
                    if not record.doubted and not record.doubt:
                        _abandon(effects, record)
                    raise met
                error = met or error
                if met is not None and not isinstance(met, _REFUSED):
                    losses += 1
                    if losses == _LOSSES:
                        raise met
                    effects.pause(_PAUSE_S)
            case _:
                record = _take(effects, record, step.action)


def _abandon(effects: Effects, record: Record) -> None:
    """Nothing was changed: what this change added goes, the rest is as before."""
    effects.forget(record.target)
    if record.given is not None:
        effects.forget(record.given)
    effects.end(record)


def _change(effects: Effects, record: Record, old: int) -> tuple[Record, AwsError | None]:
    """Send one request, its intent journalled before and its answer after."""
    record = replace(record, pending=old)
    effects.write(record)
    try:
        effects.change(old, record.target)
    except _REFUSED as error:
        after = replace(record, pending=None, refused=(*record.refused, old))
        effects.write(after)
        return after, error
    except _STOPPED as error:
        after = replace(record, pending=None)
        effects.write(after)
        return after, error
    except AwsError as error:  # executed or not: the journal keeps it pending
        lost = error if isinstance(error, NetworkDown) else NetworkDown(str(error), hint=error.hint)
        return record, lost
    after = replace(record, state=State.CHANGED, pending=None)
    effects.write(after)
    return after, None


def _take(effects: Effects, record: Record, action: Action) -> Record:
    match action:
        case Action.STORE:
            effects.store(record.target)
            after = replace(record, state=State.SENT)
        case Action.DOUBT:
            after = replace(record, pending=None, doubt=True, doubted=True)
        case Action.RETARGET:
            after = replace(
                record,
                state=State.INTENT,
                known=(record.target, *record.known),
                target=max(numbers(record)) + 1,
                refused=(),
                doubt=False,
                again=False,
            )
        case Action.AGAIN:
            effects.pause(_PAUSE_S)
            after = replace(record, refused=(), again=True)
        case Action.SWITCH:
            after = replace(record, state=State.SWITCHED)
            effects.switch(after)
            return after
        case Action.GIVE_UP:
            return _give_up(effects, record)
        case _:
            raise AssertionError(action)
    effects.write(after)
    return after


def _give_up(effects: Effects, record: Record) -> Record:
    """Keep what may be in force; what a person typed was refused, and they still have it."""
    known = record.known
    if record.given is not None:
        effects.forget(record.given)
        known = tuple(each for each in known if each != record.given)
    after = replace(record, state=State.UNKNOWN, known=known, given=None, refused=())
    effects.write(after)
    return after
