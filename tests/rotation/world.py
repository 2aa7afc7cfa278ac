"""An IAM, a vault and a store in memory behind the Effects protocol, with crashes and faults.

Every change is checked at once against the invariants (I1-I4) and the history (H1-H8):

H1 what is handed out is in the vault and Active      H5 no delete before deactivated + soak
H2 never more than two keys                           H6 no deactivation of what is handed out
H3 no secret in the journal                           H7 it ends with one key, handed out
H4 no switch to a key that was not proven before      H8 a key of others is never touched
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from credguard.errors import (
    CredguardError,
    InvalidKey,
    NetworkDown,
    NoSuchEntity,
    QuotaExceeded,
    StoreError,
    Throttled,
    VaultError,
    VaultLocked,
)
from credguard.rotation.model import NEVER, UNKNOWN_USE, Proof, Record, Remote, State, Use
from credguard.secret import Secret

OLD = "old"
SECRET = "the-secret-of-"


class Crash(BaseException):
    """The process is gone: nothing after it runs."""


@dataclass
class RemoteKey:
    active: bool
    created: float
    visible: float  # when lists and other services begin to know it
    used: Use = NEVER


@dataclass
class World:
    """Everything durable, and a clock. `fault`: what CreateAccessKey does; `lag`: seconds.

    `ahead`: seconds by which this machine's clock is ahead. `person_broke`: a person (the console,
    the vault by hand) did what we may not, so that I1 cannot hold.
    """

    clock: float = 1_000_000.0
    lag: float = 0.0
    fault: str = ""
    ahead: float = 0.0
    soak: float = 0.0
    keys: dict[str, RemoteKey] = field(default_factory=dict)
    vault: dict[str, Secret] = field(default_factory=dict)
    journal: Record | None = None
    handed_out: str = OLD
    creates: int = 0
    intents: int = 0
    foreign: set[str] = field(default_factory=set)
    elsewhere: bool = False
    own_use_until: float = 0.0
    use_known: bool = True
    person_broke: bool = False
    proven: set[str] = field(default_factory=set)
    deactivated: dict[str, float] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys[OLD] = RemoteKey(True, 0.0, 0.0)
        self.vault[OLD] = Secret(SECRET + OLD)
        self.proven.add(OLD)

    def check(self) -> None:
        """I1 and H1, H2, H3 at this instant."""
        if not self.person_broke:
            assert self.handed_out in self.vault, self.log
            assert self.keys[self.handed_out].active, self.log
        assert len(self.keys) <= 2, self.log
        if self.journal is not None:
            assert SECRET not in repr(self.journal.to_json()), self.log


class FakeEffects:
    """Effects on a World. `crash(number, moment)` may raise Crash around the number-th change.

    `fail(name, number)` gives an error that the effect `name` raises at its number-th call, or
    None; "lost" at the end of the name: after it was executed.
    """

    def __init__(
        self,
        world: World,
        crash: Callable[[int, str], None] | None = None,
        fail: Callable[[str, int], CredguardError | None] | None = None,
    ) -> None:
        self.world = world
        self.changes = 0
        self._crash = crash or (lambda _number, _moment: None)
        self._fail = fail or (lambda _name, _number: None)
        self._calls: dict[str, int] = {}

    def _called(self, name: str) -> None:
        self._calls[name] = self._calls.get(name, 0) + 1
        if error := self._fail(name, self._calls[name]):
            raise error

    def _change(self, name: str, act: Callable[[], None]) -> None:
        self.changes += 1
        self._crash(self.changes, "before")
        self.world.log.append(name)
        act()
        self.world.check()
        self._crash(self.changes, "after")

    def _remote(self, name: str, detail: str, act: Callable[[], None]) -> None:
        self._change(f"{name} {detail}", act)
        number = self._calls[name]
        if error := self._fail(f"{name} lost", number):
            raise error

    def now(self) -> float:
        return self.world.clock + self.world.ahead

    def skew(self) -> float | None:
        return self.world.ahead

    def pause(self, seconds: float) -> None:
        self.world.clock += max(seconds, 0.01)

    def write(self, record: Record) -> None:
        self._called("write")
        world = self.world

        def act() -> None:
            if record.state is State.INTENT and (
                world.journal is None or world.journal.transaction != record.transaction
            ):
                world.intents += 1
            world.journal = record

        self._change(f"write {record.state}", act)

    def end(self, record: Record) -> None:
        self._called("end")
        self._change("end", lambda: setattr(self.world, "journal", None))

    def _authenticated(self, key_id: str) -> None:
        if key_id not in self.world.vault:
            raise VaultError(f"signed with {key_id}, which the vault does not hold")
        key = self.world.keys.get(key_id)
        if key is None or not key.active or self.world.clock < key.visible:
            raise InvalidKey(key_id)

    def listed(self, signer: str) -> dict[str, Remote]:
        self._called("listed")
        self._authenticated(signer)
        return {
            key_id: Remote(key.active, key.created)
            for key_id, key in self.world.keys.items()
            if self.world.clock >= key.visible
        }

    def used(self, signer: str, key_id: str) -> Use:
        self._called("used")
        self._authenticated(signer)
        if not self.world.use_known:
            return UNKNOWN_USE
        return self.world.keys[key_id].used if key_id in self.world.keys else NEVER

    def create(self, signer: str, transaction: str) -> tuple[str, Secret, float]:
        self._called("create")
        self._authenticated(signer)
        world = self.world
        assert world.journal is not None, "no intent was journalled"
        assert world.journal.state is State.INTENT
        if len(world.keys) >= 2:
            raise QuotaExceeded("two keys")
        fault, world.fault = world.fault, ""
        if fault == "down":
            raise NetworkDown("not sent")
        if fault == "refused":
            raise QuotaExceeded("refused")
        world.creates += 1
        assert world.creates <= world.intents, "two requests for one intent (I3)"
        new_id = f"new{world.creates}"

        def act() -> None:
            now = world.clock
            world.keys[new_id] = RemoteKey(True, now, now + world.lag)

        self._remote("create", new_id, act)
        if fault == "lost":
            raise NetworkDown("the answer was lost")
        return new_id, Secret(SECRET + new_id), world.clock

    def set_active(self, signer: str, key_id: str, active: bool) -> None:
        self._called("set_active")
        self._authenticated(signer)
        world = self.world
        if key_id not in world.keys:
            raise NoSuchEntity(key_id)
        assert key_id not in world.foreign, "H8"
        if not active and not world.person_broke:
            assert key_id != world.handed_out, "H6"

        def act() -> None:
            world.keys[key_id].active = active
            if not active:
                world.deactivated.setdefault(key_id, world.clock)
            else:
                world.deactivated.pop(key_id, None)

        self._remote("set_active", f"{key_id} {active}", act)

    def delete(self, signer: str, key_id: str) -> None:
        self._called("delete")
        self._authenticated(signer)
        world = self.world
        if key_id not in world.keys:
            raise NoSuchEntity(key_id)
        assert key_id not in world.foreign, "H8"
        assert key_id != world.handed_out, "I1"
        if key_id == OLD or key_id in world.proven:
            # A key that was ever in use rests first; one that never was may go at once.
            served = key_id == OLD or f"switch {key_id}" in world.log
            if served:
                assert not world.keys[key_id].active, "H5"
                assert world.clock >= world.deactivated[key_id] + world.soak - 1, "H5"
        self._remote("delete", key_id, lambda: world.keys.__delitem__(key_id))

    def prove(self, key_id: str) -> Proof:
        self._called("prove")
        try:
            self._authenticated(key_id)
        except InvalidKey:
            return Proof.NOT_YET
        self.world.proven.add(key_id)
        return Proof.ACCEPTED

    def alive(self, key_id: str) -> bool:
        self._called("alive")
        return self.prove(key_id) is Proof.ACCEPTED

    def known(self, key_ids: set[str]) -> frozenset[str]:
        self._called("known")
        return frozenset(key_ids & set(self.world.vault))

    def store(self, key_id: str, secret: Secret, created: float) -> None:
        self._called("store")
        torn = self._fail("store torn", self._calls["store"])
        if torn is not None:
            self._change(f"torn {key_id}", lambda: None)
            raise torn
        self._change(f"store {key_id}", lambda: self.world.vault.__setitem__(key_id, secret))

    def forget(self, key_id: str) -> None:
        self._called("forget")
        assert key_id != self.world.handed_out, "I1"
        self._change(f"forget {key_id}", lambda: self.world.vault.pop(key_id, None) and None)

    def pointer(self, record: Record) -> str:
        return self.world.handed_out

    def switch(self, from_id: str, to_id: str) -> None:
        self._called("switch")
        world = self.world
        assert to_id in world.proven, "H4"

        def act() -> None:
            if world.handed_out == from_id:
                world.handed_out = to_id

        self._change(f"switch {to_id}", act)

    def own_use_until(self, key_id: str) -> float:
        return self.world.own_use_until

    def elsewhere(self, key_id: str) -> bool:
        return self.world.elsewhere


FAILURES: dict[str, Callable[[], CredguardError]] = {
    "store locked": lambda: VaultLocked("the keyring is locked"),
    "known locked": lambda: VaultLocked("the keyring is locked"),
    "forget locked": lambda: VaultLocked("the keyring is locked"),
    "write disk full": lambda: StoreError("no space left on device"),
    "end disk full": lambda: StoreError("no space left on device"),
    "listed down": lambda: NetworkDown("no answer"),
    "listed throttled": lambda: Throttled("slow down"),
    "used down": lambda: NetworkDown("no answer"),
    "set_active down": lambda: NetworkDown("no answer"),
    "set_active lost": lambda: NetworkDown("the answer was lost"),
    "delete down": lambda: NetworkDown("no answer"),
    "delete lost": lambda: NetworkDown("the answer was lost"),
    "create lost": lambda: NetworkDown("the answer was lost"),
    "create throttled": lambda: Throttled("slow down"),
    "store torn": lambda: VaultError("the secret read back differs"),
    "prove down": lambda: NetworkDown("no answer"),
    "alive down": lambda: NetworkDown("no answer"),
    "switch disk full": lambda: StoreError("no space left on device"),
}
"""Effect and fault, by name: "EFFECT lost" and "store torn" happen within it, the rest before."""


def failing(name: str, numbers: set[int]) -> Callable[[str, int], CredguardError | None]:
    """A `fail` for FakeEffects: fault `name` of FAILURES at these calls of its effect."""
    effect = name if name.endswith(("lost", "torn")) else name.split(" ")[0]

    def fail(called: str, number: int) -> CredguardError | None:
        return FAILURES[name]() if called == effect and number in numbers else None

    return fail
