"""What a rotation sends, counted at a proxy in front of IAM and STS."""

import pytest

from credguard import config
from credguard.app import rotate
from credguard.app.context import Context
from tests.support import in_memory
from tests.support.fault_table import Fault
from tests.support.faults import FaultProxy
from tests.support.simulator import Simulator

MOST = 24
PROOFS = 9


@pytest.fixture
def ctx(faults: FaultProxy, simulator: Simulator) -> Context:
    config.set_value("rotation.prove_interval", "0s")
    return in_memory.context(simulator, "work")


def _sent(faults: FaultProxy, before: int) -> list[str]:
    return [each.action for each in faults.requests()][before:]


def test_with_nothing_to_wait_for(ctx: Context, faults: FaultProxy) -> None:
    for name in ("grace", "soak", "orphan_wait"):
        config.set_value(f"rotation.{name}", "0s")
    before = len(faults.requests())
    (outcome,) = rotate.rotate(ctx, ["work"])
    assert outcome.state == "done"
    sent = _sent(faults, before)
    assert len(sent) <= MOST, sent
    proofs = [each for each in faults.requests()[before:] if each.key_id == outcome.new_id]
    assert [each.action for each in proofs[:PROOFS]] == [
        "GetCallerIdentity", "GetCallerIdentity", "ListAccessKeys",
    ] * 3  # fmt: skip
    assert len({each.region for each in proofs[:2]}) == 2
    faults.assert_one_create_per_transaction()


def test_at_the_defaults_hourly_looks_send_nothing_while_time_passes(
    ctx: Context, faults: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("credguard.app.rotate_effects.RealEffects.skew", lambda _self: 0.0)
    before, start = len(faults.requests()), ctx.now()
    (outcome,) = rotate.rotate(ctx, ["work"])
    assert outcome.why == "grace"
    for hour in range(1, 24 * 9):
        monkeypatch.setattr(Context, "now", lambda _self, hour=hour: start + hour * 3600.0)
        outcomes = rotate.rotate(ctx, [])
        if outcomes and outcomes[0].state == "done":
            break
    assert outcomes[0].state == "done"
    assert len(_sent(faults, before)) <= MOST


@pytest.mark.parametrize("executed", [False, True])
def test_a_lost_answer_of_create_sends_no_second_request(
    ctx: Context, faults: FaultProxy, simulator: Simulator, executed: bool
) -> None:
    for name in ("grace", "soak", "orphan_wait"):
        config.set_value(f"rotation.{name}", "0s")
    faults.script(Fault("CreateAccessKey", "drop", times=1, executed=executed))
    (outcome,) = rotate.rotate(ctx, ["work"])
    assert outcome.state == "done"
    assert faults.count("CreateAccessKey") == 2  # the first intent ended before the second began
    faults.assert_one_create_per_transaction()
    assert simulator.iam().keys("dev") == [(outcome.new_id, "Active")]
