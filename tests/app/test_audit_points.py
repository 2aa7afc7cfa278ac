"""Access points and boundaries, read over HTTP: a bucket that is public only through them."""

import json
from typing import Any

import pytest

from credguard.app.audit import run as app
from credguard.app.context import Context
from credguard.audit.model import FAIL, PASS, UNKNOWN
from tests.app.test_audit import audited, ctx
from tests.support import audit_seeds
from tests.support.audited import REGION, Account, seeded_image
from tests.support.simulator import ACCOUNT

__all__ = ["ctx"]
OPEN = dict.fromkeys(audit_seeds.BLOCK, False)
PUBLIC = app.Wanted(regions=(REGION,), only=("s3-bucket-public",))


def _document(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


LEFT = _document(
    Effect="Allow", Principal="*", Action="*", Resource=["arn:aws:s3:::data/*"],
    Condition={"StringEquals": {"s3:DataAccessPointAccount": ACCOUNT}},
)  # fmt: skip


def _everyone(name: str) -> str:
    arn = f"arn:aws:s3:{REGION}:{ACCOUNT}:accesspoint/{name}"
    return _document(
        Effect="Allow", Principal="*", Action="s3:GetObject", Resource=f"{arn}/object/*"
    )


@pytest.fixture
def left(account: Account) -> Account:
    """The bucket `data`, whose policy leaves it to access points who gets in."""
    account.client("s3").create_bucket(Bucket="data")
    account.client("s3").put_bucket_policy(Bucket="data", Policy=LEFT)
    return account


def _told(ctx: Context, account: Account) -> tuple[str, str]:
    account.calls.clear()
    (row,) = audited(ctx, account, PUBLIC).results
    return row.status, row.evidence


def _point(account: Account, name: str, **more: Any) -> None:
    control = account.client("s3control")
    control.create_access_point(AccountId=ACCOUNT, Name=name, Bucket="data", **more)
    control.put_access_point_policy(AccountId=ACCOUNT, Name=name, Policy=_everyone(name))


def test_an_access_point_lets_the_world_into_a_bucket(ctx: Context, left: Account) -> None:
    assert _told(ctx, left)[0] == PASS
    _point(left, "shut")  # its own block is on, as AWS makes one
    _point(left, "inside", VpcConfiguration={"VpcId": "vpc-1"}, PublicAccessBlockConfiguration=OPEN)
    assert _told(ctx, left)[0] == PASS
    _point(left, "way-in", PublicAccessBlockConfiguration=OPEN)
    status, evidence = _told(ctx, left)
    assert (status, "way-in lets everyone in" in evidence) == (FAIL, True)
    # The caller, both lists, five of the bucket, one or three of each access point.
    assert len(left.calls) <= 3 + 5 + 2 + 1 + 3
    left.refused["GetAccessPointPolicy"] = "denied"
    assert _told(ctx, left)[0] == UNKNOWN
    left.client("s3").put_public_access_block(
        Bucket="data", PublicAccessBlockConfiguration=audit_seeds.BLOCK
    )
    assert _told(ctx, left)[0] == PASS


def test_an_access_point_of_several_regions_lets_the_world_in(ctx: Context, left: Account) -> None:
    control = left.client("s3control", "us-west-2")
    control.create_multi_region_access_point(
        AccountId=ACCOUNT, ClientToken="1",
        Details={"Name": "wide", "PublicAccessBlock": OPEN, "Regions": [{"Bucket": "data"}]},
    )  # fmt: skip
    assert _told(ctx, left)[0] == PASS
    control.put_multi_region_access_point_policy(
        AccountId=ACCOUNT, ClientToken="2", Details={"Name": "wide", "Policy": _everyone("wide")}
    )
    status, evidence = _told(ctx, left)
    assert (status, "wide lets everyone in" in evidence) == (FAIL, True)


def test_a_boundary_is_read(ctx: Context, account: Account) -> None:
    iam = account.client("iam")
    edge = iam.create_policy(PolicyName="edge", PolicyDocument=audit_seeds.READ)["Policy"]["Arn"]
    iam.create_user(UserName="eve")
    account.boundaries = {"eve": edge}
    iam.put_user_policy(UserName="eve", PolicyName="all", PolicyDocument=audit_seeds.ADMIN)
    rows = audited(ctx, account, app.Wanted(only=("user-admin", "policy-admin"))).results
    told = {(each.status, each.evidence) for each in rows}
    assert (PASS, "the boundary edge keeps eve from doing everything") in told
    held = "all allows every action on everything; whoever has it is held to the boundary edge"
    assert (FAIL, held) in told


def test_a_region_without_instances_is_not_asked_for_patches(
    ctx: Context, account: Account
) -> None:
    audited(ctx, account, app.Wanted(regions=(REGION,), only=("patches", "config-recorder")))
    assert "ListResourceComplianceSummaries" not in account.calls
    account.client("ec2").run_instances(ImageId=seeded_image(), MinCount=1, MaxCount=1)
    audited(ctx, account, app.Wanted(regions=(REGION,), only=("patches",)))
    assert "ListResourceComplianceSummaries" in account.calls


def test_config_and_security_hub_are_looked_for_in_each_region(
    ctx: Context, account: Account
) -> None:
    account.client("securityhub").enable_security_hub()
    wanted = app.Wanted(regions=(REGION, "eu-west-1"), only=("security-hub", "config-recorder"))
    found = audited(ctx, account, wanted).results
    assert {(each.check, each.region, each.status) for each in found} == {
        ("security-hub", REGION, PASS), ("security-hub", "eu-west-1", FAIL),
        ("config-recorder", REGION, FAIL), ("config-recorder", "eu-west-1", FAIL),
    }  # fmt: skip


def test_a_region_without_instances_takes_sixteen_requests_at_most(
    ctx: Context, account: Account
) -> None:
    account.client("guardduty", "eu-north-1").create_detector(Enable=True)
    one, two = (
        audited(ctx, account, app.Wanted(regions=regions)).calls
        for regions in (("eu-west-1",), ("eu-west-1", "eu-north-1"))
    )
    assert two - one <= 16
