"""The answers to what got out, besides those to a key in use: tests/e2e/test_leak.py has them."""

import pytest

from credguard.app import leak, password, rotate
from credguard.app.tick import tick, told
from credguard.errors import NetworkDown
from credguard.secret import Secret
from credguard.store import events, leaks, problems, profiles
from credguard.vault.base import key_item, password_item
from tests.support import passwords as aws
from tests.support import samples
from tests.support.faults import Fault, FaultProxy
from tests.support.leaks import World
from tests.support.simulator import Simulator

pytestmark = pytest.mark.usefixtures("compiled_rules")
IDENTITY = "aws/123456789012/dev"


def out(world: World, item: str) -> None:
    """The value of `item` is seen to have got out."""
    world.leaks.out(leaks.Place(item, "", "", "/synced/file", 1, world.at), "for a test")
    world.at += 1
    world.due()


def key(world: World) -> str:
    return key_item("aws", world.simulator.account, world.simulator.key_id)


def only(world: World) -> leaks.Leak:
    (found,) = leaks.all_(world.ctx.db)
    return found


@pytest.fixture
def world(simulator: Simulator) -> World:
    return World(simulator, 0)


def with_password(world: World) -> str:
    typed = samples.text(18, 5)
    aws.user("dev").password = typed
    assert password.rotate(world.ctx, "work", Secret(typed)).state == "done"
    return str(aws.user("dev").password)


def test_a_console_password_is_changed_once(world: World) -> None:
    before = with_password(world)
    out(world, password_item(IDENTITY, password.statuses(world.ctx)[0].generation or 0))
    (answered,) = leak.answer_due(world.ctx)
    assert answered.answer.startswith("password: it is in force: changed at once; generation ")
    after = aws.user("dev").password
    assert after != before
    assert leak.answer_due(world.ctx) == []
    assert aws.user("dev").password == after


def test_a_password_of_before_is_only_reported(world: World) -> None:
    with_password(world)
    first = password.statuses(world.ctx)[0].generation or 0
    assert password.rotate(world.ctx, "work").state == "done"
    now = aws.user("dev").password
    out(world, password_item(IDENTITY, first))
    (answered,) = leak.answer_due(world.ctx)
    assert answered.answer.startswith("report")
    assert aws.user("dev").password == now


def test_a_password_whose_change_was_midway_ends_as_another(world: World) -> None:
    with_password(world)
    generation = password.statuses(world.ctx)[0].generation or 0
    leaked = password_item(IDENTITY, generation + 1)
    aws.script.faults = ["lost", "down"]  # generation + 1 is in force, and nobody knows it
    with pytest.raises(NetworkDown):
        password.rotate(world.ctx, "work")
    out(world, leaked)
    (answered,) = leak.answer_due(world.ctx)
    assert answered.state == "answered"
    value = world.ctx.vault.get(leaked)
    assert value is None or aws.user("dev").password != value.reveal()


def test_what_fails_is_told_once_and_tried_again(
    world: World, faults: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults.script(Fault("CreateAccessKey", "denied"))
    out(world, key(world))
    notes = [each for each in tick(world.ctx) if each.subject.startswith(leak.PROBLEM)]
    (note,) = notes
    assert note.tell
    assert note.problem
    told(world.ctx, note)
    assert only(world).state == "waiting"
    assert leak.answer_due(world.ctx) == []  # not at once again
    world.at += 1000
    (note,) = [each for each in tick(world.ctx) if each.subject.startswith(leak.PROBLEM)]
    assert not note.tell
    failed = [each for each in events.recent(world.ctx.db) if each.kind == "leak.failed"]
    assert len(failed) == 1
    faults.script()
    world.at += 1000
    leak.answer_due(world.ctx)
    assert only(world).state == "answered"
    assert [p for p in problems.present(world.ctx.db) if p.subject.startswith(leak.PROBLEM)] == []
    assert world.statuses[world.simulator.key_id] == "Inactive"


def test_a_key_in_use_that_aws_refuses_is_reported_once_that_is_sure(world: World) -> None:
    world.simulator.iam().set_status(world.simulator.key_id, "Inactive")
    out(world, key(world))
    (waiting,) = leak.answer_due(world.ctx)
    assert waiting.state == "waiting"  # a new key is not known everywhere at first
    world.at += 1801
    (answered,) = leak.answer_due(world.ctx)
    assert answered.answer.startswith("report: AWS takes it no more")


def test_a_key_whose_profiles_are_gone_is_told(world: World) -> None:
    rotate.rotate(world.ctx, ["work"], yes=True)  # the old key rests, a rotation is on the way
    for each in profiles.profiles(world.ctx.db):
        world.ctx.db.execute("DELETE FROM profile WHERE name = ?", (each.name,))
    out(world, key(world))
    (answered,) = leak.answer_due(world.ctx)
    assert answered.answer.startswith("tell")


@pytest.mark.parametrize("item", ["secret/token", "ssh/laptop", "ssh-key/laptop"])
def test_what_only_a_person_can_replace_is_told(world: World, item: str) -> None:
    out(world, item)
    (note,) = [each for each in tick(world.ctx) if "leak" in each.title]
    assert note.title == "credguard: a leak needs you"
    assert note.tell
    assert only(world).state == "answered"


def test_answer_now_does_not_wait_for_the_countdown(simulator: Simulator) -> None:
    world = World(simulator, 600)
    out(world, key(world))
    assert leak.answer_due(world.ctx) == []
    (answered,) = leak.answer_now(world.ctx)
    assert answered.state == "answered"
    assert world.statuses[simulator.key_id] == "Inactive"


def test_a_crash_between_the_rotation_and_its_note_does_not_rotate_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    out(world, key(world))
    real = leaks.set_state

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(leaks, "set_state", crash)
    with pytest.raises(KeyboardInterrupt):
        leak.answer_due(world.ctx)
    monkeypatch.setattr(leaks, "set_state", real)
    new = profiles.profile(world.ctx.db, "work").key.key_id
    leak.answer_due(world.ctx)
    assert only(world).state == "answered"
    assert profiles.profile(world.ctx.db, "work").key.key_id == new
    assert world.statuses == {world.simulator.key_id: "Inactive", new: "Active"}
