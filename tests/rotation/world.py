"""An IAM, a vault and a store in memory behind the Effects protocol, with crashes and faults.

Every change that a rotation makes is checked at once, and its end is:

I1 H1 where a key that works was handed out, one still is; where any key worked, one still does
I2 H4 no switch to a key that was not proven      H5 none deleted before deactivated + soak
I3    one CreateAccessKey an intent               H6 none deactivated while it is handed out
I4 H8 a key of others is never touched            H7 it ends with one key, which is handed out
H2    never more than two keys                    H9 none deactivated before switched + grace
H3    no secret in the journal                    H10 no stray without a name in journal or question

A key works when it is Active and the vault gives back its true secret. What others did to a key
counts once it could be seen: after a proof that failed, or a list that was read.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

from credguard.errors import (
    InvalidKey,
    NetworkDown,
    NoSuchEntity,
    NotPermitted,
    QuotaExceeded,
    VaultError,
)
from credguard.rotation.model import NEVER, UNKNOWN_USE, Mode, Proof, Record, Remote, State, Use
from credguard.secret import Secret
from tests.rotation.cases import PATIENT
from tests.rotation.failures import Fail
from tests.rotation.remote_key import LONG_AGO, SECRET, SLACK_S, RemoteKey

OLD = "old"


@dataclass
class World:
    """Everything durable, and a clock.

    `sts_lag`, `iam_lag`, `list_lag`: seconds by which STS, IAM's authentication and its list are
    behind. `fault`: what CreateAccessKey does. `ahead`: seconds by which this machine's clock is
    ahead; AWS's answers tell it (`skew`). `denied`: effects that a policy refuses.
    """

    clock: float = 1_000_000.0
    sts_lag: float = 0.0
    iam_lag: float = 0.0
    list_lag: float = 0.0
    fault: str = ""
    ahead: float = 0.0
    skew: float | None = None
    grace: float = 0.0
    soak: float = 0.0
    keys: dict[str, RemoteKey] = field(default_factory=dict)
    deleted: dict[str, RemoteKey] = field(default_factory=dict)
    vault: dict[str, Secret] = field(default_factory=dict)
    journal: Record | None = None
    handed_out: str = OLD
    creates: int = 0
    intents: set[str] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)
    elsewhere: bool = False
    own_use_until: float = 0.0
    sessions_until: float = 0.0
    use_known: bool = True
    person: bool = False
    refused: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    proven: set[str] = field(default_factory=set)
    served: set[str] = field(default_factory=set)
    killed: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    woken: dict[str, float] = field(default_factory=dict)
    switched: float = LONG_AGO
    deactivated: dict[str, float] = field(default_factory=dict)
    requests: int = 0
    proofs: int = 0
    writes: int = 0
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys[OLD] = RemoteKey(LONG_AGO)
        self.vault[OLD] = Secret(SECRET + OLD)
        self.served.add(OLD)

    def copy(self) -> "World":
        """Another world that is the same."""
        other = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, dict | set | list):
                setattr(other, name, value.copy())
        for keys in (other.keys, other.deleted):
            for key_id, key in keys.items():
                keys[key_id] = copy.copy(key)
                keys[key_id].states = key.states.copy()
        return other

    def kill(self, key_id: str, how: str) -> None:
        """The key stops working: deleted, deactivated, rejected, or lost from the vault."""
        self.killed.add(key_id)
        match how:
            case "deleted":
                self.remove(key_id)
            case "deactivated":
                self.set_active(key_id, False)
            case "rejected":
                self.refused.add(key_id)
            case "lost":
                self.vault.pop(key_id, None)
            case _:
                raise AssertionError(how)

    def wake(self, key_id: str) -> None:
        """Somebody activates the key."""
        self.set_active(key_id, True)
        self.woken[key_id] = self.clock

    def works(self, key_id: str) -> bool:
        key = self.keys.get(key_id)
        if key is None or not key.active or key_id in self.broken:
            return False
        secret = self.vault.get(key_id)
        return secret is not None and secret.reveal() == SECRET + key_id

    def add_foreign(self, key_id: str, active: bool = True, use: Use = NEVER) -> None:
        self.keys[key_id] = key = RemoteKey(self.clock, use)
        if not active:
            key.states.append((self.clock, False))
        self.foreign.add(key_id)

    def remove(self, key_id: str) -> None:
        if key := self.keys.pop(key_id, None):
            key.states.append((self.clock, None))
            self.deleted[key_id] = key

    def set_active(self, key_id: str, active: bool) -> None:
        if key := self.keys.get(key_id):
            key.states.append((self.clock, active))


class FakeEffects:
    """Effects on a World. `crash(number, moment)` may raise Crash around the number-th change.

    `fail(name, number)` gives an error that the effect `name` raises at its number-th call, or
    None; "lost" at the end of the name: after it was executed. `meddle(number)` happens before the
    number-th call of any effect.
    """

    def __init__(
        self,
        world: World,
        crash: Callable[[int, str], None] | None = None,
        fail: Fail | None = None,
        meddle: Callable[[int], None] | None = None,
    ) -> None:
        self.world = world
        self.changes = 0
        self.calls = 0
        self._crash = crash
        self._fail = fail
        self._meddle = meddle
        self._named: dict[str, int] = {}

    def _called(self, name: str, *given: str) -> None:
        assert all(given)
        self.calls += 1
        if self._meddle is not None:
            self._meddle(self.calls)
        if self._fail is not None:
            number = self._named[name] = self._named.get(name, 0) + 1
            if error := self._fail(name, number):
                raise error

    def _asked(self, name: str, cost: int = 1) -> None:
        """A call to AWS."""
        self.world.requests += cost
        self._called(name)
        self.world.skew = self.world.ahead
        if name in self.world.denied:
            raise NotPermitted(f"a policy refuses {name}")

    def _change(self, name: str, act: Callable[[], None]) -> None:
        self.changes += 1
        if self._crash is not None:
            self._crash(self.changes, "before")
        world = self.world
        world.log.append(name)
        served = world.works(world.handed_out)
        some = served or any(map(world.works, world.keys))
        act()
        if served:
            unseen = world.handed_out in world.killed - world.failed
            works = unseen or world.works(world.handed_out)
            assert works, ("I1: what is handed out stopped", world.log)
        elif some:
            works = any(map(world.works, world.keys)) or world.killed - world.failed
            assert works, ("I1: no key works", world.log)
        assert len(world.keys) <= 2, ("H2", world.log)
        if self._crash is not None:
            self._crash(self.changes, "after")

    def _remote(self, name: str, detail: str, act: Callable[[], None]) -> None:
        self._change(f"{name} {detail}", act)
        if self._fail is not None and (error := self._fail(f"{name} lost", self._named[name])):
            raise error

    def now(self) -> float:
        return self.world.clock + self.world.ahead

    def skew(self) -> float | None:
        return self.world.skew

    def pause(self, seconds: float) -> None:
        self.world.clock += max(seconds, 0.01)

    def write(self, record: Record) -> None:
        self._called("write")
        world = self.world
        assert SECRET not in repr(record), ("H3", world.log)
        assert (type(record.since), type(record.until)) == (float, float)

        def act() -> None:
            if record.state is State.INTENT:
                world.intents.add(record.transaction)
            world.journal = record
            world.writes += 1

        self._change(f"write {record.state}", act)

    def end(self, record: Record) -> None:
        self._called("end", record.identity)
        self._change("end", lambda: setattr(self.world, "journal", None))

    def _accepted(self, key_id: str, lag: float) -> None:
        world = self.world
        if key_id not in world.vault:
            raise VaultError(f"the vault holds no secret for {key_id}")
        key = world.keys.get(key_id) or world.deleted.get(key_id)
        if key is None or not key.at(world.clock - lag) or key_id in world.refused:
            raise InvalidKey(key_id)
        if key_id in world.broken or world.vault[key_id].reveal() != SECRET + key_id:
            raise InvalidKey(f"{key_id}: bad signature")

    def listed(self, signer: str) -> dict[str, Remote]:
        world = self.world
        self._asked("listed")
        self._accepted(signer, world.iam_lag)
        at = world.clock - world.list_lag
        found = {}
        for key_id, key in (*world.keys.items(), *world.deleted.items()):
            active = key.at(at)
            if active is not None:
                found[key_id] = Remote(active, key.created)
                if active and world.woken.get(key_id, at) <= at:
                    world.woken.pop(key_id, None)
        return found

    def used(self, signer: str, key_id: str) -> Use:
        self.world.requests += 1
        self._called("used")
        self._accepted(signer, self.world.iam_lag)
        if not self.world.use_known or "used" in self.world.denied:
            return UNKNOWN_USE
        return self.world.keys[key_id].used if key_id in self.world.keys else NEVER

    def create(self, signer: str, transaction: str) -> tuple[str, Secret, float]:
        self._asked("create")
        self._accepted(signer, self.world.iam_lag)
        world = self.world
        here = world.journal and (world.journal.state, world.journal.transaction)
        assert here == (State.INTENT, transaction), "I3: no intent was journalled"
        if len(world.keys) >= 2:
            raise QuotaExceeded("two keys")
        fault, world.fault = world.fault, ""
        if fault == "down":
            raise NetworkDown("not sent")
        if fault == "refused":
            raise QuotaExceeded("refused")
        world.creates += 1
        assert world.creates <= len(world.intents), ("I3: two requests for one intent", world.log)
        new_id = f"new{world.creates}"
        self._remote(
            "create", new_id, lambda: world.keys.__setitem__(new_id, RemoteKey(world.clock))
        )
        if fault == "lost":
            raise NetworkDown("the answer was lost")
        return new_id, Secret(SECRET + new_id), world.clock

    def _there(self, key_id: str) -> None:
        world = self.world
        key = world.keys.get(key_id)
        if key is None or key.created > world.clock - world.list_lag:
            raise NoSuchEntity(key_id)
        assert key_id not in world.foreign, ("H8", world.log)

    def set_active(self, signer: str, key_id: str, active: bool) -> None:
        self._asked("set_active")
        world = self.world
        self._accepted(signer, world.iam_lag)
        self._there(key_id)
        if not active:
            self._may_stop(key_id)

        def act() -> None:
            world.set_active(key_id, active)
            if active:
                world.deactivated.pop(key_id, None)
            else:
                world.deactivated[key_id] = world.clock

        self._remote("set_active", f"{key_id} {active}", act)

    def _may_stop(self, key_id: str) -> None:
        world = self.world
        assert key_id != world.handed_out, ("H6", world.log)
        record = world.journal
        assert record is not None
        if key_id in world.served and record.mode in PATIENT and not world.person:
            assert world.clock >= world.switched + world.grace - SLACK_S, ("H9", world.log)

    def delete(self, signer: str, key_id: str) -> None:
        self._asked("delete")
        world = self.world
        self._accepted(signer, world.iam_lag)
        self._there(key_id)
        assert key_id != world.handed_out, ("I1", world.log)
        if key_id in world.served:
            soak = world.soak
            if world.journal is not None and world.journal.mode not in PATIENT:
                soak = min(soak, 3600.0) if world.journal.mode is Mode.EMERGENCY else 0.0
            assert not world.keys[key_id].active or key_id in world.woken, ("H5", world.log)
            rested = world.deactivated.get(key_id, LONG_AGO) + soak
            assert world.clock >= rested - SLACK_S, ("H5", world.log)
        self._remote("delete", key_id, lambda: world.remove(key_id))

    def prove(self, key_id: str) -> Proof:
        world = self.world
        world.proofs += 1
        self._asked("prove", 3)
        try:
            self._accepted(key_id, world.sts_lag)
            self._accepted(key_id, world.iam_lag)
        except InvalidKey as error:
            world.failed.add(key_id)
            return Proof.BAD_SECRET if "signature" in str(error) else Proof.NOT_YET
        world.proven.add(key_id)
        world.failed.discard(key_id)
        return Proof.ACCEPTED

    def alive(self, key_id: str) -> bool:
        self._asked("alive")
        try:
            self._accepted(key_id, self.world.sts_lag)
        except InvalidKey:
            return False
        return True

    def known(self, key_ids: set[str]) -> frozenset[str]:
        self._called("known", *key_ids)
        return frozenset(key_ids & set(self.world.vault))

    def store(self, key_id: str, secret: Secret, created: float) -> None:
        self._called("store")
        if self._fail is not None and (torn := self._fail("store torn", self._named["store"])):
            world = self.world
            self._change(f"torn {key_id}", lambda: world.vault.__setitem__(key_id, Secret("torn")))
            raise torn
        self._change(f"store {key_id}", lambda: self.world.vault.__setitem__(key_id, secret))

    def forget(self, key_id: str) -> None:
        self._called("forget", key_id)
        self._change(f"forget {key_id}", lambda: self.world.vault.pop(key_id, None) and None)

    def pointer(self, record: Record) -> str:
        self._called("pointer", record.identity)
        return self.world.handed_out

    def switch(self, from_id: str, to_id: str) -> None:
        self._called("switch")
        world = self.world
        assert to_id in world.proven, ("H4", world.log)

        def act() -> None:
            if world.handed_out == from_id:
                world.handed_out = to_id
                world.served.add(to_id)
                world.switched = world.clock

        self._change(f"switch {to_id}", act)

    def own_use_until(self, key_id: str) -> float:
        return self.world.own_use_until

    def sessions_until(self, key_id: str) -> float:
        return self.world.sessions_until

    def elsewhere(self, key_id: str) -> bool:
        return self.world.elsewhere
