"""Facts that do not tell enough are not passed, and names are quoted where they are to be typed."""

import shlex
from dataclasses import replace

import pytest

from credguard.audit import judge
from credguard.audit.facts import Facts, Ingress
from credguard.audit.model import FAIL, NA, PASS, UNKNOWN, Limits
from credguard.audit.table import BY_ID
from tests.audit import world
from tests.audit.world import GOOD, put


def statuses(facts: Facts, check: str) -> list[str]:
    return sorted(each.status for each in judge.judged(BY_ID[check], facts, Limits()))


def test_what_the_report_does_not_say_is_not_passed() -> None:
    row = replace(world.row("ci-bot"), password=None)
    facts = put(GOOD, "report", lambda found: {**found, "ci-bot": row})
    assert UNKNOWN in statuses(facts, "automation-password")
    for check in ("password-age", "password-unused"):
        assert UNKNOWN in statuses(facts, check), check
    facts = put(facts, "user.keys", ())
    facts = put(facts, "user.devices", ())
    assert UNKNOWN in statuses(facts, "user-mfa")


def test_a_pair_whose_key_ec2_does_not_give_is_not_passed_for_one_person_s() -> None:
    assert statuses(put(GOOD, "region.pairs", (world.pair("x", ""),)), "ssh-shared") == [UNKNOWN]


def test_a_trail_s_log_group_that_was_not_seen_is_not_of_no_concern() -> None:
    assert statuses(put(GOOD, "region.log_groups", ()), "log-group-retention") == [UNKNOWN]


@pytest.mark.parametrize(
    ("protocol", "status"), [("tcp", PASS), ("6", PASS), ("-1", PASS), ("udp", FAIL), ("17", FAIL)]
)
def test_only_what_denies_tcp_keeps_out_ssh(protocol: str, status: str) -> None:
    deny = [(False, Ingress(world.WORLD, protocol, 0, 65535))]
    facts = put(GOOD, "region.acls", (world.acl(*deny, (True, world.EVERY)),))
    assert statuses(facts, "port-acl") == [status]


def test_a_name_is_quoted_in_what_is_told_to_type() -> None:
    name = "x'; rm -rf ~; '"
    pairs = (world.pair(name, "k", ""), world.pair("other\nrun: rm", "k", ""))
    for check in ("ssh-shared", "ssh-owner", "ssh-age", "ssh-orphan"):
        for said in judge.judged(BY_ID[check], put(GOOD, "region.pairs", pairs), Limits()):
            lines = [each for each in said.remedy.split("\n") if each.startswith("run: ")]
            assert all("rm" not in shlex.split(each) for each in lines), lines


def test_a_pair_without_an_owner_is_not_a_role_s_own() -> None:
    role = replace(put(GOOD, "region.pairs", (world.pair("x", "k", ""),)), own=True, me="")
    assert [statuses(role, each) for each in ("ssh-shared", "ssh-age")] == [[NA], [NA]]


@pytest.mark.parametrize(
    ("protocol", "status"), [("47", FAIL), ("132", FAIL), ("icmp", PASS), ("58", PASS)]
)
def test_a_protocol_of_no_ports_faces_the_world_too(protocol: str, status: str) -> None:
    group = world.group("sg-1", Ingress(world.WORLD, protocol, 0, 65535))
    assert statuses(put(GOOD, "region.groups", (group,)), "port-other") == [status]
