"""Each fix: shown, applied, seen to be applied, undone; and what it leaves alone."""

from typing import Any

import pytest

from credguard.app.audit import fix as app
from credguard.app.audit import run as auditing
from credguard.app.context import Context
from credguard.audit import fixes
from credguard.aws.audit.reader import Reader
from credguard.aws.model import Credentials
from credguard.errors import ConfigError, CredguardError, NoSuchEntity
from credguard.store import audits
from tests.support import audit_seeds
from tests.support.audited import REGION, Account
from tests.support.simulator import ACCOUNT

WANTED = auditing.Wanted(regions=(REGION,))


@pytest.fixture
def ctx(compiled_rules: None):
    made = Context()
    yield made
    made.db.close()


def planned(ctx: Context, account: Account, *names: str, **options: Any) -> tuple[Reader, app.Plan]:
    key = account.simulator
    chosen = app.Options(**options)
    return app.plan(
        ctx, Credentials(key.key_id, key.secret, None, "aws"), WANTED,
        app.chosen(names, chosen), chosen,
    )  # fmt: skip


def _rule(account: Account, port: int) -> str:
    """A rule from the world for `port` alone, which has a description and a sibling."""
    ec2 = account.client("ec2")
    group = ec2.create_security_group(GroupName="web", Description="web")["GroupId"]
    ranges = [{"CidrIp": "0.0.0.0/0", "Description": "why"}, {"CidrIp": "10.1.0.0/16"}]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": ranges}],
    )
    arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/{group}"
    return f"{arn}/tcp:{port}-{port}:0.0.0.0/0"


def _seed(account: Account, fix: str) -> dict[str, Any]:
    """What the fix is for, seeded; gives the options it takes."""
    if fix == "kms-rotation":
        account.client("kms").create_key()
    elif fix == "trail-validation":
        account.client("s3").create_bucket(Bucket="logs")
        account.client("cloudtrail").create_trail(Name="main", S3BucketName="logs")
    elif fix == "log-group-protected":
        account.client("logs").create_log_group(logGroupName="trail")
    elif fix == "s3-bucket-block":
        account.client("s3").create_bucket(Bucket="data")
    elif fix == "billing-alarm":
        return {"amount": "100", "mail": "a@b.example"}
    elif fix == "port":
        return {"resources": (_rule(account, 22),)}
    elif fix == "key-unused":
        account.client("iam").create_user(UserName="bob")
        made = account.client("iam").create_access_key(UserName="bob")["AccessKey"]["AccessKeyId"]
        account.simulator.iam().set_created(made, 0)
    return {}


@pytest.mark.parametrize("fix", fixes.FIXES, ids=lambda each: each.id)
def test_a_fix_is_applied_seen_and_undone(ctx: Context, account: Account, fix: fixes.Fix) -> None:
    options = _seed(account, fix.id)
    reader, plan = planned(ctx, account, fix.id, **options)
    (change,) = plan.changes
    assert plan.left == []
    assert change.before != change.after
    number = app.apply(ctx, reader, change)
    # A check right after it must not see what was before.
    reader, again = planned(ctx, account, fix.id, **options)
    assert again.changes == []
    (done,) = audits.fixes(ctx.db)
    assert (done.id, done.state, done.before) == (number, audits.DONE, change.before)
    app.undo(ctx, reader, app.find(ctx, None))
    _, undone = planned(ctx, account, fix.id, **options)
    assert [(each.before, each.after) for each in undone.changes] == [(change.before, change.after)]
    with pytest.raises(NoSuchEntity, match="nothing to undo"):
        app.find(ctx, None)


def test_the_policy_only_gets_stronger(ctx: Context, account: Account) -> None:
    account.client("iam").update_account_password_policy(
        MinimumPasswordLength=20, MaxPasswordAge=60, PasswordReusePrevention=5, HardExpiry=True
    )
    reader, plan = planned(ctx, account, "password-length", "password-reuse")
    app.apply(ctx, reader, plan.changes[0])
    found = account.client("iam").get_account_password_policy()["PasswordPolicy"]
    kept = {"MinimumPasswordLength": 20, "MaxPasswordAge": 60, "HardExpiry": True}
    assert {**found, **kept, "PasswordReusePrevention": 24, "RequireSymbols": True} == found


def test_a_port_s_siblings_and_description_stay(ctx: Context, account: Account) -> None:
    rule = _rule(account, 3306)
    reader, plan = planned(ctx, account, "port", resources=(rule,))
    app.apply(ctx, reader, plan.changes[0])

    def ranges() -> list[dict[str, str]]:
        group = rule.partition(":security-group/")[2].partition("/")[0]
        groups = account.client("ec2").describe_security_groups(GroupIds=[group])
        (permission,) = groups["SecurityGroups"][0]["IpPermissions"]
        return permission["IpRanges"]

    assert ranges() == [{"CidrIp": "10.1.0.0/16"}]
    app.undo(ctx, reader, app.find(ctx, None))
    assert {"CidrIp": "0.0.0.0/0", "Description": "why"} in ranges()


def test_a_public_bucket_is_left_alone(ctx: Context, account: Account) -> None:
    s3 = account.client("s3")
    for name in ("data", "private"):
        s3.create_bucket(Bucket=name)
    s3.put_bucket_policy(Bucket="data", Policy=audit_seeds.PUBLIC)
    _, plan = planned(ctx, account, "s3-bucket-block")
    assert [each.resource for each in plan.changes] == ["arn:aws:s3:::private"]
    assert plan.left == ["arn:aws:s3:::data: it is public now"]
    _, plan = planned(ctx, account, "s3-account-block")
    assert "arn:aws:s3:::data" in plan.changes[0].warning


def test_what_changed_meanwhile_is_left_alone(ctx: Context, account: Account) -> None:
    _seed(account, "kms-rotation")
    reader, plan = planned(ctx, account, "kms-rotation")
    (change,) = plan.changes
    name = change.resource.rpartition("/")[2]
    account.client("kms").enable_key_rotation(KeyId=name)
    with pytest.raises(CredguardError, match="changed meanwhile"):
        app.apply(ctx, reader, change)
    assert audits.fixes(ctx.db) == []


def test_what_somebody_changed_after_a_fix_is_not_undone(ctx: Context, account: Account) -> None:
    reader, plan = planned(ctx, account, "password-policy")
    app.apply(ctx, reader, plan.changes[0])
    account.client("iam").update_account_password_policy(MinimumPasswordLength=30)
    with pytest.raises(CredguardError, match="changed since"):
        app.undo(ctx, reader, app.find(ctx, None))
    found = account.client("iam").get_account_password_policy()["PasswordPolicy"]
    assert found["MinimumPasswordLength"] == 30


def test_a_refused_write_is_told_and_can_be_looked_into(ctx: Context, account: Account) -> None:
    reader, plan = planned(ctx, account, "password-policy")
    account.refused["UpdateAccountPasswordPolicy"] = "denied"
    with pytest.raises(CredguardError, match="refused"):
        app.apply(ctx, reader, plan.changes[0])
    assert [each.state for each in audits.fixes(ctx.db)] == [audits.BEGUN]
    assert "already" in app.undo(ctx, reader, app.find(ctx, None))
    assert [each.state for each in audits.fixes(ctx.db)] == [audits.UNDONE]


def test_without_names_only_what_is_safe_is_planned(ctx: Context, account: Account) -> None:
    audit_seeds.bad(account)
    _, plan = planned(ctx, account)
    assert {each.fix.id for each in plan.changes} == {
        "password-policy", "kms-rotation", "trail-validation", "log-group-protected",
        "ebs-encryption",
    }  # fmt: skip  # both buckets are public


def test_names_that_are_no_fix() -> None:
    with pytest.raises(ConfigError, match="no fix for 'root-mfa'"):
        app.chosen(("root-mfa",), app.Options())
    with pytest.raises(ConfigError, match="--resource"):
        app.chosen(("port",), app.Options())
    with pytest.raises(ConfigError, match="amount"):
        app.chosen(("billing-alarm",), app.Options())
