import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credguard import config
from credguard.app import keys, rotate, rotate_due
from credguard.app.context import Context
from credguard.app.rotate_guard import alone
from credguard.app.rotate_status import statuses
from credguard.config_model import RotationConfig
from credguard.errors import Busy, NetworkDown, QuotaExceeded, RotationRefused
from credguard.store import journal, profiles
from credguard.vault.base import key_item
from tests.support import in_memory
from tests.support.simulator import Simulator


@pytest.fixture
def ctx(simulator: Simulator) -> Context:
    for name in ("grace", "soak", "orphan_wait", "prove_interval"):
        config.set_value(f"rotation.{name}", "0s")
    return _context(simulator)


def _context(simulator: Simulator) -> Context:
    return in_memory.context(simulator, "work", "same", consent=False)


def test_the_whole_way_with_nothing_to_wait_for(ctx: Context, simulator: Simulator) -> None:
    (outcome,) = rotate.rotate(ctx, ["work"], yes=True)
    assert outcome.error is None
    assert outcome.state == "done"
    assert outcome.profiles == ["same", "work"]
    ((key_id, status),) = simulator.iam().keys("dev")
    assert status == "Active"
    assert key_id != simulator.key_id
    assert {each.key.key_id for each in profiles.profiles(ctx.db)} == {key_id}
    assert [each.key_id for each in profiles.keys(ctx.db)] == [key_id]
    assert ctx.vault.get(key_item("aws", simulator.account, simulator.key_id)) is None
    assert RealProof(ctx).holds("work")
    assert journal.identities(ctx.db) == []


class RealProof:
    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def holds(self, name: str) -> bool:
        from credguard.aws import sts

        return sts.caller_identity(keys.credentials(self._ctx, name)).user_name == "dev"


def test_at_the_defaults_it_returns_after_the_switch(simulator: Simulator) -> None:
    config.set_value("rotation.prove_interval", "0s")
    ctx = _context(simulator)
    (outcome,) = rotate.rotate(ctx, ["work"], yes=True)
    assert outcome.state == "waiting"
    assert outcome.why == "grace"
    assert outcome.until is not None
    assert abs(outcome.until - ctx.now() - 86400) < 60
    assert dict(simulator.iam().keys("dev"))[simulator.key_id] == "Active"
    (again,) = rotate.rotate(ctx, ["work"], yes=True)
    assert again.state == "waiting"
    assert len(simulator.iam().keys("dev")) == 2
    rows = {row.key_id: row for row in statuses(ctx)}
    assert rows[simulator.key_id].next_step == "deactivate"
    assert rows[simulator.key_id].next_at == outcome.until


def test_without_a_yes_nothing_happens(ctx: Context, simulator: Simulator) -> None:
    (outcome,) = rotate.rotate(ctx, ["work"])
    assert isinstance(outcome.error, RotationRefused)
    assert [key_id for key_id, _ in simulator.iam().keys("dev")] == [simulator.key_id]
    simulator.iam().set_created(simulator.key_id, 1_000_000.0)
    profiles.add_key(ctx.db, keys.prove(simulator.key_id, simulator.secret, None, "import"), 1.0)
    assert rotate_due.due(ctx) == ["aws/123456789012/dev"]
    rotate.rotate(ctx, [])
    assert [key_id for key_id, _ in simulator.iam().keys("dev")] == [simulator.key_id]


def test_due_follows_iams_date_and_an_earlier_yes(ctx: Context, simulator: Simulator) -> None:
    rotate.rotate(ctx, ["work"], yes=True)
    assert rotate_due.due(ctx) == []
    ((key_id, _),) = simulator.iam().keys("dev")
    ctx.db.execute("UPDATE key SET created = ?", (ctx.now() - 31 * 86400,))
    assert rotate_due.due(ctx) == ["aws/123456789012/dev"]
    (outcome,) = rotate.rotate(ctx, [])
    assert outcome.state == "done"
    assert simulator.iam().keys("dev")[0][0] != key_id


def test_a_dry_run_changes_nothing(ctx: Context, simulator: Simulator) -> None:
    (outcome,) = rotate.rotate(ctx, ["work"], dry_run=True, yes=True)
    assert outcome.state == "planned"
    assert simulator.iam().keys("dev") == [(simulator.key_id, "Active")]
    assert journal.identities(ctx.db) == []
    assert not profiles.profile(ctx.db, "work").consent


def test_a_dry_run_says_that_a_rotation_is_on_the_way(ctx: Context, simulator: Simulator) -> None:
    config.set_value("rotation.grace", "24h")
    rotate.rotate(ctx, ["work"], yes=True)
    before = simulator.iam().keys("dev")
    (outcome,) = rotate.rotate(ctx, ["work"], dry_run=True)
    assert outcome.state == "midway"
    assert (outcome.old_id, outcome.new_id) == (before[0][0], before[1][0])
    assert simulator.iam().keys("dev") == before


def test_the_status_names_the_command_that_gives_the_yes(ctx: Context) -> None:
    (row,) = statuses(ctx)
    assert row.next_step == "needs a yes: credguard rotate same --yes"


def test_a_mistyped_key_to_keep_is_refused(ctx: Context, simulator: Simulator) -> None:
    config.set_value("rotation.grace", "24h")
    rotate.rotate(ctx, ["work"], yes=True)
    before = journal.read(ctx.db, "aws/123456789012/dev")
    (outcome,) = rotate.rotate(ctx, ["work"], keep=("AKIAX",))
    assert isinstance(outcome.error, RotationRefused)
    assert "dev has no key AKIAX" in str(outcome.error)
    assert journal.read(ctx.db, "aws/123456789012/dev") == before


def test_a_second_key_of_someone_else_is_never_touched(ctx: Context, simulator: Simulator) -> None:
    other, _ = simulator.iam().create_key("dev")
    (outcome,) = rotate.rotate(ctx, ["work"], yes=True)
    assert isinstance(outcome.error, QuotaExceeded)
    assert other in str(outcome.error)
    assert dict(simulator.iam().keys("dev")) == {simulator.key_id: "Active", other: "Active"}


def test_no_network_is_said_and_nothing_begun(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    (outcome,) = rotate.rotate(ctx, ["work"], yes=True)
    assert isinstance(outcome.error, NetworkDown)
    assert journal.identities(ctx.db) == []


def test_two_at_once_are_kept_apart(ctx: Context) -> None:
    with alone("aws/123456789012/dev"):
        (outcome,) = rotate.rotate(ctx, ["work"], yes=True)
    assert isinstance(outcome.error, Busy)


@pytest.mark.parametrize(
    ("allowed", "refused"),
    [
        ("iam:List*, iam:Get*", "iam:UpdateAccessKey, iam:DeleteAccessKey"),
        ("iam:List*, iam:Get*, iam:Update*, iam:Delete*", "iam:CreateAccessKey"),
        ("iam:List*, iam:Update*, iam:Delete*, iam:Create*", "iam:GetAccessKeyLastUsed"),
        ("iam:Get*", "iam:ListAccessKeys"),
    ],
)
def test_a_missing_permission_is_named_before_a_key_is_made(
    ctx: Context, simulator: Simulator, allowed: str, refused: str
) -> None:
    actions = [*allowed.split(", "), "sts:*"]
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    simulator.iam().set_policy("dev", document)
    (outcome,) = rotate.rotate(ctx, ["work"], yes=True)
    assert outcome.error is not None
    assert refused in str(outcome.error)
    assert "iam:DeleteAccessKey" in outcome.error.hint
    assert "arn:aws:iam::*:user/${aws:username}" in outcome.error.hint
    assert journal.identities(ctx.db) == []
    assert simulator.iam().keys("dev") == [(simulator.key_id, "Active")]


def test_a_stray_key_is_named_with_its_time_and_then_goes(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.set_value("rotation.prove_interval", "0s")
    ctx = _context(simulator)
    from credguard.aws import iam

    real = iam.create_access_key

    def lost(*arguments: object) -> None:
        real(*arguments)  # type: ignore[arg-type]
        raise NetworkDown("the answer was lost")

    with monkeypatch.context() as patch:
        patch.setattr(iam, "create_access_key", lost)
        (outcome,) = rotate.rotate(ctx, ["work"], yes=True)
    assert outcome.state == "waiting"
    (stray,) = {key_id for key_id, _ in simulator.iam().keys("dev")} - {simulator.key_id}
    assert dict(simulator.iam().keys("dev"))[stray] == "Inactive"
    row = next(row for row in statuses(ctx) if row.state == "stray")
    assert row.key_id == stray
    assert row.next_step == "delete the stray key"
    assert row.next_at is not None
    monkeypatch.setattr(Context, "now", lambda self: row.next_at + 1)
    (outcome,) = rotate.rotate(ctx, ["work"], yes=True)
    assert outcome.state == "waiting"
    assert outcome.why == "grace"
    assert stray not in dict(simulator.iam().keys("dev"))


@given(st.text(min_size=1), st.floats(0, 4e9), st.sampled_from(["1d", "30d", "90d"]))
def test_a_key_falls_due_early_by_a_tenth_at_most_and_never_late(
    user: str, created: float, max_age: str
) -> None:
    key = profiles.Key("K", "aws", "123456789012", user, "U", created, "import")
    ctx = Context()
    ctx.__dict__["config"] = config.Config(rotation=RotationConfig(max_age=max_age))
    at, age = rotate_due.due_at(ctx, key), config.seconds(max_age)
    assert at is not None
    assert created + 0.9 * age - 1e-3 <= at <= created + age
    assert rotate_due.due_at(ctx, replace(key, key_id="other")) == at
