"""Which IAM actions each fact takes to read, so that each check can say what it needs."""

from collections.abc import Iterable

READS: dict[str, tuple[str, ...]] = {
    "summary": ("iam:GetAccountSummary",),
    "root_devices": ("iam:ListVirtualMFADevices",),
    "report": ("iam:GenerateCredentialReport", "iam:GetCredentialReport"),
    "password_policy": ("iam:GetAccountPasswordPolicy",),
    "users": ("iam:ListUsers",),
    "user.keys": ("iam:ListAccessKeys",),
    "user.devices": ("iam:ListMFADevices",),
    "key.used": ("iam:GetAccessKeyLastUsed",),
    "authorization": ("iam:GetAccountAuthorizationDetails",),
    "account_block": ("s3:GetAccountPublicAccessBlock",),
    "buckets": ("s3:ListAllMyBuckets",),
    "bucket.block": ("s3:GetBucketPublicAccessBlock",),
    "bucket.policy": ("s3:GetBucketPolicy",),
    "bucket.policy_public": ("s3:GetBucketPolicyStatus",),
    "bucket.grants": ("s3:GetBucketAcl",),
    "bucket.points": (
        "s3:ListAccessPoints",
        "s3:ListMultiRegionAccessPoints",
        "s3:GetAccessPoint",
        "s3:GetAccessPointPolicy",
        "s3:GetAccessPointPolicyStatus",
        "s3:GetMultiRegionAccessPointPolicy",
        "s3:GetMultiRegionAccessPointPolicyStatus",
    ),
    "bucket.versioning": ("s3:GetBucketVersioning",),
    "bucket.lock": ("s3:GetBucketObjectLockConfiguration",),
    "trails": ("cloudtrail:ListTrails", "cloudtrail:DescribeTrails"),
    "trail.logging": ("cloudtrail:GetTrailStatus",),
    "trail.management": ("cloudtrail:GetEventSelectors",),
    "alarms": ("cloudwatch:DescribeAlarms",),
    "alarm.heard": ("sns:ListSubscriptionsByTopic",),
    "budgets": ("budgets:ViewBudget",),
    "budget.heard": ("budgets:ViewBudget",),
    "contact": ("account:GetAlternateContact",),
    "region_names": ("ec2:DescribeRegions",),
    "region.groups": ("ec2:DescribeSecurityGroups",),
    "group.listed": ("ec2:GetManagedPrefixListEntries",),
    "region.interfaces": ("ec2:DescribeNetworkInterfaces",),
    "region.acls": ("ec2:DescribeNetworkAcls",),
    "region.instances": ("ec2:DescribeInstances",),
    "instance.hidden": ("ec2:DescribeInstanceAttribute",),
    "region.pairs": ("ec2:DescribeKeyPairs",),
    "region.images": ("ec2:DescribeImages",),
    "region.ebs": ("ec2:GetEbsEncryptionByDefault",),
    "region.templates": ("ec2:DescribeLaunchTemplateVersions",),
    "region.kms": ("kms:ListKeys",),
    "kms.detail": ("kms:DescribeKey",),
    "kms.rotation": ("kms:GetKeyRotationStatus",),
    "region.log_groups": ("logs:DescribeLogGroups",),
    "region.patches": ("ssm:ListResourceComplianceSummaries",),
    "region.functions": ("lambda:ListFunctions",),
    "region.parameters": ("ssm:GetParametersByPath",),
    "region.analyzer": ("access-analyzer:ListAnalyzers",),
    "region.detector": ("guardduty:ListDetectors", "guardduty:GetDetector"),
    "region.recorder": ("config:DescribeConfigurationRecorderStatus",),
    "region.hub": ("securityhub:DescribeHub",),
}
# What is read of the caller alone, instead (--scope self).
OWN: dict[str, tuple[str, ...]] = {
    "users": (),
    "report": ("iam:GetLoginProfile", "iam:GetUser"),
}


def actions_of(facts: Iterable[str], *, own: bool = False) -> tuple[str, ...]:
    """The IAM actions that reading `facts` takes, sorted."""
    table = {**READS, **OWN} if own else READS
    return tuple(sorted({action for fact in facts for action in table.get(fact, ())}))
