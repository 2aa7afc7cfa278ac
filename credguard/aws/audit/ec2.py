"""What EC2 has in one region. Texts are given to `look` as they are read, and not kept."""

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import Any

from credguard.audit.facts import (
    Acl,
    Hidden,
    Holding,
    Image,
    Ingress,
    Instance,
    Interfaces,
    Pair,
    SecurityGroup,
)
from credguard.audit.known import NOT_ASKED, Fact, Unknown
from credguard.aws.audit.reader import Reader, fact, pages, tag

Look = Callable[[bytes, str], Fact[tuple[Hidden, ...]]]
_LIVE = ["pending", "running", "stopping", "stopped"]
_MOST_VALUES = 200  # of a filter


class Ec2:
    """Reads one region with one client, call after call."""

    def __init__(self, reader: Reader, region: str, made: Any) -> None:
        """`made`: a client of the region."""
        self._reader = reader
        self._region = region
        self._ec2 = made
        self._where = f"region {region}"

    def _arn(self, rest: str) -> str:
        return self._reader.arn("ec2", self._region, rest)

    def groups(self, *, lists: bool) -> Fact[tuple[SecurityGroup, ...]]:
        """Every security group. `lists`: with what the prefix lists in their rules hold."""
        nets: dict[str, Fact[tuple[str, ...]]] = {}
        return fact(
            "region.groups",
            self._where,
            lambda: tuple(
                self._group(row, nets if lists else None)
                for row in pages(self._ec2, "describe_security_groups", "SecurityGroups")
            ),
        )

    def _listed(
        self, rules: list[dict[str, Any]], nets: dict[str, Fact[tuple[str, ...]]]
    ) -> Fact[tuple[tuple[str, Ingress], ...]]:
        """What the rules let in from prefix lists; each list is read once, into `nets`."""
        found: list[tuple[str, Ingress]] = []
        for rule in rules:
            for each in rule.get("PrefixListIds", []):
                name = str(each["PrefixListId"])
                if name not in nets:
                    nets[name] = self._nets(name)
                here = nets[name]
                if isinstance(here, Unknown):
                    return here
                found += [(name, _ingress_from(rule, net)) for net in here]
        return tuple(found)

    def _nets(self, name: str) -> Fact[tuple[str, ...]]:
        return fact(
            "group.listed",
            f"prefix list {name}",
            lambda: tuple(
                str(each["Cidr"])
                for each in pages(
                    self._ec2, "get_managed_prefix_list_entries", "Entries", PrefixListId=name
                )
            ),
        )

    def _group(
        self, row: dict[str, Any], nets: dict[str, Fact[tuple[str, ...]]] | None
    ) -> SecurityGroup:
        inbound, outbound = row.get("IpPermissions", []), row.get("IpPermissionsEgress", [])
        named = [
            pair.get("GroupId", "")
            for rule in [*inbound, *outbound]
            for pair in rule.get("UserIdGroupPairs", [])
        ]
        return SecurityGroup(
            row["GroupId"],
            row.get("GroupName", ""),
            self._arn(f"security-group/{row['GroupId']}"),
            row.get("VpcId", ""),
            tuple(each for rule in inbound for each in ingress(rule)),
            tuple(named),
            len(inbound) + len(outbound),
            NOT_ASKED if nets is None else self._listed(inbound, nets),
        )

    def interfaces(self) -> Fact[Interfaces]:
        """Which groups and VPCs something uses."""

        def read() -> Interfaces:
            rows = list(pages(self._ec2, "describe_network_interfaces", "NetworkInterfaces"))
            return Interfaces(
                frozenset(group["GroupId"] for row in rows for group in row.get("Groups", [])),
                frozenset(row.get("VpcId", "") for row in rows),
            )

        return fact("region.interfaces", self._where, read)

    def acls(self) -> Fact[tuple[Acl, ...]]:
        """Every network ACL."""
        return fact(
            "region.acls",
            self._where,
            lambda: tuple(
                Acl(
                    row["NetworkAclId"],
                    self._arn(f"network-acl/{row['NetworkAclId']}"),
                    row.get("VpcId", ""),
                    _entries(row.get("Entries", [])),
                )
                for row in pages(self._ec2, "describe_network_acls", "NetworkAcls")
            ),
        )

    def instances(self, look: Look | None) -> Fact[tuple[Instance, ...]]:
        """Every instance that is not gone; its user data looked through, unless `look` is None."""

        def read() -> tuple[Instance, ...]:
            filters = [{"Name": "instance-state-name", "Values": _LIVE}]
            found = pages(self._ec2, "describe_instances", "Reservations", Filters=filters)
            return tuple(
                self._instance(row, look) for group in found for row in group.get("Instances", [])
            )

        return fact("region.instances", self._where, read)

    def _instance(self, row: dict[str, Any], look: Look | None) -> Instance:
        name = row["InstanceId"]
        return Instance(
            name,
            self._arn(f"instance/{name}"),
            tag(row, "owner"),
            row.get("KeyName", ""),
            row.get("ImageId", ""),
            row.get("IamInstanceProfile", {}).get("Arn", ""),
            NOT_ASKED if look is None else self._hidden(name, look),
        )

    def _hidden(self, name: str, look: Look) -> Fact[tuple[Hidden, ...]]:
        def read() -> Fact[tuple[Hidden, ...]]:
            answer = self._ec2.describe_instance_attribute(InstanceId=name, Attribute="userData")
            return look(_decoded(answer.get("UserData", {}).get("Value")), "user-data")

        return fact("instance.hidden", f"instance {name}", read)

    def pairs(self) -> Fact[tuple[Pair, ...]]:
        """Every key pair."""

        def read() -> tuple[Pair, ...]:
            return tuple(
                Pair(
                    row["KeyName"],
                    self._arn(f"key-pair/{row.get('KeyPairId') or row['KeyName']}"),
                    " ".join(row.get("PublicKey", "").split()[:2]),
                    tag(row, "owner"),
                    row["CreateTime"].timestamp() if row.get("CreateTime") else None,
                )
                for row in self._ec2.describe_key_pairs(IncludePublicKey=True)["KeyPairs"]
            )

        return fact("region.pairs", self._where, read)

    def images(self, instances: Fact[tuple[Instance, ...]]) -> Fact[dict[str, Image]]:
        """The images of `instances`; one that is gone, or that we may not see, is not there."""
        if isinstance(instances, Unknown):
            return instances
        wanted = sorted({each.image for each in instances})

        def read() -> dict[str, Image]:
            found = {}
            for start in range(0, len(wanted), _MOST_VALUES):
                some = wanted[start : start + _MOST_VALUES]
                answer = self._ec2.describe_images(
                    Filters=[{"Name": "image-id", "Values": some}], IncludeDeprecated=True
                )
                found.update({row["ImageId"]: _image(row) for row in answer["Images"]})
            return found

        return fact("region.images", self._where, read)

    def ebs(self) -> Fact[bool]:
        """Whether new volumes are encrypted."""
        return fact(
            "region.ebs",
            self._where,
            lambda: bool(self._ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"]),
        )

    def templates(self, look: Look) -> Fact[tuple[Holding, ...]]:
        """Every launch template's default version, its user data looked through."""

        def read() -> tuple[Holding, ...]:
            return tuple(
                Holding(
                    row["LaunchTemplateName"],
                    self._arn(f"launch-template/{row['LaunchTemplateId']}"),
                    look(_decoded(row.get("LaunchTemplateData", {}).get("UserData")), "user-data"),
                )
                for row in pages(
                    self._ec2, "describe_launch_template_versions", "LaunchTemplateVersions",
                    Versions=["$Default"],
                )
            )  # fmt: skip

        return fact("region.templates", self._where, read)


def ingress(rule: dict[str, Any]) -> list[Ingress]:
    """One IpPermission, by its sources; those that are groups or lists of addresses left out."""
    sources = [each.get("CidrIp", "") for each in rule.get("IpRanges", [])]
    sources += [each.get("CidrIpv6", "") for each in rule.get("Ipv6Ranges", [])]
    return [_ingress_from(rule, source) for source in sources]


def _ingress_from(rule: dict[str, Any], source: str) -> Ingress:
    protocol = str(rule.get("IpProtocol", "-1"))
    first, last = rule.get("FromPort", 0), rule.get("ToPort", 65535)
    if protocol == "-1" or first == -1:
        first, last = 0, 65535
    return Ingress(source, protocol, first, last)


def _entries(rows: list[dict[str, Any]]) -> tuple[tuple[bool, Ingress], ...]:
    found = []
    for row in sorted(rows, key=lambda each: each.get("RuleNumber", 0)):
        if row.get("Egress"):
            continue
        ports = row.get("PortRange") or {}
        source = row.get("CidrBlock") or row.get("Ipv6CidrBlock") or ""
        rule = Ingress(
            source, str(row.get("Protocol", "-1")), ports.get("From", 0), ports.get("To", 65535)
        )
        found.append((row.get("RuleAction") == "allow", rule))
    return tuple(found)


def _image(row: dict[str, Any]) -> Image:
    deprecated = row.get("DeprecationTime")
    return Image(
        row["ImageId"],
        row.get("Name", ""),
        _time(row["CreationDate"]),
        _time(deprecated) if deprecated else None,
    )


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _decoded(text: str | None) -> bytes:
    """User data as the machine gets it: base64 taken off; what is not base64 stays as it is."""
    if not text:
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text.encode()
