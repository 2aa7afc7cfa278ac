"""What can be put right by a call, and to what. Pure: a state in, the state wanted out.

A state is what AWS has of one thing, as JSON; {} where it has nothing. No fix deletes a key, a
policy or a bucket, and none touches root.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from credguard.audit.passwords import LENGTH, MAX_AGE, REUSE

State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fix:
    """`checks`: those it puts right; `want`: the state it makes of one that is there.

    `ask`: done only when named. `actions`: the IAM actions it takes, `undo` included.
    """

    id: str
    title: str
    checks: tuple[str, ...]
    actions: tuple[str, ...]
    want: Callable[[State], State]
    ask: bool = False


def password_policy(state: State) -> State:
    """Never weaker in anything than it is. HardExpiry is left as it is: it locks people out."""
    return {
        **state,
        "MinimumPasswordLength": max(state.get("MinimumPasswordLength", 0), LENGTH),
        "RequireSymbols": True,
        "RequireNumbers": True,
        "RequireUppercaseCharacters": True,
        "RequireLowercaseCharacters": True,
        "AllowUsersToChangePassword": True,
        "MaxPasswordAge": min(state.get("MaxPasswordAge") or MAX_AGE, MAX_AGE),
        "PasswordReusePrevention": max(state.get("PasswordReusePrevention") or 0, REUSE),
    }


def _all_on(_state: State) -> State:
    return dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
    )


def budget(amount: str, mail: str) -> Callable[[State], State]:
    """A monthly budget of `amount` US dollars; `mail` is told at 80 % and at what is forecast."""

    def want(_state: State) -> State:
        return {"amount": amount, "mail": mail}

    return want


def _to(**state: Any) -> Callable[[State], State]:
    return lambda before: {**before, **state}


FIXES: tuple[Fix, ...] = (
    Fix(
        "password-policy", "strengthen the password policy",
        ("password-length", "password-reuse", "password-characters", "password-expiry",
         "password-own-change"),
        ("iam:GetAccountPasswordPolicy", "iam:UpdateAccountPasswordPolicy",
         "iam:DeleteAccountPasswordPolicy"),
        password_policy,
    ),
    Fix(
        "kms-rotation", "have KMS rotate the key", ("kms-rotation",),
        ("kms:GetKeyRotationStatus", "kms:EnableKeyRotation", "kms:DisableKeyRotation"),
        _to(rotation=True),
    ),
    Fix(
        "trail-validation", "have the trail write digests", ("trail-validation",),
        ("cloudtrail:DescribeTrails", "cloudtrail:UpdateTrail"), _to(validation=True),
    ),
    Fix(
        "log-group-protected", "protect the log group from deletion", ("log-group-protected",),
        ("logs:DescribeLogGroups", "logs:PutLogGroupDeletionProtection"), _to(protected=True),
    ),
    Fix(
        "ebs-encryption", "encrypt new volumes", ("ebs-encryption",),
        ("ec2:GetEbsEncryptionByDefault", "ec2:EnableEbsEncryptionByDefault",
         "ec2:DisableEbsEncryptionByDefault"),
        _to(encryption=True),
    ),
    Fix(
        "s3-bucket-block", "block public access to a bucket that is not public",
        ("s3-bucket-block",),
        ("s3:GetBucketPublicAccessBlock", "s3:PutBucketPublicAccessBlock"), _all_on,
    ),
    Fix(
        "billing-alarm", "make a monthly budget that tells", ("billing-alarm",),
        ("budgets:ViewBudget", "budgets:ModifyBudget"), budget("", ""),
    ),
    Fix(
        "s3-account-block", "let no bucket of the account be public", ("s3-account-block",),
        ("s3:GetAccountPublicAccessBlock", "s3:PutAccountPublicAccessBlock"), _all_on, ask=True,
    ),
    Fix(
        "port", "take one rule out of a security group", ("port-admin", "port-data", "port-other"),
        ("ec2:DescribeSecurityGroups", "ec2:RevokeSecurityGroupIngress",
         "ec2:AuthorizeSecurityGroupIngress"),
        _to(rule=None), ask=True,
    ),
    Fix(
        "key-unused", "make a key inactive", ("key-unused",),
        ("iam:ListAccessKeys", "iam:UpdateAccessKey"), _to(status="Inactive"), ask=True,
    ),
)  # fmt: skip
BY_ID: Mapping[str, Fix] = {each.id: each for each in FIXES}


def named(names: tuple[str, ...]) -> list[Fix]:
    """The fixes of that name, or for the checks of that name; none given: the automatic ones.

    Raises KeyError: neither.
    """
    if not names:
        return [each for each in FIXES if not each.ask]
    found: dict[str, Fix] = {}
    for name in names:
        fit = [each for each in FIXES if name == each.id or name in each.checks]
        if not fit:
            raise KeyError(name)
        found.update({each.id: each for each in fit})
    return list(found.values())
