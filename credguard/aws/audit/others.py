"""Functions and parameters whose texts are looked through, patches, and the list of regions."""

from typing import Any

from credguard.audit.facts import Hidden, Holding, Patches
from credguard.audit.known import Fact, Unknown
from credguard.aws.audit.ec2 import Look
from credguard.aws.audit.reader import Reader, fact, pages


def region_names(reader: Reader) -> Fact[tuple[str, ...]]:
    """The regions that are enabled for the account."""

    def read() -> tuple[str, ...]:
        with reader.client("ec2") as ec2:
            rows = ec2.describe_regions()["Regions"]
        on = [row for row in rows if row.get("OptInStatus") != "not-opted-in"]
        return tuple(sorted(row["RegionName"] for row in on))

    return fact("region_names", "the account", read)


def patches(reader: Reader, region: str) -> Fact[dict[str, Patches]]:
    """By instance: what Systems Manager found. One that it does not manage is not there."""

    def read() -> dict[str, Patches]:
        with reader.client("ssm", region) as ssm:
            return {
                row["ResourceId"]: Patches(
                    _missing(row),
                    row["ExecutionSummary"]["ExecutionTime"].timestamp(),
                )
                for row in pages(
                    ssm, "list_resource_compliance_summaries", "ResourceComplianceSummaryItems",
                    Filters=[{"Key": "ComplianceType", "Values": ["Patch"], "Type": "EQUAL"}],
                )
            }  # fmt: skip

    return fact("region.patches", f"region {region}", read)


def _missing(row: dict[str, Any]) -> int:
    count = int(row.get("NonCompliantSummary", {}).get("NonCompliantCount", 0))
    return count if row["Status"] == "COMPLIANT" else max(count, 1)


def functions(reader: Reader, region: str, look: Look) -> Fact[tuple[Holding, ...]]:
    """Every Lambda function, its environment looked through, variable by variable."""

    def read() -> tuple[Holding, ...]:
        with reader.client("lambda", region) as made:
            return tuple(
                Holding(
                    row["FunctionName"],
                    row["FunctionArn"],
                    _variables(row, look),
                )
                for row in pages(made, "list_functions", "Functions")
            )

    return fact("region.functions", f"region {region}", read)


def _variables(row: dict[str, Any], look: Look) -> Fact[tuple[Hidden, ...]]:
    """The secrets in a function's variables; Unknown where AWS cannot show them, or not all."""
    environment = row.get("Environment", {})
    if error := environment.get("Error"):
        code = str(error.get("ErrorCode", ""))
        return Unknown(
            f"AWS does not show the variables of function {row['FunctionName']} ({code})",
            ("kms:Decrypt",) if "AccessDenied" in code else (),
        )
    found: list[Hidden] = []
    missing: Unknown | None = None
    for name, value in environment.get("Variables", {}).items():
        here = look(f'{name}="{value}"\n'.encode(), name)
        if isinstance(here, Unknown):
            missing = here
        else:
            found += here
    return missing if missing is not None and not found else tuple(found)


def parameters(reader: Reader, region: str, look: Look) -> Fact[tuple[Holding, ...]]:
    """Every SSM parameter that is kept in plain text, looked through."""

    def read() -> tuple[Holding, ...]:
        plain = [{"Key": "Type", "Option": "Equals", "Values": ["String", "StringList"]}]
        with reader.client("ssm", region) as ssm:
            return tuple(
                Holding(
                    row["Name"],
                    row.get("ARN") or reader.arn("ssm", region, f"parameter{row['Name']}"),
                    look(
                        f'{row["Name"].rpartition("/")[2]}="{row["Value"]}"\n'.encode(), row["Name"]
                    ),
                )
                for row in pages(
                    ssm, "get_parameters_by_path", "Parameters",
                    Path="/", Recursive=True, ParameterFilters=plain,
                )
            )  # fmt: skip

    return fact("region.parameters", f"region {region}", read)
