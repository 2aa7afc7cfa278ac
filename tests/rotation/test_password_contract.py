"""The Effects contract of a password change: the fake world, and IAM over HTTP, vault and store."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from credguard.app import keys
from credguard.app.context import Context
from credguard.app.password_effects import RealEffects
from credguard.errors import NetworkDown, PasswordPolicyViolation, PasswordRefused
from credguard.rotation.password import Record, State
from credguard.rotation.password_driver import Effects
from credguard.secret import Secret
from credguard.store import passwords, profiles
from credguard.vault.base import key_item, password_item
from credguard.vault.memory import MemoryVault
from tests.rotation.password_world import FakeEffects, World
from tests.support import passwords as aws
from tests.support import samples
from tests.support.simulator import Simulator

IDENTITY = "aws/123456789012/dev"


@dataclass
class Case:
    effects: Effects
    value: Callable[[int], str | None]
    in_force: Callable[[], str]
    faults: Callable[[list[str]], None]
    journal: Callable[[], bool]
    pointer: Callable[[], int | None]
    reuse: Callable[[bool], None]


def _fake() -> Case:
    world = World(vault={1: "typed"})
    return Case(
        FakeEffects(world),
        world.vault.get,
        lambda: world.in_force,
        lambda faults: setattr(world, "faults", faults),
        lambda: world.journal is not None,
        lambda: world.pointer,
        lambda first: setattr(world, "reuse_first", first),
    )


def _real(simulator: Simulator) -> Case:
    ctx = Context()
    vault = MemoryVault()
    ctx.__dict__["vault"] = vault
    vault.put(key_item("aws", simulator.account, simulator.key_id), simulator.secret)
    key = keys.prove(simulator.key_id, simulator.secret, None, "add")
    profiles.add_profile(ctx.db, "work", key, 1.0, consent=True)
    typed = samples.text(20)
    aws.user("dev").password = typed
    effects = RealEffects(ctx, profiles.profile(ctx.db, "work"))
    effects.put(1, Secret(typed))

    def value(number: int) -> str | None:
        found = vault.get(password_item(IDENTITY, number))
        return None if found is None else found.reveal()

    def pointer() -> int | None:
        found = passwords.password(ctx.db, IDENTITY)
        return None if found is None else found.generation

    return Case(
        effects,
        value,
        lambda: str(aws.user("dev").password),
        lambda faults: setattr(aws.script, "faults", faults),
        lambda: IDENTITY in passwords.changes(ctx.db),
        pointer,
        lambda first: setattr(aws.script, "reuse_first", first),
    )


@pytest.fixture(params=["fake", "real"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param == "fake":
        return _fake()
    return _real(request.getfixturevalue("simulator"))


def _record(pending: int | None = None, target: int = 2) -> Record:
    return Record(IDENTITY, State.SENT, (1,), target, 5.0, pending=pending)


def _stored(case: Case, pending: int, target: int) -> None:
    case.effects.store(target)
    case.effects.write(_record(pending, target))


def test_a_change_from_the_right_password(case: Case) -> None:
    _stored(case, 1, 2)
    assert case.effects.held(frozenset({1, 2, 3})) == {1, 2}
    case.effects.change(1, 2)
    assert case.in_force() == case.value(2) != case.value(1)


def test_a_wrong_old_password_changes_nothing(case: Case) -> None:
    before = case.in_force()
    _stored(case, 2, 3)
    case.effects.store(2)
    with pytest.raises(PasswordRefused):
        case.effects.change(2, 3)
    assert case.in_force() == before


def test_a_lost_answer_was_executed_and_a_lost_request_not(case: Case) -> None:
    _stored(case, 1, 2)
    case.faults(["down", "lost"])
    with pytest.raises(NetworkDown):
        case.effects.change(1, 2)
    assert case.in_force() == case.value(1)
    with pytest.raises(NetworkDown):
        case.effects.change(1, 2)
    assert case.in_force() == case.value(2)
    with pytest.raises(PasswordRefused):
        case.effects.change(1, 2)


@pytest.mark.parametrize("first", [True, False])
def test_a_reused_password_is_refused(case: Case, first: bool) -> None:
    _stored(case, 1, 2)
    case.effects.change(1, 2)
    case.reuse(first)
    case.effects.write(_record(2, 1))
    with pytest.raises(PasswordPolicyViolation):
        case.effects.change(2, 1)
    assert case.in_force() == case.value(2)


def test_journal_switch_and_forget_can_be_repeated(case: Case) -> None:
    _stored(case, 1, 2)
    assert case.journal()
    for _ in range(2):
        case.effects.switch(_record())
        assert case.pointer() == 2
        assert case.journal()
    for _ in range(2):
        case.effects.forget(1)
        assert case.value(1) is None
        case.effects.end(_record())
        assert not case.journal()
