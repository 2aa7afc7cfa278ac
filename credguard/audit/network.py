"""No port faces the world that need not."""

from collections.abc import Callable, Iterator
from shlex import quote

from credguard.audit.addresses import from_world
from credguard.audit.facts import Acl, Facts, Ingress, Region, SecurityGroup
from credguard.audit.known import Unknown, known
from credguard.audit.model import (
    FAIL,
    NA,
    PASS,
    Check,
    Judge,
    Limits,
    Said,
    in_regions,
    per,
)

_TIP = "ports"
ADMIN = {22: "SSH", 3389: "RDP", 5985: "WinRM", 5986: "WinRM", 23: "Telnet"}
DATA = {
    20: "FTP", 21: "FTP", 135: "RPC", 137: "NetBIOS", 138: "NetBIOS", 139: "NetBIOS", 445: "SMB",
    1433: "SQL Server", 1434: "SQL Server", 1521: "Oracle", 2375: "Docker", 2379: "etcd",
    3306: "MySQL", 4333: "mSQL", 5432: "PostgreSQL", 5601: "Kibana", 6379: "Redis",
    6443: "Kubernetes", 8020: "Hadoop", 9042: "Cassandra", 9092: "Kafka", 9200: "Elasticsearch",
    9300: "Elasticsearch", 10250: "kubelet", 11211: "memcached", 27017: "MongoDB",
    27018: "MongoDB", 50070: "Hadoop",
}  # fmt: skip


def _named(rule: Ingress, ports: dict[int, str]) -> list[str]:
    if rule.protocol not in ("tcp", "udp", "-1", "6", "17"):
        return []
    return [f"{port} ({name})" for port, name in ports.items() if rule.first <= port <= rule.last]


def _wide(rule: Ingress, limits: Limits) -> list[str]:
    """What is open besides the allowed ports and those that the other checks tell of."""
    if rule.protocol == "-1":
        return ["everything"]
    if rule.protocol in ("icmp", "icmpv6", "1", "58"):
        return []
    if rule.protocol not in ("tcp", "udp", "6", "17"):
        return [f"protocol {rule.protocol}"]
    told = limits.open_ports | set(ADMIN) | set(DATA)
    first, last = rule.first, rule.last
    if last - first + 1 <= len(told) and all(port in told for port in range(first, last + 1)):
        return []
    return [f"{rule.protocol} {first}" if first == last else f"{rule.protocol} {first}-{last}"]


def _listed(
    group: SecurityGroup, hits: Callable[[Ingress], list[str]], found: dict[str, None]
) -> list[str]:
    """The prefix lists that let the world in, put into `found`.

    Raises NotKnown: they cannot be read, and there is nothing in `found` but for them.
    """
    if found and isinstance(group.listed, Unknown):
        return []
    lists = []
    for name, rule in known(group.listed):
        hit = hits(rule) if from_world(rule.source) else []
        if hit:
            lists.append(name)
            found.update(dict.fromkeys(f"{each} from {rule.source} in {name}" for each in hit))
    return list(dict.fromkeys(lists))


def _revoke(group: SecurityGroup, rules: list[Ingress], lists: list[str]) -> str:
    lines = [
        f"run: credguard audit fix port --resource {quote(group.arn + '/' + rule.rule)} --apply"
        for rule in rules
    ]
    first = "let in those who need it first: by a VPN, Session Manager or Instance Connect, or from"
    first += " your own address"
    if lists:
        lines.append(
            f"take the net out of {', '.join(lists)}, or the list out of the group's rules"
        )
    return "\n".join([first, *lines])


def _open(kind: str) -> Judge:
    def judge(facts: Facts, limits: Limits) -> Iterator[Said]:
        def region(here: Region) -> Iterator[Said]:
            def hits(rule: Ingress) -> list[str]:
                ports = {"admin": ADMIN, "data": DATA}.get(kind)
                return _wide(rule, limits) if ports is None else _named(rule, ports)

            def of(group: SecurityGroup) -> Said:
                found: dict[str, None] = {}
                rules = []
                for rule in group.ingress:
                    if not from_world(rule.source):
                        continue
                    if hit := hits(rule):
                        rules.append(rule)
                        found.update(dict.fromkeys(f"{each} from {rule.source}" for each in hit))
                lists = _listed(group, hits, found)
                if not found:
                    said = f"{group.id} ({group.name}) lets the world in nowhere here"
                    return Said(PASS, group.arn, said, region=here.name)
                shown = list(found)
                more = f" and {len(shown) - 4} more" if len(shown) > 4 else ""
                said = f"{group.id} ({group.name}) is open: {', '.join(shown[:4])}{more}"
                return Said(FAIL, group.arn, said, _revoke(group, rules, lists), here.name)

            return per(known(here.groups), lambda group: group.arn, of, here.name)

        return in_regions(facts, region)

    return judge


def _revoke_all(here: Region, group: SecurityGroup, way: str, which: str) -> str:
    return (
        f"run: aws ec2 revoke-security-group-{way} --region {here.name} --group-id {group.id}"
        " --security-group-rule-ids $(aws ec2 describe-security-group-rules"
        f" --region {here.name} --filters Name=group-id,Values={group.id}"
        f" --query 'SecurityGroupRules[?{which}].SecurityGroupRuleId' --output text)"
    )


def default_group(facts: Facts, limits: Limits) -> Iterator[Said]:
    """Whatever names no group gets the default one. Where nothing runs in the VPC: no concern."""

    def region(here: Region) -> Iterator[Said]:
        def of(group: SecurityGroup) -> Said | None:
            if group.name != "default":
                return None
            if not group.rules:
                return Said(PASS, group.arn, f"{group.id} lets nothing through", region=here.name)
            if group.vpc not in known(here.interfaces).vpcs:
                said = f"nothing runs in {group.vpc}"
                return Said(NA, group.arn, said, region=here.name)
            remedy = (
                "give what uses it a group of its own, then remove every rule:\n"
                + _revoke_all(here, group, "ingress", "!IsEgress")
                + "\n"
                + _revoke_all(here, group, "egress", "IsEgress")
            )
            said = f"the default group {group.id} of {group.vpc} has rules"
            return Said(FAIL, group.arn, said, remedy, here.name)

        return per(known(here.groups), lambda group: group.arn, of, here.name)

    return in_regions(facts, region)


def unused_group(facts: Facts, limits: Limits) -> Iterator[Said]:
    """A group that nothing has is taken up again by whoever finds it, rules and all."""

    def region(here: Region) -> Iterator[Said]:
        groups = [group for group in known(here.groups) if group.name != "default"]
        referenced = {name for group in groups for name in group.referenced if name != group.id}

        def of(group: SecurityGroup) -> Said:
            if group.id in referenced:
                said = f"{group.id} is named by another group's rule"
                return Said(PASS, group.arn, said, region=here.name)
            if group.id in known(here.interfaces).groups:
                return Said(PASS, group.arn, f"{group.id} is in use", region=here.name)
            remedy = (
                "where nothing is going to use it (a launch template may name it):\n"
                f"run: aws ec2 delete-security-group --region {here.name} --group-id {group.id}"
            )
            said = f"nothing uses {group.id} ({group.name})"
            return Said(FAIL, group.arn, said, remedy, here.name)

        return per(groups, lambda group: group.arn, of, here.name)

    return in_regions(facts, region)


def _let_in(each: Acl) -> list[str]:
    """What of SSH and RDP gets through from anywhere: the first entry that fits decides."""
    found = []
    for port, name in ((22, "SSH"), (3389, "RDP")):
        for family in (".", ":"):
            for allow, entry in each.entries:
                if family not in entry.source or entry.protocol not in ("tcp", "6", "-1"):
                    continue
                if not entry.first <= port <= entry.last:
                    continue
                if allow and from_world(entry.source):
                    found.append(f"{name} from {entry.source}")
                    break
                if not allow and entry.source in ("0.0.0.0/0", "::/0"):
                    break
    return found


def acl(facts: Facts, limits: Limits) -> Iterator[Said]:
    """The second line behind the groups; of a VPC where nothing runs: no concern."""

    def region(here: Region) -> Iterator[Said]:
        def of(each: Acl) -> Said:
            found = _let_in(each)
            if not found:
                said = f"{each.id} keeps the world from SSH and RDP"
                return Said(PASS, each.arn, said, region=here.name)
            if each.vpc not in known(here.interfaces).vpcs:
                return Said(NA, each.arn, f"nothing runs in {each.vpc}", region=here.name)
            remedy = (
                "deny both ports before the rule that allows everything:\n"
                f"run: aws ec2 create-network-acl-entry --region {here.name}"
                f" --network-acl-id {each.id} --ingress --rule-number 40 --protocol tcp"
                " --port-range From=22,To=22 --cidr-block 0.0.0.0/0 --rule-action deny\n"
                f"run: aws ec2 create-network-acl-entry --region {here.name}"
                f" --network-acl-id {each.id} --ingress --rule-number 41 --protocol tcp"
                " --port-range From=3389,To=3389 --cidr-block 0.0.0.0/0 --rule-action deny\n"
                "and the same with --ipv6-cidr-block ::/0 and other numbers, where it allows ::/0"
            )
            return Said(FAIL, each.arn, f"{each.id} lets in {', '.join(found)}", remedy, here.name)

        return per(known(here.acls), lambda each: each.arn, of, here.name)

    return in_regions(facts, region)


_NONE = "there is no security group"
CHECKS = (
    Check(
        "port-admin", "No port to administer a machine faces the world", _TIP, "critical",
        "They are tried around the clock, from everywhere.",
        _open("admin"), ("region.groups", "group.listed", "region_names"), none=_NONE, fix="ask",
        cis="1.5: 5.2, 3.0: 5.2, 5.0: 5.3, 7.0: 6.3", hub=("EC2.13", "EC2.14"),
        peer=("ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_22",
              "ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_3389"),
    ),
    Check(
        "port-data", "No database or file share faces the world", _TIP, "critical",
        "What was meant for one network is then everybody's.",
        _open("data"), ("region.groups", "group.listed", "region_names"), none=_NONE, fix="ask",
        hub=("EC2.19",),
        peer=("ec2_securitygroup_allow_ingress_from_internet_to_high_risk_tcp_ports",
              "ec2_securitygroup_allow_ingress_from_internet_to_tcp_port_mysql_3306"),
    ),
    Check(
        "port-other", "Nothing else faces the world but what is meant to", _TIP, "high",
        "A port that nobody meant to open is one that nobody looks after.",
        _open("other"), ("region.groups", "group.listed", "region_names"), none=_NONE, fix="ask",
        cis="1.5: 5.3, 3.0: 5.3, 5.0: 5.4, 7.0: 6.4", hub=("EC2.18",),
        peer=("ec2_securitygroup_allow_ingress_from_internet_to_all_ports",
              "ec2_securitygroup_allow_ingress_from_internet_to_any_port"),
    ),
    Check(
        "port-acl", "Network ACLs keep the world from SSH and RDP", _TIP, "low",
        "A second line where somebody opens a group by mistake.",
        acl, ("region.acls", "region.interfaces", "region_names"), none="there is no network ACL",
        cis="1.5: 5.1, 3.0: 5.1, 5.0: 5.2, 7.0: 6.2", hub=("EC2.21",),
        peer=("ec2_networkacl_allow_ingress_tcp_port_22",
              "ec2_networkacl_allow_ingress_tcp_port_3389"),
    ),
    Check(
        "port-default-group", "Default security groups let nothing through", _TIP, "medium",
        "Whatever was started without a thought has the default group.",
        default_group, ("region.groups", "region.interfaces", "region_names"), none=_NONE,
        cis="1.5: 5.4, 3.0: 5.4, 5.0: 5.5, 7.0: 6.5", hub=("EC2.2",),
        peer=("ec2_securitygroup_default_restrict_traffic",),
    ),
    Check(
        "port-unused-group", "Security groups that nothing uses are gone", _TIP, "low",
        "They are taken up again, with whatever they let in.",
        unused_group, ("region.groups", "region.interfaces", "region_names"),
        none="there is no security group but the default ones", hub=("EC2.22",),
        peer=("ec2_securitygroup_not_used",),
    ),
)  # fmt: skip
