"""What changed from audit to audit, out of what this machine remembers."""

from collections.abc import Iterator

import pytest

from credguard.app import audits as made
from credguard.app.audit.trend import compared, trend
from credguard.app.context import Context
from credguard.store import audits, profiles

HERE, THERE = ("user-mfa", "", "ada"), ("ebs-encryption", "eu-west-1", "disk")


@pytest.fixture
def ctx() -> Iterator[Context]:
    made = Context()
    yield made
    made.close()


def run(
    at: float, statuses: dict[audits.Key, str], account: str = "1", regions: tuple[str, ...] = ()
) -> audits.Run:
    found = list(statuses.values())
    return audits.Run(
        account, "account", at, found.count("PASS"), found.count("FAIL"), found.count("UNKNOWN"),
        0, 9, 1.0, regions or ("eu-west-1",), statuses,
    )  # fmt: skip


def test_each_audit_is_told_against_the_one_before(ctx: Context) -> None:
    assert trend(ctx, "1") == []
    for at, status in ((1.0, "FAIL"), (2.0, "PASS"), (3.0, "UNKNOWN"), (4.0, "FAIL")):
        audits.add(ctx.db, run(at, {HERE: status}))
    audits.add(ctx.db, run(2.5, {HERE: "FAIL"}, account="2"))
    assert [(p.at, p.failed, p.unknown, p.worse, p.better) for p in trend(ctx, "1")] == [
        (1.0, 1, 0, 0, 0), (2.0, 0, 0, 0, 1), (3.0, 0, 1, 1, 0), (4.0, 1, 0, 1, 0),
    ]  # fmt: skip
    assert [p.at for p in trend(ctx, "1", since=2.5)] == [3.0, 4.0]
    assert [(p.at, p.account) for p in trend(ctx, "2")] == [(2.5, "2")]


def test_a_part_of_them_is_told_against_the_one_before_it(ctx: Context) -> None:
    audits.add(ctx.db, run(1.0, {HERE: "PASS"}))
    audits.add(ctx.db, run(2.0, {HERE: "FAIL"}))
    assert [p.worse for p in trend(ctx, "1", since=2.0)] == [1]


def test_the_report_has_the_account_that_was_audited_last_alone(ctx: Context) -> None:
    assert (made.audits(ctx), made.last(ctx)) == ([], None)
    for at, account, status in ((1.0, "1", "FAIL"), (2.0, "2", "PASS"), (3.0, "1", "PASS")):
        audits.add(ctx.db, run(at, {HERE: status}, account))
    assert [(a.at, a.account, a.better) for a in made.audits(ctx)] == [(1.0, "1", 0), (3.0, "1", 1)]
    last = made.last(ctx)
    assert last is not None
    assert (last.at, last.account, last.passed) == (3.0, "1", 1)


def test_an_organization_s_other_accounts_do_not_take_the_place_of_one_s_own(ctx: Context) -> None:
    key = profiles.Key("AKIA" + "0" * 16, "aws", "1", "ada", "AIDA", None, "add")
    profiles.add_key(ctx.db, key, 0.0)
    for at, account in ((1.0, "1"), (2.0, "2")):
        audits.add(ctx.db, run(at, {HERE: "FAIL"}, account))
    last = made.last(ctx)
    assert last is not None
    assert (last.at, last.account) == (1.0, "1")


def test_no_more_than_two_hundred_are_told(ctx: Context) -> None:
    for at in range(210):
        audits.add(ctx.db, run(float(at), {HERE: "FAIL" if at % 2 else "PASS"}))
    points = trend(ctx, "1")
    assert [points[0].at, points[-1].at, len(points)] == [10.0, 209.0, 200]
    assert points[0].better == 1  # against the one that is left out


def test_a_region_that_only_one_looked_at_changed_nothing() -> None:
    before = run(1.0, {HERE: "FAIL"}, regions=("us-east-1",))
    after = run(2.0, {HERE: "FAIL", THERE: "FAIL"}, regions=("us-east-1", "eu-west-1"))
    change = compared(before, after)
    assert (change.since, change.worse, change.better) == (1.0, (), ())
    assert compared(after, after).worse == ()


def test_a_check_that_is_no_more_is_not_better(ctx: Context) -> None:
    audits.add(ctx.db, run(1.0, {HERE: "PASS", THERE: "FAIL"}))
    audits.add(ctx.db, run(2.0, {HERE: "PASS"}))
    assert [p.better for p in trend(ctx, "1")] == [0, 0]
