"""The Effects contract, the same for the fake world and for IAM over HTTP, vault and store."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from credguard.app.context import Context
from credguard.app.rotate_effects import RealEffects
from credguard.errors import NoSuchEntity, QuotaExceeded
from credguard.rotation.effects import Effects
from credguard.rotation.model import NEVER, Proof, Record, State
from credguard.store import profiles
from credguard.vault.base import key_item
from credguard.vault.memory import MemoryVault
from tests.rotation.world import OLD, FakeEffects, World
from tests.support.simulator import Simulator


@dataclass
class Case:
    effects: Effects
    old: str
    journalled: Callable[[], bool]


@pytest.fixture(params=["fake", "real"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "fake":
        world = World()
        return Case(FakeEffects(world), OLD, lambda: world.journal is not None)
    simulator: Simulator = request.getfixturevalue("simulator")
    ctx = Context()
    vault = MemoryVault()
    ctx.__dict__["vault"] = vault
    vault.put(key_item("aws", simulator.account, simulator.key_id), simulator.secret)
    from credguard.app import keys

    key = keys.prove(simulator.key_id, simulator.secret, None, "add")
    profiles.add_profile(ctx.db, "work", key, 1.0, consent=True)
    from credguard.store import journal

    return Case(RealEffects(ctx, key), simulator.key_id, lambda: bool(journal.identities(ctx.db)))


def _record(case: Case, state: State = State.INTENT, new_id: str | None = None) -> Record:
    now = case.effects.now()
    return Record("aws/123456789012/dev", "t", state, case.old, (case.old,), now, now, new_id)


def _made(case: Case) -> str:
    case.effects.write(_record(case))
    new_id, secret, created = case.effects.create(case.old, "t")
    assert abs(created - case.effects.now()) < 60
    case.effects.store(new_id, secret, created)
    return new_id


def test_the_journal(case: Case) -> None:
    case.effects.write(_record(case))
    assert case.journalled()
    case.effects.end(_record(case))
    assert not case.journalled()


def test_a_new_key_is_listed_known_and_proven(case: Case) -> None:
    new_id = _made(case)
    listed = case.effects.listed(case.old)
    assert set(listed) == {case.old, new_id}
    assert listed[new_id].active
    assert case.effects.known({new_id, "nobody"}) == {new_id}
    assert case.effects.prove(new_id) is Proof.ACCEPTED
    assert case.effects.alive(new_id)
    assert case.effects.listed(new_id) == listed


def test_a_third_key_is_refused(case: Case) -> None:
    _made(case)
    with pytest.raises(QuotaExceeded):
        case.effects.create(case.old, "t")


def test_an_inactive_key_is_not_proven(case: Case) -> None:
    new_id = _made(case)
    case.effects.set_active(case.old, new_id, False)
    assert not case.effects.listed(case.old)[new_id].active
    assert case.effects.prove(new_id) is Proof.NOT_YET
    assert not case.effects.alive(new_id)
    case.effects.set_active(case.old, new_id, True)
    assert case.effects.prove(new_id) is Proof.ACCEPTED


def test_delete_and_delete_again(case: Case) -> None:
    new_id = _made(case)
    case.effects.delete(case.old, new_id)
    assert set(case.effects.listed(case.old)) == {case.old}
    with pytest.raises(NoSuchEntity):
        case.effects.delete(case.old, new_id)


def test_switch_moves_the_pointer_and_can_be_repeated(case: Case) -> None:
    new_id = _made(case)
    record = _record(case, State.PROVEN, new_id)
    assert case.effects.prove(new_id) is Proof.ACCEPTED
    assert case.effects.pointer(record) == case.old
    case.effects.switch(case.old, new_id)
    case.effects.switch(case.old, new_id)
    assert case.effects.pointer(record) == new_id


def test_a_new_key_was_never_used_nor_elsewhere(case: Case) -> None:
    new_id = _made(case)
    assert case.effects.used(case.old, new_id) == NEVER
    assert not case.effects.elsewhere(new_id)
    assert case.effects.own_use_until(new_id) == 0.0
    assert case.effects.sessions_until(new_id) == 0.0


def test_a_key_nobody_has_cannot_be_changed(case: Case) -> None:
    for change in (
        lambda: case.effects.set_active(case.old, "A" * 20, False),
        lambda: case.effects.delete(case.old, "A" * 20),
    ):
        with pytest.raises(NoSuchEntity):
            change()


def test_forget_can_be_repeated(case: Case) -> None:
    new_id = _made(case)
    case.effects.forget(new_id)
    case.effects.forget(new_id)
    assert case.effects.known({new_id}) == frozenset()
