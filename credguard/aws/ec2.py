"""EC2: key pairs, which are regional, and the instances that were launched with them.

Pairs are named by name, and compared by public key. What launches instances is in `launching`.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from credguard.aws.clients import client
from credguard.aws.model import Credentials
from credguard.aws.translate import translated
from credguard.keypairs.model import Instance, Pair

# Those that are terminated, or about to be, open to nobody any more.
_ALIVE = ["pending", "running", "stopping", "stopped"]
_PAGE = 1000


class Region:
    """One region of the account behind one client, which is costly to make.

    Each call raises AwsError, and is given up within the limits of `clients`.
    """

    def __init__(self, ec2: Any, region: str) -> None:
        """See `in_region`."""
        self._ec2 = ec2
        self.name = region

    def import_key_pair(self, name: str, public_key: str, tags: dict[str, str]) -> str:
        """Register `public_key` (one OpenSSH line); gives the fingerprint that EC2 shows.

        AlreadyExists: the name is taken here.
        """
        rows = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
        tagged = {"TagSpecifications": [{"ResourceType": "key-pair", "Tags": rows}]} if rows else {}
        with translated("ec2:ImportKeyPair", f"{name} in {self.name}"):
            answer = self._ec2.import_key_pair(
                KeyName=name, PublicKeyMaterial=public_key.encode(), **tagged
            )
            return str(answer["KeyFingerprint"])

    def key_pairs(self, names: list[str] | None = None) -> list[Pair]:
        """Every key pair, or those of `names` that are there. Reads only."""
        chosen = {} if names is None else {"Filters": [{"Name": "key-name", "Values": names}]}
        with translated("ec2:DescribeKeyPairs", self.name):
            answer = self._ec2.describe_key_pairs(IncludePublicKey=True, **chosen)
            return [_pair(self.name, row) for row in answer["KeyPairs"]]

    def key_pair(self, name: str) -> Pair | None:
        """The pair called `name`; None: there is none. Reads only."""
        # By a filter, whose values may hold wildcards; our names have none.
        return next((each for each in self.key_pairs([name]) if each.name == name), None)

    def delete_key_pair(self, name: str) -> None:
        """Remove the pair `name`; absent is not an error. Running instances keep the key."""
        with translated("ec2:DeleteKeyPair", f"{name} in {self.name}"):
            self._ec2.delete_key_pair(KeyName=name)

    def instances(self, filters: dict[str, list[str]] | None = None) -> list[Instance]:
        """The instances that are not terminated. `filters`: EC2's own, by name. Reads only."""
        wanted = {"instance-state-name": _ALIVE, **(filters or {})}
        rows = [{"Name": name, "Values": values} for name, values in wanted.items()]
        with translated("ec2:DescribeInstances", self.name):
            pages = self._ec2.get_paginator("describe_instances").paginate(
                Filters=rows, PaginationConfig={"PageSize": _PAGE}
            )
            return [
                _instance(self.name, row)
                for page in pages
                for reservation in page["Reservations"]
                for row in reservation["Instances"]
            ]


@contextmanager
def in_region(creds: Credentials, region: str) -> Iterator[Region]:
    """`region` of the account, for several calls. Raises AwsError where no client can be made."""
    with translated("ec2", region):
        made = client("ec2", creds, region)
    with closing(made):
        yield Region(made, region)


def regions(creds: Credentials, region: str | None = None) -> list[str]:
    """The regions enabled for the account, sorted, as `region` tells them. Reads only."""
    with (
        translated("ec2:DescribeRegions", "the account"),
        closing(client("ec2", creds, region)) as ec2,
    ):
        return sorted(row["RegionName"] for row in ec2.describe_regions()["Regions"])


def _pair(region: str, row: dict[str, Any]) -> Pair:
    created = row.get("CreateTime")
    return Pair(
        region,
        row["KeyName"],
        row.get("KeyType", ""),
        row.get("KeyFingerprint", ""),
        row.get("PublicKey"),
        _tags(row),
        created.timestamp() if created is not None else None,
    )


def _tags(row: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in row.get("Tags", [])}


def _instance(region: str, row: dict[str, Any]) -> Instance:
    launched = row.get("LaunchTime")
    tags = _tags(row)
    return Instance(
        region,
        row["InstanceId"],
        row.get("KeyName") or None,
        tags.get("Name") or None,
        tags.get("owner") or tags.get("Owner") or None,
        launched.timestamp() if launched is not None else None,
        row.get("State", {}).get("Name", ""),
        row.get("Placement", {}).get("AvailabilityZone", ""),
        row.get("PrivateIpAddress") or None,
        row.get("PublicIpAddress") or None,
        str(row.get("Platform", "")).lower() == "windows",
    )
