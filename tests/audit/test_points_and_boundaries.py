"""What lets in or holds back besides a policy: access points of a bucket, boundaries of a user."""

from dataclasses import replace
from typing import Any

import pytest

from credguard.audit import judge
from credguard.audit.facts import Authorization, Facts, Point, Policy
from credguard.audit.model import FAIL, PASS, UNKNOWN, Check, Limits
from credguard.audit.table import BY_ID
from tests.audit import world
from tests.audit.world import GOOD, put


def statuses(facts: Facts, check: Check) -> list[str]:
    return sorted(each.status for each in judge.judged(check, facts, Limits()))


OPENED = Point("way-in", True, world.PUBLIC, None)
OPEN = put(put(GOOD, "account_block", None), "bucket.block", None)
LEFT = put(OPEN, "bucket.policy", world.LEFT)


@pytest.mark.parametrize(
    ("points", "status"),
    [
        ((), PASS),
        ((OPENED,), FAIL),
        ((replace(OPENED, policy=world.READ),), PASS),
        ((replace(OPENED, policy=world.READ, policy_public=True),), FAIL),
        ((replace(OPENED, world=False), replace(OPENED, policy=None)), PASS),
    ],
)
def test_a_bucket_that_leaves_it_to_access_points(points: tuple[Point, ...], status: str) -> None:
    facts = put(LEFT, "bucket.points", points)
    for check in ("s3-bucket-public", "trail-bucket-private"):
        assert set(statuses(facts, BY_ID[check])) == {status}
        shut = put(facts, "bucket.block", world.WHOLE)
        assert set(statuses(shut, BY_ID[check])) == {PASS}
        # Where the bucket's own policy lets in nobody, no access point does.
        assert set(statuses(put(facts, "bucket.policy", None), BY_ID[check])) == {PASS}


def test_access_points_of_another_account_are_not_passed() -> None:
    other = world.statement(
        Principal="*", Action="*", Resource="arn:aws:s3:::b/*",
        Condition={"StringEquals": {"s3:DataAccessPointAccount": "210987654321"}},
    )  # fmt: skip
    facts = put(OPEN, "bucket.policy", other)
    assert set(statuses(facts, BY_ID["s3-bucket-public"])) == {UNKNOWN}


@pytest.mark.parametrize(
    ("boundary", "document", "status"),
    [
        ("", world.READ, FAIL),
        ("arn:aws:iam::1:policy/edge", world.READ, PASS),
        ("arn:aws:iam::1:policy/edge", world.ADMIN, FAIL),
        ("arn:aws:iam::1:policy/edge", world.statement(Action="iam:*", Resource="*"), FAIL),
        ("arn:aws:iam::1:policy/edge", world.statement(
            Action="iam:DeleteUserPermissionsBoundary", Resource="arn:aws:iam::1:user/eve"), FAIL),
        ("arn:aws:iam::1:policy/edge", world.statement(
            Action="iam:CreatePolicyVersion", Resource="arn:aws:iam::1:policy/edge"), FAIL),
        ("arn:aws:iam::1:policy/edge", world.statement(
            Action="iam:Set*", Resource="arn:aws:iam::1:policy/ed?e"), FAIL),
        ("arn:aws:iam::1:policy/edge", world.statement(
            Action="iam:CreatePolicyVersion", Resource="arn:aws:iam::1:policy/app-*"), PASS),
        ("arn:aws:iam::aws:policy/ReadOnlyAccess", world.READ, FAIL),
    ],
)  # fmt: skip
def test_a_boundary_counts_where_it_is_known_to_limit(
    boundary: str, document: dict[str, Any], status: str
) -> None:
    eve = world.holder("user", "eve", inline=(("all", world.ADMIN),), boundary=boundary)
    facts = replace(
        GOOD,
        authorization=Authorization(
            (eve,), (Policy("edge", "arn:aws:iam::1:policy/edge", document),)
        ),
    )
    (said,) = judge.judged(BY_ID["user-admin"], facts, Limits())
    assert said.status == status
    name = boundary.rpartition("/")[2]
    assert name in said.evidence
    told = [s.evidence for s in judge.judged(BY_ID["policy-admin"], facts, Limits())]
    assert any("all allows every action" in each and name in each for each in told)
