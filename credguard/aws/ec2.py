"""EC2: key pairs, which are regional. Pairs are named by name, compared by public key."""

from contextlib import closing
from typing import Any

from credguard.aws.clients import client
from credguard.aws.model import Credentials, KeyPair
from credguard.aws.translate import translated


def import_key_pair(
    creds: Credentials, region: str, name: str, public_key: str, tags: dict[str, str]
) -> KeyPair:
    """Register `public_key` (one OpenSSH line). AlreadyExists: the name is taken in `region`."""
    with (
        translated("ec2:ImportKeyPair", f"{name} in {region}"),
        closing(client("ec2", creds, region)) as ec2,
    ):
        rows = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
        tagged = {"TagSpecifications": [{"ResourceType": "key-pair", "Tags": rows}]} if rows else {}
        answer = ec2.import_key_pair(KeyName=name, PublicKeyMaterial=public_key.encode(), **tagged)
        return KeyPair(
            answer["KeyName"],
            public_key.split()[0].removeprefix("ssh-"),
            answer["KeyFingerprint"],
            public_key,
            tags,
        )


def describe_key_pairs(creds: Credentials, region: str) -> list[KeyPair]:
    """Every key pair of `region`, public keys included. Reads only."""
    with (
        translated("ec2:DescribeKeyPairs", region),
        closing(client("ec2", creds, region)) as ec2,
    ):
        return [_pair(row) for row in ec2.describe_key_pairs(IncludePublicKey=True)["KeyPairs"]]


def _pair(row: dict[str, Any]) -> KeyPair:
    created = row.get("CreateTime")
    return KeyPair(
        row["KeyName"],
        row.get("KeyType", ""),
        row.get("KeyFingerprint", ""),
        row.get("PublicKey"),
        {tag["Key"]: tag["Value"] for tag in row.get("Tags", [])},
        created.timestamp() if created is not None else None,
    )


def delete_key_pair(creds: Credentials, region: str, name: str) -> None:
    """Remove the pair `name`; absent is not an error. Running instances keep the key."""
    with (
        translated("ec2:DeleteKeyPair", f"{name} in {region}"),
        closing(client("ec2", creds, region)) as ec2,
    ):
        ec2.delete_key_pair(KeyName=name)


def regions(creds: Credentials) -> list[str]:
    """The regions enabled for the account, sorted. Reads only."""
    with translated("ec2:DescribeRegions", "the account"), closing(client("ec2", creds)) as ec2:
        return sorted(row["RegionName"] for row in ec2.describe_regions()["Regions"])
