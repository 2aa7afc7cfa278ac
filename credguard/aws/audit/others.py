"""Functions and parameters whose texts are looked through, patches, and the list of regions."""

from credguard.audit.facts import Holding, Patches
from credguard.audit.known import Fact
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
                    row.get("NonCompliantSummary", {}).get("NonCompliantCount", 0),
                    row["ExecutionSummary"]["ExecutionTime"].timestamp(),
                )
                for row in pages(
                    ssm, "list_resource_compliance_summaries", "ResourceComplianceSummaryItems",
                    Filters=[{"Key": "ComplianceType", "Values": ["Patch"], "Type": "EQUAL"}],
                )
            }  # fmt: skip

    return fact("region.patches", f"region {region}", read)


def functions(reader: Reader, region: str, look: Look) -> Fact[tuple[Holding, ...]]:
    """Every Lambda function, its environment looked through, variable by variable."""

    def read() -> tuple[Holding, ...]:
        with reader.client("lambda", region) as made:
            return tuple(
                Holding(
                    row["FunctionName"],
                    row["FunctionArn"],
                    tuple(
                        hidden
                        for name, value in row.get("Environment", {}).get("Variables", {}).items()
                        for hidden in look(f'{name}="{value}"\n'.encode(), name)
                    ),
                )
                for row in pages(made, "list_functions", "Functions")
            )

    return fact("region.functions", f"region {region}", read)


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
