"""Carries out the replacement of an SSH key: one step after the other, journalled. Pure.

Every effect may be repeated: after a crash the same steps run again, and find what is done.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from credguard.errors import CredguardError
from credguard.keypairs.machine import Action, Line, Look, Record, State, Step, next_step
from credguard.keypairs.model import Instance


class Effects(Protocol):
    """What the driver does to the world. Each raises CredguardError, and is safe to repeat."""

    def journal(self, record: Record) -> None:
        """Write `record`; it survives a crash once this returns."""

    def look(self, record: Record) -> Look:
        """What EC2 says of both pairs now."""

    def make(self, record: Record) -> None:
        """The new key's private half is held, made now or by an earlier run."""

    def register(self, record: Record, regions: tuple[str, ...]) -> dict[str, CredguardError]:
        """Register the new pair; what failed, by region."""

    def switch(self, record: Record) -> None:
        """Journal `record`, and in the same transaction the new key is the one in use."""

    def add(self, record: Record, instance: Instance) -> None:
        """The new line is in authorized_keys."""

    def prove(self, record: Record, instance: Instance) -> None:
        """Raise unless the new key lets in there."""

    def remove(self, record: Record, instance: Instance) -> None:
        """The old line is not in authorized_keys; the new one is."""

    def delete(self, record: Record, regions: tuple[str, ...]) -> dict[str, CredguardError]:
        """The old pair is not registered in `regions`; what failed, by region."""

    def end(self, record: Record) -> None:
        """The journal holds nothing more, and the old key counts as replaced."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where it stands. `record`: as it is, or was when `over`. `why`: what it waits for, in words.

    `failed`: region or instance, and what went wrong there in this run.
    """

    record: Record
    over: bool
    look: Look
    why: str
    failed: dict[str, CredguardError]


_DONE = {Action.ADD: Line.ADDED, Action.PROVE: Line.PROVEN, Action.REMOVE: Line.REPLACED}


class Driver:
    """One run of one replacement."""

    def __init__(self, effects: Effects, tell: Callable[[Step], None] = lambda _step: None) -> None:
        """`tell` hears of each step before it is taken."""
        self._effects = effects
        self._tell = tell
        self._failed: dict[str, CredguardError] = {}

    def run(self, record: Record, *, push: bool) -> Outcome:
        """Go as far as it goes. Raises CredguardError where nothing more can be told."""
        look = self._effects.look(record)
        seen = tuple(sorted({*record.regions, *look.old_in}))
        if seen != record.regions:
            record = self._written(replace(record, regions=seen))
        while True:
            step = next_step(record, look, push=push)
            if step.action is Action.WAIT:
                return Outcome(record, False, look, step.why, self._failed)
            self._tell(step)
            if step.action is Action.END:
                self._effects.end(record)
                return Outcome(record, True, look, "", self._failed)
            record, look = self._take(step, record, look)

    def _written(self, record: Record) -> Record:
        self._effects.journal(record)
        return record

    def _take(self, step: Step, record: Record, look: Look) -> tuple[Record, Look]:
        match step.action:
            case Action.MAKE:
                self._effects.make(record)
                return self._written(replace(record, state=State.MADE)), look
            case Action.SWITCH:
                record = replace(record, state=State.DRAINING)
                self._effects.switch(record)
                return record, look
            case Action.REGISTER:
                failed = self._effects.register(record, step.regions)
                self._failed.update(failed)
                done = look.new_in | (set(step.regions) - set(failed))
                return record, replace(look, new_in=done, unread=look.unread | set(failed))
            case Action.DELETE:
                failed = self._effects.delete(record, step.regions)
                self._failed.update(failed)
                look = look.without(set(step.regions) - set(failed))
                return record, replace(look, unread=look.unread | set(failed))
            case _:
                assert step.instance is not None  # noqa: S101 - of ADD, PROVE and REMOVE
                return self._push(step.action, step.instance, record, look)

    def _push(
        self, action: Action, instance: Instance, record: Record, look: Look
    ) -> tuple[Record, Look]:
        effects = {
            Action.ADD: self._effects.add,
            Action.PROVE: self._effects.prove,
            Action.REMOVE: self._effects.remove,
        }
        try:
            effects[action](record, instance)
        except CredguardError as error:
            self._failed[instance.id] = error
            return record, replace(look, stuck=look.stuck | {instance.id})
        lines = {**record.lines, instance.id: _DONE[action]}
        return self._written(replace(record, lines=lines)), look
