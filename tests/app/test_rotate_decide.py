"""What a person decides about a rotation, against IAM over HTTP."""

import pytest

from credguard import config
from credguard.app import rotate, rotate_decide, rotate_names
from credguard.app.context import Context
from credguard.app.rotate import Wanted
from credguard.app.rotate_status import statuses
from credguard.errors import (
    InvalidKey,
    NotPermitted,
    QuotaExceeded,
    RotationRefused,
    StoreError,
    UnknownProfile,
)
from credguard.store import events, journal, profiles
from tests.support import in_memory
from tests.support.simulator import Simulator

IDENTITY = "aws/123456789012/dev"
YES = Wanted(yes=True)
DAY = 86400.0


@pytest.fixture
def ctx(simulator: Simulator) -> Context:
    """A profile "work", rotated up to the switch: grace runs."""
    config.set_value("rotation.prove_interval", "0s")
    return in_memory.context(simulator, "work")


def switched(ctx: Context) -> str:
    (outcome,) = rotate.rotate(ctx, ["work"], yes=True)
    assert outcome.why == "grace", outcome
    assert outcome.new_id is not None
    return outcome.new_id


def handed_out(ctx: Context) -> str:
    return profiles.profile(ctx.db, "work").key.key_id


def test_the_way_back_in_grace(
    ctx: Context, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = switched(ctx)
    outcome = rotate_decide.rollback(ctx, "work", YES)
    assert (outcome.state, outcome.why) == ("waiting", "grace")
    assert handed_out(ctx) == simulator.key_id
    assert dict(simulator.iam().keys("dev")) == {simulator.key_id: "Active", new: "Active"}
    assert not profiles.profile(ctx.db, "work").consent
    in_memory.later(monkeypatch, ctx, 1.1 * DAY)
    rotate.rotate(ctx, ["work"])
    assert dict(simulator.iam().keys("dev"))[new] == "Inactive"
    in_memory.later(monkeypatch, ctx, 7.1 * DAY)
    (outcome,) = rotate.rotate(ctx, [])
    assert outcome.state == "done"
    assert simulator.iam().keys("dev") == [(simulator.key_id, "Active")]
    (outcome,) = rotate.rotate(ctx, ["work"])  # and not again by itself
    assert isinstance(outcome.error, RotationRefused)


def test_the_way_back_in_soak_activates_the_old_key(
    ctx: Context, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = switched(ctx)
    in_memory.later(monkeypatch, ctx, 1.1 * DAY)
    (outcome,) = rotate.rotate(ctx, ["work"])
    assert outcome.why == "soak"
    assert dict(simulator.iam().keys("dev"))[simulator.key_id] == "Inactive"
    rotate_decide.rollback(ctx, "work", YES)
    assert handed_out(ctx) == simulator.key_id
    assert dict(simulator.iam().keys("dev")) == {simulator.key_id: "Active", new: "Active"}


def test_a_rollback_said_twice_does_not_go_forward_again(
    ctx: Context, simulator: Simulator
) -> None:
    new = switched(ctx)
    rotate_decide.rollback(ctx, "work", YES)
    outcome = rotate_decide.rollback(ctx, "work", YES)
    assert isinstance(outcome.error, RotationRefused)
    assert new in str(outcome.error)
    assert handed_out(ctx) == simulator.key_id


def test_a_key_that_another_profile_hands_out_is_not_stopped(
    ctx: Context, simulator: Simulator
) -> None:
    new = switched(ctx)
    effects = rotate.effects_for(ctx, rotate.identity_of(ctx, "work"), YES)
    with pytest.raises(RotationRefused, match="still handed out by work"):
        effects.set_active(simulator.key_id, new, False)
    with pytest.raises(RotationRefused, match="still handed out by work"):
        effects.delete(simulator.key_id, new)
    assert dict(simulator.iam().keys("dev"))[new] == "Active"


def test_without_a_rotation_there_is_no_way_back(ctx: Context) -> None:
    outcome = rotate_decide.rollback(ctx, "work", YES)
    assert isinstance(outcome.error, RotationRefused)
    with pytest.raises(UnknownProfile):
        rotate_decide.rollback(ctx, "nobody", YES)


def test_an_emergency_leaves_the_leaked_key_dead(ctx: Context, simulator: Simulator) -> None:
    outcome = rotate_decide.emergency(ctx, "work", YES)
    assert (outcome.state, outcome.why) == ("waiting", "soak")
    assert outcome.until is not None
    assert outcome.until - ctx.now() <= 3600
    assert dict(simulator.iam().keys("dev"))[simulator.key_id] == "Inactive"
    assert handed_out(ctx) != simulator.key_id


def test_an_emergency_in_grace_kills_both_leaked_keys(ctx: Context, simulator: Simulator) -> None:
    new = switched(ctx)
    outcome = rotate_decide.emergency(ctx, "work", YES)
    assert outcome.why == "soak", outcome
    now = dict(simulator.iam().keys("dev"))
    assert simulator.key_id not in now
    assert now[new] == "Inactive"
    assert handed_out(ctx) not in {new, simulator.key_id}


def test_an_emergency_about_the_previous_key_spares_the_new_one(
    ctx: Context, simulator: Simulator
) -> None:
    new = switched(ctx)
    simulator.iam().set_last_used(simulator.key_id, ctx.now() + 3000)  # no extension
    outcome = rotate_decide.emergency(ctx, "work", YES, leaked=simulator.key_id)
    assert outcome.why == "soak"
    assert dict(simulator.iam().keys("dev")) == {simulator.key_id: "Inactive", new: "Active"}
    assert handed_out(ctx) == new


def test_where_no_key_can_be_made_the_lock_out_is_offered(
    ctx: Context, simulator: Simulator
) -> None:
    simulator.iam().create_key("dev")
    outcome = rotate_decide.emergency(ctx, "work", YES)
    assert isinstance(outcome.error, QuotaExceeded)
    assert "--lock-out work" in outcome.error.hint
    outcome = rotate_decide.lock_out(ctx, "work", YES)
    assert outcome.state == "locked-out"
    assert dict(simulator.iam().keys("dev"))[simulator.key_id] == "Inactive"


def test_under_quarantine_the_lock_out_deletes(ctx: Context, simulator: Simulator) -> None:
    simulator.iam().set_policy(
        "dev",
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},'
        '{"Effect":"Deny","Action":["iam:CreateAccessKey","iam:UpdateAccessKey"],"Resource":"*"}]}',
    )
    outcome = rotate_decide.emergency(ctx, "work", YES)
    assert isinstance(outcome.error, NotPermitted)
    assert "--lock-out work" in outcome.error.hint
    rotate_decide.lock_out(ctx, "work", YES)
    assert simulator.iam().keys("dev") == []


def test_use_elsewhere_blocks_until_a_person_decides(
    ctx: Context, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    switched(ctx)
    simulator.iam().set_last_used(simulator.key_id, ctx.now() + 3600)
    in_memory.later(monkeypatch, ctx, 30 * DAY)
    for _ in range(2):
        (outcome,) = rotate.rotate(ctx, [])
        assert outcome.state == "asks"
        assert outcome.why.startswith("blocked: used elsewhere (s3 in us-east-1")
    assert dict(simulator.iam().keys("dev"))[simulator.key_id] == "Active"
    row = next(row for row in statuses(ctx) if row.key_id == simulator.key_id)
    assert (row.state, row.next_at) == ("blocked", None)
    told = [each for each in events.recent(ctx.db) if each.kind == "rotation.asks"]
    assert len(told) == 1
    (outcome,) = rotate.rotate(ctx, ["work"], wanted=Wanted(deactivate=True))
    assert outcome.why == "soak"
    assert dict(simulator.iam().keys("dev"))[simulator.key_id] == "Inactive"


def test_a_key_used_elsewhere_by_a_persons_word_is_not_deactivated_unattended(
    ctx: Context, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles.set_elsewhere(ctx.db, simulator.key_id, elsewhere=True)
    switched(ctx)
    in_memory.later(monkeypatch, ctx, 30 * DAY)
    (outcome,) = rotate.rotate(ctx, [])
    assert outcome.why == "blocked: used elsewhere, as you said when it was imported"
    rotate.rotate(ctx, ["work"], wanted=Wanted(deactivate=True))
    in_memory.later(monkeypatch, ctx, 8 * DAY)
    (outcome,) = rotate.rotate(ctx, [])
    assert outcome.state == "done"
    assert not profiles.profile(ctx.db, "work").used_elsewhere


def test_the_new_key_deleted_in_the_console_goes_back_to_the_old(
    ctx: Context, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = switched(ctx)
    from credguard.aws import iam
    from credguard.aws.model import Credentials

    iam.delete_access_key(Credentials(simulator.key_id, simulator.secret), "dev", new)
    in_memory.later(monkeypatch, ctx, 2 * DAY)
    (outcome,) = rotate.rotate(ctx, ["work"])
    assert outcome.why == "grace"
    assert handed_out(ctx) == simulator.key_id
    in_memory.later(monkeypatch, ctx, 2 * DAY)
    (outcome,) = rotate.rotate(ctx, [])
    assert outcome.state == "done"
    assert [key.key_id for key in profiles.keys(ctx.db)] == [simulator.key_id]


def test_a_way_back_in_one_run_names_the_key_that_is_in_use(
    ctx: Context, simulator: Simulator
) -> None:
    new = switched(ctx)
    for name in ("grace", "soak"):
        config.set_value(f"rotation.{name}", "0s")
    ctx.__dict__.pop("config", None)
    outcome = rotate_decide.rollback(ctx, "work", YES)
    assert (outcome.state, outcome.new_id, outcome.old_id) == ("done", simulator.key_id, new)
    assert simulator.iam().keys("dev") == [(simulator.key_id, "Active")]


def test_both_keys_dead_is_said_and_nothing_is_thrown_away(
    ctx: Context, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = switched(ctx)
    simulator.iam().set_status(simulator.key_id, "Inactive")
    simulator.iam().set_status(new, "Inactive")
    in_memory.later(monkeypatch, ctx, 2 * DAY)
    (outcome,) = rotate.rotate(ctx, ["work"])
    assert outcome.state == "asks"
    assert new in outcome.why
    assert simulator.key_id in outcome.why
    assert {key.key_id for key in profiles.keys(ctx.db)} == {new, simulator.key_id}


def test_a_renamed_user_is_followed(
    ctx: Context, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = switched(ctx)
    from moto.iam.models import iam_backends

    iam_backends[simulator.account]["aws"].update_user("dev", "/", "developer")
    in_memory.later(monkeypatch, ctx, 2 * DAY)
    (outcome,) = rotate.rotate(ctx, ["work"])
    assert (outcome.identity, outcome.why) == ("aws/123456789012/developer", "soak")
    assert profiles.profile(ctx.db, "work").key.user_name == "developer"
    assert journal.identities(ctx.db) == ["aws/123456789012/developer"]
    assert dict(simulator.iam().keys("developer")) == {
        simulator.key_id: "Inactive", new: "Active",
    }  # fmt: skip


def test_a_damaged_journal_touches_nothing_and_can_be_rebuilt(
    ctx: Context, simulator: Simulator
) -> None:
    new = switched(ctx)
    ctx.db.execute("UPDATE rotation SET record = substr(record, 1, 20)")
    (outcome,) = rotate.rotate(ctx, ["work"], yes=True)
    assert isinstance(outcome.error, StoreError)
    assert outcome.error.hint.endswith(": credguard rotate --rebuild work")
    assert {row.state for row in statuses(ctx)} == {"UNKNOWN"}
    assert {row.next_step for row in statuses(ctx)} == {"rebuild: credguard rotate --rebuild work"}
    outcome = rotate_decide.rebuild(ctx, "work", YES)
    assert outcome.state == "rebuilt"
    assert f"{new} is in use and Active" in outcome.why
    assert simulator.key_id in outcome.why
    assert dict(simulator.iam().keys("dev")) == {simulator.key_id: "Active", new: "Active"}


def test_without_a_journal_a_second_key_of_ours_goes_only_with_a_yes(
    ctx: Context, simulator: Simulator
) -> None:
    new = switched(ctx)
    journal.remove(ctx.db, IDENTITY)
    (outcome,) = rotate.rotate(ctx, ["work"])
    assert isinstance(outcome.error, QuotaExceeded)
    assert simulator.key_id in str(outcome.error)
    (outcome,) = rotate.rotate(ctx, ["work"], yes=True)
    assert (outcome.why, outcome.old_id, outcome.new_id) == ("grace", simulator.key_id, new)
    assert handed_out(ctx) == new


def test_a_named_key_in_the_way_is_deleted(ctx: Context, simulator: Simulator) -> None:
    other, _ = simulator.iam().create_key("dev")
    (outcome,) = rotate.rotate(ctx, ["work"], wanted=Wanted(yes=True, delete=(other,)))
    assert outcome.why == "grace"
    assert other not in dict(simulator.iam().keys("dev"))


def test_an_inactive_key_in_the_way_goes_after_its_time(ctx: Context, simulator: Simulator) -> None:
    other, _ = simulator.iam().create_key("dev")
    simulator.iam().set_status(other, "Inactive")
    simulator.iam().set_created(other, ctx.now() - 91 * DAY)
    (outcome,) = rotate.rotate(ctx, ["work"], yes=True)
    assert isinstance(outcome.error, QuotaExceeded)
    config.set_value("rotation.delete_foreign_inactive", "90d")
    del ctx.__dict__["config"]
    (outcome,) = rotate.rotate(ctx, ["work"], yes=True)
    assert outcome.why == "grace"


def test_a_source_profile_chain_rotates_the_key_behind_it(
    ctx: Context, simulator: Simulator
) -> None:
    from credguard import paths

    file = paths.aws_config_file()
    import os

    os.makedirs(os.path.dirname(file), exist_ok=True)
    with open(file, "a", encoding="utf-8") as out:
        out.write(
            "[profile admin]\nrole_arn = arn:aws:iam::1:role/a\nsource_profile = middle\n"
            "[profile middle]\nrole_arn = arn:aws:iam::1:role/m\nsource_profile = work\n"
            "[profile round]\nsource_profile = about\n[profile about]\nsource_profile = round\n"
            "[profile sso]\nsso_session = corp\n"
            "[profile taken]\ninclude_profile = over\nrole_arn = arn:aws:iam::1:role/t\n"
            "[profile over]\ninclude_profile = taken\nsource_profile = middle\n"
            "[profile login]\ninclude_profile = sso\n"
            "[profile turn]\ninclude_profile = turns\n[profile turns]\ninclude_profile = turn\n"
        )
    (outcome,) = rotate.rotate(ctx, ["admin", "work"], yes=True)
    assert outcome.old_id == simulator.key_id
    with pytest.raises(RotationRefused, match="circle"):
        rotate_names.identity_of(ctx, "round")
    with pytest.raises(RotationRefused, match="Identity Center"):
        rotate_names.identity_of(ctx, "sso")
    for unknown in ("nobody", "turn"):
        with pytest.raises(UnknownProfile):
            rotate_names.identity_of(ctx, unknown)
    assert rotate_names.identity_of(ctx, "taken") == IDENTITY
    with pytest.raises(RotationRefused, match="Identity Center"):
        rotate_names.identity_of(ctx, "login")


def test_a_key_that_iam_does_not_accept_is_said(ctx: Context, simulator: Simulator) -> None:
    simulator.iam().set_status(simulator.key_id, "Inactive")
    (outcome,) = rotate.rotate(ctx, ["work"], yes=True)
    assert isinstance(outcome.error, InvalidKey)
    assert journal.identities(ctx.db) == []
