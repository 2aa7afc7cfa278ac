"""What launches instances, and with which key pair: launch templates and launch configurations."""

from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

from credguard.aws.clients import client
from credguard.aws.model import Credentials
from credguard.aws.translate import translated
from credguard.errors import AwsError, NoSuchEntity
from credguard.keypairs.model import Template

# The most that one page of each call may have; EC2 and EC2 Auto Scaling API references.
_VERSIONS, _CONFIGURATIONS, _GROUPS = 200, 100, 100
# One call each, or one a version where one is gone: templates that Auto Scaling groups stay with in
# a version which is neither latest nor default.
_PINNED = 25


def templates(creds: Credentials, region: str) -> list[Template]:
    """Those of `region` that name a key pair, each version once. Reads only. Raises AwsError.

    Of a launch template the latest and the default version, and those that Auto Scaling groups stay
    with: other versions launch nothing by themselves, and asking for them costs a call a template.
    """
    with translated("autoscaling", region):
        scaling = client("autoscaling", creds, region)
    with translated("ec2", region):
        ec2 = client("ec2", creds, region)
    with closing(scaling), closing(ec2):
        found = list(_configurations(scaling, region))
        with translated("ec2:DescribeLaunchTemplateVersions", region):
            pages = ec2.get_paginator("describe_launch_template_versions").paginate(
                Versions=["$Latest", "$Default"], PaginationConfig={"PageSize": _VERSIONS}
            )
            rows = [row for page in pages for row in page["LaunchTemplateVersions"]]
        seen = {(row["LaunchTemplateId"], row["VersionNumber"]) for row in rows}
        rows += _pinned(ec2, region, set(_groups(scaling, region)) - seen)
    by_version = {(row["LaunchTemplateId"], row["VersionNumber"]): row for row in rows}
    for (number, version), row in by_version.items():
        if key := row.get("LaunchTemplateData", {}).get("KeyName"):
            name = row.get("LaunchTemplateName") or number
            found.append(Template(region, number, name, key, version))
    return found


def _configurations(scaling: Any, region: str) -> Iterator[Template]:
    with translated("autoscaling:DescribeLaunchConfigurations", region):
        pages = scaling.get_paginator("describe_launch_configurations").paginate(
            PaginationConfig={"PageSize": _CONFIGURATIONS}
        )
        rows = [row for page in pages for row in page["LaunchConfigurations"]]
    for row in rows:
        if key := row.get("KeyName"):
            name = row["LaunchConfigurationName"]
            yield Template(region, name, name, key)


def _groups(scaling: Any, region: str) -> Iterator[tuple[str, int]]:
    """The templates' versions that Auto Scaling groups name by number."""
    with translated("autoscaling:DescribeAutoScalingGroups", region):
        pages = scaling.get_paginator("describe_auto_scaling_groups").paginate(
            PaginationConfig={"PageSize": _GROUPS}
        )
        rows = [row for page in pages for row in page["AutoScalingGroups"]]
    for row in rows:
        mixed = row.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
        named = [row.get("LaunchTemplate"), mixed.get("LaunchTemplateSpecification")]
        named += [each.get("LaunchTemplateSpecification") for each in mixed.get("Overrides", [])]
        for each in named:
            number, version = (each or {}).get("LaunchTemplateId"), (each or {}).get("Version")
            if number and version and version.isdecimal():
                yield number, int(version)


def _pinned(ec2: Any, region: str, wanted: set[tuple[str, int]]) -> list[dict[str, Any]]:
    by_template: dict[str, list[str]] = {}
    for number, version in sorted(wanted):
        by_template.setdefault(number, []).append(str(version))
    if len(by_template) > _PINNED:
        raise AwsError(
            f"Auto Scaling groups in {region} stay with old versions of {len(by_template)} launch"
            f" templates; {_PINNED} at most are looked at",
            hint="see: aws autoscaling describe-auto-scaling-groups",
        )
    rows: list[dict[str, Any]] = []
    for number, versions in by_template.items():
        try:
            rows += _versions(ec2, region, number, versions[:_VERSIONS])
        except NoSuchEntity:
            # Groups may outlive what they launch from. One that is gone fails the call for all.
            for each in versions[:_VERSIONS]:
                with suppress(NoSuchEntity):
                    rows += _versions(ec2, region, number, [each])
    return rows


def _versions(ec2: Any, region: str, number: str, versions: list[str]) -> list[dict[str, Any]]:
    with translated("ec2:DescribeLaunchTemplateVersions", f"{number} in {region}"):
        answer = ec2.describe_launch_template_versions(LaunchTemplateId=number, Versions=versions)
        return list(answer["LaunchTemplateVersions"])
