"""An IAM user that got another name, or is another one under the same name; IAM over HTTP."""

import pytest
from moto.iam.models import iam_backends

from credguard import config
from credguard.app import keys, password, renames, rotate, rotate_decide
from credguard.app.context import Context
from credguard.app.rotate import Wanted
from credguard.app.rotate_guard import PASSWORD, alone
from credguard.cli.rotate import _decision
from credguard.errors import Busy, RotationRefused
from credguard.secret import Secret
from credguard.store import journal, passwords, profiles
from credguard.vault.base import password_item
from tests.support import in_memory, samples
from tests.support import passwords as aws
from tests.support.simulator import ACCOUNT, Simulator

OLD, NEW = "aws/123456789012/dev", "aws/123456789012/ann"
TYPED = samples.text(20, 7)
YES = Wanted(yes=True)


@pytest.fixture
def ctx(simulator: Simulator) -> Context:
    config.set_value("rotation.prove_interval", "0s")
    aws.user("dev").password = TYPED
    return in_memory.context(simulator, "work")


def rename() -> None:
    iam_backends[ACCOUNT]["aws"].update_user("dev", None, "ann")


def in_force() -> str:
    return str(aws.user("ann").password)


def assert_kept(ctx: Context) -> None:
    assert password.current(ctx, "work").reveal() == in_force()
    (row,) = password.statuses(ctx)
    assert (row.identity, row.state) == (NEW, "kept")
    assert [number for number in range(9) if ctx.vault.get(password_item(OLD, number))] == []


def test_the_console_password_follows_with_the_rotation(ctx: Context) -> None:
    password.rotate(ctx, "work", Secret(TYPED))
    rename()
    rotate.rotate(ctx, ["work"], wanted=YES)
    assert_kept(ctx)
    password.rotate(ctx, "work")
    assert_kept(ctx)


def test_a_change_of_the_password_follows_the_name_itself(ctx: Context) -> None:
    password.rotate(ctx, "work", Secret(TYPED))
    before = str(aws.user("dev").password)
    rename()
    assert password.rotate(ctx, "work").state == "done"
    assert in_force() != before
    assert_kept(ctx)
    assert profiles.profile(ctx.db, "work").key.identity == NEW


def test_a_change_that_is_midway_follows(ctx: Context) -> None:
    password.rotate(ctx, "work", Secret(TYPED))
    aws.script.faults = ["lost", "down"]
    with pytest.raises(Exception, match=r"got no answer|was refused"):
        password.rotate(ctx, "work")
    rename()
    rotate.rotate(ctx, ["work"], wanted=YES)
    assert list(passwords.changes(ctx.db)) == [NEW]
    assert password.rotate(ctx, "work").state == "done"
    assert_kept(ctx)


def test_a_password_of_an_earlier_user_of_the_new_name_is_not_overwritten(ctx: Context) -> None:
    password.rotate(ctx, "work", Secret(TYPED))
    ctx.vault.put(password_item(NEW, 2), Secret("another"))
    passwords.point(ctx.db, NEW, 2, 1.0)
    rename()
    rotate.rotate(ctx, ["work"], wanted=YES)
    assert ctx.vault.get(password_item(NEW, 2)) == Secret("another")
    assert password.current(ctx, OLD).reveal() == in_force()


def test_a_rotation_midway_is_seen_when_the_key_is_added_under_its_new_name(
    ctx: Context, simulator: Simulator
) -> None:
    rotate.rotate(ctx, ["work"], wanted=YES)
    rename()
    key = profiles.profile(ctx.db, "work").key
    with pytest.raises(RotationRefused, match="ann is midway"):
        keys.add(ctx, "other", key.key_id, keys.secret_of(ctx, key))
    assert journal.identities(ctx.db) == [NEW]
    assert list(rotate.users(ctx)) == [NEW]
    (outcome,) = rotate.rotate(ctx, [])
    assert (outcome.identity, outcome.why) == (NEW, "grace")


def test_the_lock_outlives_the_name(ctx: Context) -> None:
    key = profiles.profile(ctx.db, "work").key
    rename()
    with alone(OLD, key.user_id):
        renames.follow(ctx, key, "ann")
        (outcome,) = rotate.rotate(ctx, ["work"], wanted=YES)
    assert isinstance(outcome.error, Busy)
    assert outcome.identity == NEW
    with alone(OLD, key.user_id, kind=PASSWORD), pytest.raises(Busy):
        password.rotate(ctx, "work", Secret(TYPED))


def test_a_name_with_a_rotation_of_an_earlier_user_is_not_taken_over(ctx: Context) -> None:
    rotate.rotate(ctx, ["work"], wanted=YES)
    journal.write(ctx.db, NEW, {"identity": NEW}, 1.0)
    rename()
    with pytest.raises(RotationRefused, match="midway"):
        renames.follow(ctx, profiles.profile(ctx.db, "work").key, "ann")
    assert journal.identities(ctx.db) == [NEW, OLD]


def test_a_user_deleted_midway_has_a_way_out(
    ctx: Context, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate.rotate(ctx, ["work"], wanted=YES)
    outcome = rotate_decide.rebuild(ctx, "work", YES)
    assert "is whole" in str(outcome.error)  # its keys work
    iam = iam_backends[ACCOUNT]["aws"]
    for key_id, _ in simulator.iam().keys("dev"):
        iam.delete_access_key(key_id, "dev")
    iam.delete_user_policy("dev", "everything")
    iam.delete_user("dev")
    in_memory.later(monkeypatch, ctx, 86460)
    (asks,) = rotate.rotate(ctx, ["work"])
    assert asks.state == "asks"
    assert "--rebuild work" in _decision(asks.why, "work")
    held = [key.key_id for key in profiles.keys(ctx.db)]
    outcome = rotate_decide.rebuild(ctx, "work", YES)
    assert outcome.error is None, outcome.error
    assert "credguard add work" in outcome.why
    assert [key.key_id for key in profiles.keys(ctx.db)] == held  # no secret is thrown away
    keys.add(ctx, "work", *simulator.seed_user("dev"))
    (outcome,) = rotate.rotate(ctx, ["work"], wanted=YES)
    assert outcome.why == "grace", outcome
