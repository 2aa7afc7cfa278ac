"""What a person said of a key outlives the run: it leaked, or it was locked out; IAM over HTTP."""

import pytest
from click.exceptions import Exit

from credguard import config
from credguard.app import keys, rotate, rotate_decide, rotate_due, tick
from credguard.app.context import Context
from credguard.app.rotate import Wanted
from credguard.app.rotate_status import statuses
from credguard.cli import rotate as cli
from credguard.errors import RotationRefused
from credguard.store import events, problems, profiles
from tests.support import in_memory
from tests.support.fault_table import Fault
from tests.support.faults import FaultProxy
from tests.support.simulator import Simulator

IDENTITY = "aws/123456789012/dev"
YES = Wanted(yes=True)
DAY = 86400.0


@pytest.fixture
def ctx(simulator: Simulator) -> Context:
    config.set_value("rotation.prove_interval", "0s")
    return in_memory.context(simulator, "work")


def handed_out(ctx: Context) -> str:
    return profiles.profile(ctx.db, "work").key.key_id


def test_a_key_that_leaked_is_tried_again_until_another_took_over(
    faults: FaultProxy, ctx: Context, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new key is refused by STS, and IAM makes no further one: the leak is not forgotten."""
    new_only = lambda request: request.key_id != simulator.key_id  # noqa: E731
    faults.script(
        Fault("sts:*", "bad-signature", when=new_only), Fault("CreateAccessKey", "denied", nth=2)
    )
    outcome = rotate_decide.emergency(ctx, "work", YES)
    assert (outcome.state, outcome.why) == ("given-up", "AWS refuses its secret")
    with pytest.raises(Exit) as ended:
        cli._tell([outcome], as_json=False)
    assert ended.value.exit_code == 2
    (row,) = statuses(ctx)
    assert (row.state, row.next_step) == ("leaked", "replace at once")
    (problem,) = problems.present(ctx.db)
    assert problem.subject == f"key {simulator.key_id}"
    assert "--lock-out work" in problem.hint
    assert rotate_due.due(ctx) == [IDENTITY]
    (note,) = tick.tick(ctx)
    assert "iam:CreateAccessKey" in note.what
    assert rotate_due.due(ctx) == [IDENTITY]
    faults.script()
    in_memory.later(monkeypatch, ctx, 3600)
    tick.tick(ctx)
    assert handed_out(ctx) != simulator.key_id
    assert dict(simulator.iam().keys("dev"))[simulator.key_id] == "Inactive"  # with no grace
    assert [each.subject for each in problems.present(ctx.db)] == []


def test_a_lock_out_is_said_until_the_profile_has_another_key(
    ctx: Context, simulator: Simulator
) -> None:
    rotate_decide.lock_out(ctx, "work", YES)
    (row,) = statuses(ctx)
    assert (row.state, row.next_at) == ("locked out", None)
    assert "credguard add work" in row.next_step
    tick.tick(ctx)
    assert [each.kind for each in problems.present(ctx.db)] == ["locked out"]
    assert rotate_due.due(ctx) == []
    keys.add(ctx, "work", *simulator.iam().create_key("dev"))
    (row,) = statuses(ctx)
    assert row.state == "active"
    assert problems.present(ctx.db) == []
    key = f"key {simulator.key_id}"
    about = [each.kind for each in events.recent(ctx.db, families=frozenset({"problem"}))]
    assert about == ["problem.replaced", "problem.raised"]  # the stopped one does not work again
    assert {each.subject for each in events.recent(ctx.db, families=frozenset({"problem"}))} == {
        key
    }


def test_a_key_activated_after_a_lock_out_is_active(ctx: Context, simulator: Simulator) -> None:
    rotate_decide.lock_out(ctx, "work", YES)
    simulator.iam().set_status(simulator.key_id, "Active")
    keys.add(ctx, "work", simulator.key_id, simulator.secret)
    (row,) = statuses(ctx)
    assert row.state == "active"


@pytest.fixture
def stopped(ctx: Context) -> str:
    """The new key, locked out in its grace."""
    rotate.rotate(ctx, ["work"])
    new = handed_out(ctx)
    outcome = rotate_decide.lock_out(ctx, "work", YES)
    assert (outcome.state, outcome.error) == ("locked-out", None)
    assert f"key {new} is deactivated" in outcome.why
    assert "--rollback work" in outcome.why
    return new


def test_after_a_lock_out_in_grace_only_a_person_goes_back(
    ctx: Context, stopped: str, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {row.key_id: (row.state, row.next_step) for row in statuses(ctx)}
    assert said == {
        simulator.key_id: ("needs you", "deactivate"),
        stopped: ("locked out", "needs you"),
    }
    for seconds in (3600, 1.1 * DAY, 8 * DAY):
        in_memory.later(monkeypatch, ctx, seconds)
        tick.tick(ctx)
        assert handed_out(ctx) == stopped
        keys_now = dict(simulator.iam().keys("dev"))
        assert keys_now == {simulator.key_id: "Active", stopped: "Inactive"}
    (row, _new) = statuses(ctx)
    assert row.why == f"AWS does not accept {stopped} any more; it was locked out"
    assert "--rollback work" in cli._decision(row.why, "work")
    rotate_decide.rollback(ctx, "work", YES)
    assert handed_out(ctx) == simulator.key_id
    in_memory.later(monkeypatch, ctx, 3700)  # it is not kept for longer than one that leaked
    tick.tick(ctx)
    assert problems.present(ctx.db) == []
    assert simulator.iam().keys("dev") == [(simulator.key_id, "Active")]


def test_after_a_lock_out_in_grace_the_rotation_can_be_given_up(
    ctx: Context, stopped: str, simulator: Simulator
) -> None:
    outcome = rotate_decide.rebuild(ctx, "work", YES)
    assert outcome.state == "rebuilt", outcome
    (row,) = statuses(ctx)
    assert (row.key_id, row.state) == (stopped, "locked out")
    (problem,) = problems.present(ctx.db)
    assert problem.hint == "give the profile another key: credguard add work"
    keys.add(ctx, "work", simulator.key_id, simulator.secret)
    (row,) = statuses(ctx)
    assert (row.key_id, row.state) == (simulator.key_id, "active")
    assert problems.present(ctx.db) == []


def test_a_key_woken_after_its_lock_out_keeps_its_rotation(
    ctx: Context, stopped: str, simulator: Simulator
) -> None:
    simulator.iam().set_status(stopped, "Active")
    outcome = rotate_decide.rebuild(ctx, "work", YES)
    assert isinstance(outcome.error, RotationRefused)  # its journal is of use
    (outcome,) = rotate.rotate(ctx, ["work"])
    assert (outcome.state, outcome.why) == ("waiting", "grace")


def test_a_lock_out_before_the_switch_lets_the_new_key_take_over(
    faults: FaultProxy, ctx: Context, simulator: Simulator
) -> None:
    faults.script(Fault("sts:*", "invalid-key", when=lambda r: r.key_id != simulator.key_id))
    (outcome,) = rotate.rotate(ctx, ["work"])
    assert outcome.why == "AWS does not accept the new key yet"
    outcome = rotate_decide.lock_out(ctx, "work", YES)
    assert f"{outcome.new_id} takes over once it is proven" in outcome.why
    assert {row.key_id: row.state for row in statuses(ctx)} == {
        simulator.key_id: "locked out",
        outcome.new_id: "stored",
    }
    faults.script()
    (after,) = rotate.rotate(ctx, ["work"])
    assert after.why == "soak"
    assert handed_out(ctx) == outcome.new_id
    assert dict(simulator.iam().keys("dev"))[simulator.key_id] == "Inactive"


def test_a_lock_out_stops_the_key_of_the_profile_that_is_named(
    ctx: Context, simulator: Simulator
) -> None:
    other, secret = simulator.iam().create_key("dev")
    keys.add(ctx, "my other", other, secret)
    rotate_decide.lock_out(ctx, "my other", YES)
    assert dict(simulator.iam().keys("dev")) == {simulator.key_id: "Active", other: "Inactive"}
    (problem,) = problems.present(ctx.db)
    assert problem.hint == "give the profile another key: credguard add 'my other'"
