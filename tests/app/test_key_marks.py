"""What a person said of a key outlives the run: it leaked, or it was locked out; IAM over HTTP."""

import pytest
from click.exceptions import Exit

from credguard import config
from credguard.app import keys, rotate, rotate_decide, rotate_due, tick
from credguard.app.context import Context
from credguard.app.rotate import Wanted
from credguard.app.rotate_status import statuses
from credguard.cli import rotate as cli
from credguard.store import problems, profiles
from tests.support import in_memory
from tests.support.fault_table import Fault
from tests.support.faults import FaultProxy
from tests.support.simulator import Simulator

IDENTITY = "aws/123456789012/dev"
YES = Wanted(yes=True)


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


def test_a_key_activated_after_a_lock_out_is_active(ctx: Context, simulator: Simulator) -> None:
    rotate_decide.lock_out(ctx, "work", YES)
    simulator.iam().set_status(simulator.key_id, "Active")
    keys.add(ctx, "work", simulator.key_id, simulator.secret)
    (row,) = statuses(ctx)
    assert row.state == "active"


def test_a_lock_out_in_grace_is_said_of_the_new_key(ctx: Context, simulator: Simulator) -> None:
    rotate.rotate(ctx, ["work"])
    new = handed_out(ctx)
    rotate_decide.lock_out(ctx, "work", YES)
    assert {row.key_id: row.state for row in statuses(ctx)} == {
        simulator.key_id: "grace",
        new: "locked out",
    }
