"""Each fix: shown, applied, seen to be applied, undone; and what it leaves alone."""

import os
from typing import Any

import pytest

from credguard.app.audit import fix as app
from credguard.app.audit import run as auditing
from credguard.app.audit import waivers
from credguard.app.context import Context
from credguard.audit import fixes
from credguard.aws.audit.reader import Reader
from credguard.aws.model import Credentials
from credguard.errors import ConfigError, CredguardError, NoSuchEntity
from credguard.store import audits, profiles
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


def test_a_public_bucket_that_is_waived_is_left_alone_too(ctx: Context, account: Account) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="www")
    s3.put_bucket_policy(Bucket="www", Policy=audit_seeds.PUBLIC)
    os.makedirs(os.path.dirname(waivers.file(ctx)))
    with open(waivers.file(ctx), "w", encoding="utf-8") as file:
        file.write(
            '[[waiver]]\ncheck = "s3-bucket-public"\nresource = "arn:aws:s3:::www"\n'
            'reason = "the website"\nuntil = 2999-01-01\n'
        )
    _, plan = planned(ctx, account, "s3-bucket-block")
    assert plan.changes == []
    assert plan.left == ["arn:aws:s3:::www: it is public, and that is waived"]
    _, plan = planned(ctx, account, "s3-account-block")
    assert "arn:aws:s3:::www" in plan.changes[0].warning


def test_a_bucket_whose_files_may_have_acls_of_their_own_is_warned_of(
    ctx: Context, account: Account
) -> None:
    s3 = account.client("s3")
    for name in ("old", "new", "refused"):
        s3.create_bucket(Bucket=name)
    s3.put_bucket_ownership_controls(
        Bucket="new", OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    _, plan = planned(ctx, account, "s3-bucket-block")
    warned = {each.resource.rpartition(":")[2] for each in plan.changes if each.warning}
    assert warned == {"old", "refused"}
    account.client("s3control").put_public_access_block(
        AccountId=ACCOUNT,
        PublicAccessBlockConfiguration=dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"),
            True,
        ),
    )
    _, plan = planned(ctx, account, "s3-bucket-block")
    assert [each for each in plan.changes if each.warning] == []


def test_the_key_of_a_profile_of_this_machine_is_left_on(ctx: Context, account: Account) -> None:
    _seed(account, "key-unused")
    name = account.client("iam").list_access_keys(UserName="bob")["AccessKeyMetadata"][0][
        "AccessKeyId"
    ]
    key = profiles.Key(name, "aws", ACCOUNT, "bob", "AIDAX", 0.0, "imported")
    profiles.add_profile(ctx.db, "work", key, 1.0, consent=False)
    _, plan = planned(ctx, account, "key-unused")
    assert plan.changes == []
    assert "profile work" in plan.left[0]


def test_a_budget_that_tells_nobody_is_made_to_tell_and_keeps_its_amount(
    ctx: Context, account: Account
) -> None:
    limit = {"Amount": "40", "Unit": "USD"}
    budget = {"BudgetName": "credguard-monthly", "BudgetType": "COST", "TimeUnit": "MONTHLY"}
    account.client("budgets").create_budget(
        AccountId=ACCOUNT, Budget={**budget, "BudgetLimit": limit}
    )
    reader, plan = planned(ctx, account, "billing-alarm", amount="100", mail="a@b.example")
    app.apply(ctx, reader, plan.changes[0])
    (found,) = account.client("budgets").describe_budgets(AccountId=ACCOUNT)["Budgets"]
    assert float(found["BudgetLimit"]["Amount"]) == 40
    assert planned(ctx, account, "billing-alarm", amount="100", mail="a@b.example")[1].changes == []
    app.undo(ctx, reader, app.find(ctx, None))
    _, plan = planned(ctx, account, "billing-alarm", amount="100", mail="a@b.example")
    assert plan.changes[0].before == {"amount": "40"}


@pytest.mark.parametrize("amount", ["0", "0.001", "-1", "NaN", "1e3000000", "x"])
def test_what_is_no_amount(amount: str) -> None:
    with pytest.raises(ConfigError, match="amount"):
        app.chosen(("billing-alarm",), app.Options(amount=amount, mail="a@b.example"))


def test_a_policy_that_locks_out_whoever_expires_is_warned_of(
    ctx: Context, account: Account
) -> None:
    account.client("iam").update_account_password_policy(
        MinimumPasswordLength=14, MaxPasswordAge=365, HardExpiry=True
    )
    _, plan = planned(ctx, account, "password-policy")
    assert "locked out" in plan.changes[0].warning


def test_an_amount_is_one_however_it_is_written(ctx: Context, account: Account) -> None:
    options = {"amount": "0100.50", "mail": "a@b.example"}
    reader, plan = planned(ctx, account, "billing-alarm", **options)
    app.apply(ctx, reader, plan.changes[0])
    app.undo(ctx, reader, app.find(ctx, None))


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


def test_what_somebody_added_after_a_fix_is_not_undone(ctx: Context, account: Account) -> None:
    reader, plan = planned(ctx, account, "password-policy")
    app.apply(ctx, reader, plan.changes[0])
    account.client("iam").update_account_password_policy(**plan.changes[0].after, HardExpiry=True)
    with pytest.raises(CredguardError, match="changed since"):
        app.undo(ctx, reader, app.find(ctx, None))
    assert account.client("iam").get_account_password_policy()["PasswordPolicy"]["HardExpiry"]


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
