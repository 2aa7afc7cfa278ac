"""An IAM login profile, a vault and a store in memory, with crashes and faults."""

from collections.abc import Callable
from dataclasses import dataclass, field

from credguard.errors import NetworkDown, PasswordPolicyViolation, PasswordRefused
from credguard.rotation.password import Record

TYPED = "typed"


class Crash(BaseException):
    """The process is gone: nothing after it runs."""


@dataclass
class World:
    """Everything durable. `faults`: one a call: "", lost (executed), down (not executed), stale
    (answered by a replica that still has the password before).

    `reuse_first`: a reused password is refused before (True) or after the old one is looked at;
    None: reuse is allowed. `person`: what a person has in their head.
    """

    faults: list[str] = field(default_factory=list)
    reuse_first: bool | None = None
    clock: float = 1_000_000.0
    in_force: str = TYPED
    history: list[str] = field(default_factory=list)
    person: set[str] = field(default_factory=lambda: {TYPED})
    vault: dict[int, str] = field(default_factory=dict)
    journal: Record | None = None
    pointer: int | None = None
    made: int = 0
    calls: int = 0
    log: list[str] = field(default_factory=list)

    def check(self) -> None:
        """The password in force is never lost."""
        assert self.in_force in {*self.vault.values(), *self.person}, self.log


class FakeEffects:
    """Effects on a World. `crash(number, moment)` may raise Crash around the number-th change."""

    def __init__(self, world: World, crash: Callable[[int, str], None] | None = None) -> None:
        self.world = world
        self.changes = 0
        self._crash = crash or (lambda _number, _moment: None)

    def _change(self, name: str, act: Callable[[], object]) -> None:
        self.changes += 1
        self._crash(self.changes, "before")
        self.world.log.append(name)
        act()
        self.world.check()
        self._crash(self.changes, "after")

    def now(self) -> float:
        return self.world.clock

    def pause(self, seconds: float) -> None:
        self.world.clock += seconds

    def write(self, record: Record) -> None:
        self._change(f"write {record}", lambda: setattr(self.world, "journal", record))

    def end(self, record: Record) -> None:
        assert self.world.journal in {None, record}, "ended what is not under way"
        self._change("end", lambda: setattr(self.world, "journal", None))

    def held(self, generations: frozenset[int]) -> frozenset[int]:
        return generations & frozenset(self.world.vault)

    def put(self, generation: int, value: str) -> None:
        self._change(f"put {generation}", lambda: self.world.vault.__setitem__(generation, value))

    def store(self, generation: int) -> None:
        self.world.made += 1
        self.put(generation, f"made{self.world.made}")

    def change(self, old: int, new: int) -> None:
        world = self.world
        assert world.journal is not None
        assert world.journal.pending == old, "sent without a journalled intent"
        before, after = world.vault[old], world.vault[new]
        fault = world.faults.pop(0) if world.faults else ""
        world.calls += 1
        if fault == "down":
            raise NetworkDown("not sent")
        seen = world.in_force
        if fault == "stale" and world.history:
            seen = world.history[-1]
        reused = world.reuse_first is not None and after in {seen, *world.history}
        if reused and world.reuse_first:
            raise PasswordPolicyViolation("used before")
        if seen != before:
            raise PasswordRefused("wrong")
        if reused:
            raise PasswordPolicyViolation("used before")

        def act() -> None:
            world.history.append(world.in_force)
            world.in_force = after

        self._change(f"change {old} to {new}", act)
        if fault == "lost":
            raise NetworkDown("the answer was lost")

    def switch(self, record: Record) -> None:
        def act() -> None:
            self.world.pointer = record.target
            self.world.journal = record

        self._change(f"switch {record.target}", act)

    def forget(self, generation: int) -> None:
        self._change(f"forget {generation}", lambda: self.world.vault.pop(generation, None))
