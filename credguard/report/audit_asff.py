"""An audit in the AWS Security Finding Format, version 2018-10-08.

Sources: AwsSecurityFinding in the Security Hub API reference (fields, lengths); Security Hub User
Guide, "Resources ASFF object" (types and ids of things) and "Creating and updating findings with
BatchImportFindings" (Severity and Types go into FindingProviderFields).
"""

import json
from typing import Any

from credguard.audit.model import FAIL, NA, PASS, UNKNOWN, WAIVED
from credguard.report.audit import Audit
from credguard.report.audit_things import Thing, cut, instant, remedy_text, standards, things

Finding = dict[str, Any]
GENERATOR = "credguard/"
_STATUS = {
    FAIL: "FAILED", UNKNOWN: "WARNING", PASS: "PASSED", NA: "NOT_AVAILABLE",
    WAIVED: "NOT_AVAILABLE",
}  # fmt: skip
# How an ARN begins, after its partition -> the type of the thing.
_TYPES = {
    "iam::user": "AwsIamUser",
    "iam::role": "AwsIamRole",
    "iam::group": "AwsIamGroup",
    "iam::policy": "AwsIamPolicy",
    "s3::": "AwsS3Bucket",
    "kms:key": "AwsKmsKey",
    "cloudtrail:trail": "AwsCloudTrailTrail",
    "ec2:security-group": "AwsEc2SecurityGroup",
    "ec2:instance": "AwsEc2Instance",
    "ec2:network-acl": "AwsEc2NetworkAcl",
    "ec2:launch-template": "AwsEc2LaunchTemplate",
    "lambda:function": "AwsLambdaFunction",
    "cloudwatch:alarm": "AwsCloudWatchAlarm",
}
_TITLE, _TEXT, _ADVICE, _REASONS, _ID, _REGION = 256, 1024, 512, 32, 512, 16
_COMMAND = "see: credguard audit"


def audit_asff(audit: Audit, region: str) -> str:
    """All results, a JSON list as `aws securityhub batch-import-findings --findings` takes it."""
    return json.dumps(findings(audit, region), indent=2) + "\n"


def findings(audit: Audit, region: str) -> list[Finding]:
    """A finding a thing. `region`: of the Security Hub that it is for."""
    return [finding(audit, each, region) for each in things(audit)]


def product_arn(partition: str, account: str, region: str) -> str:
    """The product that every account has for findings of its own."""
    return f"arn:{partition}:securityhub:{region}:{account}:product/{account}/default"


def finding(audit: Audit, each: Thing, region: str) -> Finding:
    """One finding. What is well or waived is archived: it shows in no list of open ones."""
    row, check = each.row, each.check
    status = _STATUS[row.status]
    at = instant(audit.at)
    compliance: Finding = {"Status": status}
    if check.cis:
        compliance["RelatedRequirements"] = standards(check)[:_REASONS]
    if row.status in (UNKNOWN, WAIVED, NA):
        reason = row.waiver if row.status == WAIVED else row.evidence
        code = {UNKNOWN: "NOT_READ", WAIVED: "WAIVED", NA: "NOTHING_TO_CHECK"}[row.status]
        compliance["StatusReasons"] = [{"ReasonCode": code, "Description": cut(reason, _TEXT)}]
    label = row.severity.upper() if row.status in (FAIL, UNKNOWN) else "INFORMATIONAL"
    made: Finding = {
        "SchemaVersion": "2018-10-08",
        "Id": each.id,
        "ProductArn": product_arn(audit.partition, audit.account, region),
        "GeneratorId": GENERATOR + check.id,
        "AwsAccountId": audit.account,
        "CreatedAt": at,
        "UpdatedAt": at,
        "Title": cut(check.title, _TITLE),
        "Description": cut(f"{row.evidence or check.title}. {check.why}", _TEXT),
        "Remediation": {"Recommendation": {"Text": _advice(row.remedy and remedy_text(row))}},
        "ProductFields": {
            "credguard/check": check.id,
            "credguard/region": row.region or "global",
            "credguard/version": audit.credguard,
        },
        "Resources": [_resource(audit, each)],
        "Compliance": compliance,
        "RecordState": "ACTIVE" if row.status in (FAIL, UNKNOWN) else "ARCHIVED",
        "FindingProviderFields": {
            "Severity": {"Label": label, "Original": row.severity},
            "Types": ["Software and Configuration Checks/AWS Security Best Practices"],
        },
    }
    return made


def _advice(text: object) -> str:
    return cut(str(text or _COMMAND), _ADVICE)


def _resource(audit: Audit, each: Thing) -> Finding:
    row = each.row
    kind, name = _type(row.resource), row.resource
    if kind == "AwsAccount":
        name = f"AWS::::Account:{audit.account}"
    made = {"Type": kind, "Id": cut(name, _ID), "Partition": audit.partition}
    if row.region and len(row.region) <= _REGION:
        made["Region"] = row.region
    return made


def _type(resource: str) -> str:
    parts = resource.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn":
        return "Other"
    service, rest = parts[2], parts[5]
    if service == "iam" and rest == "root":
        return "AwsAccount"
    kind = "" if service == "s3" else rest.replace(":", "/").partition("/")[0]
    separator = "::" if service in ("iam", "s3") else ":"
    return _TYPES.get(f"{service}{separator}{kind}", "Other")


def closed(old: Finding, at: float) -> Finding:
    """A finding of an earlier audit whose thing is gone, to be sent again: it is archived.

    `old`: as GetFindings gives it, so only the fields that a sender may set are kept.
    """
    kept = (
        "SchemaVersion", "Id", "ProductArn", "GeneratorId", "AwsAccountId", "CreatedAt", "Title",
        "Description", "Remediation", "ProductFields", "Resources", "FindingProviderFields",
    )  # fmt: skip
    made = {name: old[name] for name in kept if name in old}
    # AWS adds fields of its own here.
    fields = made.get("ProductFields", {})
    made["ProductFields"] = {k: v for k, v in fields.items() if not k.startswith("aws/")}
    reason = {"ReasonCode": "GONE", "Description": "an audit did not find it any more"}
    made["Compliance"] = {"Status": "NOT_AVAILABLE", "StatusReasons": [reason]}
    return {**made, "UpdatedAt": instant(at), "RecordState": "ARCHIVED"}
