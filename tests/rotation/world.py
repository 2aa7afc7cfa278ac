"""An IAM, a vault and a store in memory behind the Effects protocol, with crashes and faults."""

from collections.abc import Callable
from dataclasses import dataclass, field

from credguard.errors import InvalidKey, NetworkDown, NoSuchEntity, QuotaExceeded
from credguard.rotation.model import Record, Remote
from credguard.secret import Secret

OLD = "old"


class Crash(BaseException):
    """The process is gone: nothing after it runs."""


@dataclass
class RemoteKey:
    active: bool
    created: float
    visible: float  # when lists and other services begin to know it
    used: float | None = None


@dataclass
class World:
    """Everything durable, and a clock. `fault`: what CreateAccessKey does; `lag`: seconds."""

    clock: float = 1_000_000.0
    lag: float = 0.0
    fault: str = ""
    keys: dict[str, RemoteKey] = field(default_factory=dict)
    vault: dict[str, Secret] = field(default_factory=dict)
    journal: Record | None = None
    handed_out: str = OLD
    creates: int = 0
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys[OLD] = RemoteKey(True, 0.0, 0.0)
        self.vault[OLD] = Secret("s")

    def check(self) -> None:
        """I1: what is handed out is in the vault and Active."""
        assert self.handed_out in self.vault, self.log
        assert self.keys[self.handed_out].active, self.log


class FakeEffects:
    """Effects on a World. `crash(number, moment)` may raise Crash around the number-th change."""

    def __init__(self, world: World, crash: Callable[[int, str], None] | None = None) -> None:
        self.world = world
        self.changes = 0
        self._crash = crash or (lambda _number, _moment: None)

    def _change(self, name: str, act: Callable[[], None]) -> None:
        self.changes += 1
        self._crash(self.changes, "before")
        self.world.log.append(name)
        act()
        self.world.check()
        self._crash(self.changes, "after")

    def now(self) -> float:
        return self.world.clock

    def pause(self, seconds: float) -> None:
        self.world.clock += max(seconds, 0.01)

    def write(self, record: Record) -> None:
        self._change(f"write {record.state}", lambda: setattr(self.world, "journal", record))

    def end(self, record: Record) -> None:
        self._change("end", lambda: setattr(self.world, "journal", None))

    def _authenticated(self, key_id: str) -> None:
        if key_id not in self.world.vault:
            raise AssertionError(f"signed with {key_id}, which the vault does not hold")
        key = self.world.keys.get(key_id)
        if key is None or not key.active or self.world.clock < key.visible:
            raise InvalidKey(key_id)

    def listed(self, signer: str) -> dict[str, Remote]:
        self._authenticated(signer)
        return {
            key_id: Remote(key.active, key.created)
            for key_id, key in self.world.keys.items()
            if self.world.clock >= key.visible
        }

    def last_used(self, signer: str, key_id: str) -> float | None:
        self._authenticated(signer)
        return self.world.keys[key_id].used if key_id in self.world.keys else None

    def create(self, signer: str, transaction: str) -> tuple[str, Secret, float]:
        self._authenticated(signer)
        assert self.world.journal is not None, "no intent was journalled"
        if len(self.world.keys) >= 2:
            raise QuotaExceeded("two keys")
        fault, self.world.fault = self.world.fault, ""
        if fault == "down":
            raise NetworkDown("not sent")
        if fault == "refused":
            raise QuotaExceeded("refused")
        self.world.creates += 1
        new_id = f"new{self.world.creates}"

        def act() -> None:
            now = self.world.clock
            self.world.keys[new_id] = RemoteKey(True, now, now + self.world.lag)

        self._change(f"create {new_id}", act)
        if fault == "lost":
            raise NetworkDown("the answer was lost")
        return new_id, Secret("s"), self.world.clock

    def set_active(self, signer: str, key_id: str, active: bool) -> None:
        self._authenticated(signer)
        self._change(
            f"active {key_id} {active}",
            lambda: setattr(self.world.keys[key_id], "active", active),
        )

    def delete(self, signer: str, key_id: str) -> None:
        self._authenticated(signer)
        if key_id not in self.world.keys:
            raise NoSuchEntity(key_id)
        self._change(f"delete {key_id}", lambda: self.world.keys.__delitem__(key_id))

    def prove(self, key_id: str) -> bool:
        try:
            self._authenticated(key_id)
        except InvalidKey:
            return False
        return True

    def known(self, key_ids: set[str]) -> frozenset[str]:
        return frozenset(key_ids & set(self.world.vault))

    def store(self, key_id: str, secret: Secret, created: float) -> None:
        self._change(f"store {key_id}", lambda: self.world.vault.__setitem__(key_id, secret))

    def forget(self, key_id: str) -> None:
        self._change(f"forget {key_id}", lambda: self.world.vault.pop(key_id, None) and None)

    def pointer(self, record: Record) -> str:
        return self.world.handed_out

    def switch(self, old_id: str, new_id: str) -> None:
        def act() -> None:
            if self.world.handed_out == old_id:
                self.world.handed_out = new_id

        self._change("switch", act)
