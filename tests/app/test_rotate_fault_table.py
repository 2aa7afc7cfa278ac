"""Whole rotations over HTTP under every fault of the table, at the first, second and every call.

With the fault the run ends as it ends, in an Outcome; without it the next ones come to rest with
one working key, no stray, and one CreateAccessKey a transaction.
"""

from types import SimpleNamespace
from typing import get_args

import pytest

from credguard import config
from credguard.app import keys, rotate
from credguard.app.context import Context
from credguard.aws import clients, sts
from credguard.store import chain, journal, profiles
from credguard.vault.base import key_item
from tests.support import in_memory
from tests.support.fault_table import AFTER_LOGIN, ALWAYS_EXECUTED, Fault, Kind
from tests.support.faults import FaultProxy
from tests.support.simulator import Simulator

IDENTITY = "aws/123456789012/dev"
ACTIONS = (
    "GetCallerIdentity", "ListAccessKeys", "GetAccessKeyLastUsed", "CreateAccessKey",
    "UpdateAccessKey", "DeleteAccessKey", "*",
)  # fmt: skip
CALLS: dict[str, dict[str, int]] = {"1st": {"nth": 1}, "2nd": {"nth": 2}, "every": {}}
# Executed, and then not said so.
LOSES_THE_ANSWER = {"drop", "500", "503"}


def _rows() -> list[object]:
    rows = []
    for action in ACTIONS:
        for kind in get_args(Kind):
            for call in CALLS:
                for executed in (False, True):
                    if executed and kind not in LOSES_THE_ANSWER:
                        continue
                    quick = action == "CreateAccessKey" and call == "1st"
                    name = f"{action}-{kind}-{call}" + ("-executed" if executed else "")
                    row = pytest.param(
                        action, kind, call, executed, id=name,
                        marks=() if quick else pytest.mark.slow,
                    )  # fmt: skip
                    rows.append(row)
    return rows


@pytest.fixture
def ctx(faults: FaultProxy, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Context:
    for name in ("grace", "soak", "orphan_wait", "prove_interval"):
        config.set_value(f"rotation.{name}", "0s")
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _s: None))
    return in_memory.context(simulator, "work")


def works(ctx: Context, simulator: Simulator) -> bool:
    key = profiles.profile(ctx.db, "work").key
    held = ctx.vault.get(key_item("aws", simulator.account, key.key_id)) is not None
    return held and dict(simulator.iam().keys("dev")).get(key.key_id) == "Active"


@pytest.mark.parametrize(("action", "kind", "call", "executed"), _rows())
def test_one_working_key_whatever_failed(
    ctx: Context, faults: FaultProxy, simulator: Simulator, monkeypatch: pytest.MonkeyPatch,
    action: str, kind: Kind, call: str, executed: bool,
) -> None:  # fmt: skip
    assert not executed or kind not in ALWAYS_EXECUTED | AFTER_LOGIN
    with pytest.MonkeyPatch.context() as impatient:
        if kind == "hang":
            for name in ("_READ_S", "_ONCE_READ_S"):
                impatient.setattr(clients, name, 0.05)
        faults.script(Fault(action, kind, executed=executed, **CALLS[call]))
        for _ in range(2):
            (outcome,) = rotate.rotate(ctx, ["work"])
            assert works(ctx, simulator), outcome
            if outcome.state in {"failed", "asks"}:
                assert outcome.why or str(outcome.error)
    faults.script()
    for _ in range(4):
        if not journal.identities(ctx.db):
            break
        (outcome,) = rotate.rotate_users(ctx, [IDENTITY])
        assert works(ctx, simulator), outcome
    assert journal.identities(ctx.db) == [], outcome
    pointer = profiles.profile(ctx.db, "work").key
    assert simulator.iam().keys("dev") == [(pointer.key_id, "Active")]
    assert [each.key_id for each in profiles.keys(ctx.db)] == [pointer.key_id]
    assert pointer.created is not None
    assert sts.caller_identity(keys.credentials(ctx, "work")).user_name == "dev"
    faults.assert_one_create_per_transaction()
    assert chain.verify(ctx.db, "event").broken_at is None
