"""Every check: what it says of a good, a bad, a dark account, and which facts move it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from credguard.audit import judge
from credguard.audit.facts import (
    Alarm,
    Authorization,
    Block,
    Budget,
    Facts,
    Image,
    Interfaces,
    Patches,
    Policy,
    Row,
    Summary,
    Versioning,
)
from credguard.audit.fixes import FIXES
from credguard.audit.model import FAIL, NA, PASS, UNKNOWN, Check, Limits
from credguard.audit.reads import READS
from credguard.audit.table import BY_ID, CHECKS, TIPS
from tests.audit import world
from tests.audit.world import BAD, DAY, GOOD, LOST, NOW, put

IDS = [each.id for each in CHECKS]


def statuses(facts: Facts, check: Check) -> list[str]:
    return sorted(each.status for each in judge.judged(check, facts, Limits()))


def test_names_are_unique_and_facts_are_known() -> None:
    assert len(set(IDS)) == len(IDS)
    assert {each.tip for each in CHECKS} == set(TIPS)
    named = {fact for each in CHECKS for fact in each.facts}
    assert named - {"last_audit"} == set(READS)
    assert {check for fix in FIXES for check in fix.checks} == {c.id for c in CHECKS if c.fix}
    assert all((BY_ID[c].fix == "ask") is fix.ask for fix in FIXES for c in fix.checks)


@pytest.mark.parametrize("check", CHECKS, ids=IDS)
def test_the_good_account_passes(check: Check) -> None:
    found = statuses(GOOD, check)
    assert PASS in found
    assert set(found) <= {PASS, NA}


@pytest.mark.parametrize("check", CHECKS, ids=IDS)
def test_the_bad_account_fails_and_says_what_to_do(check: Check) -> None:
    failed = [each for each in judge.judged(check, BAD, Limits()) if each.status == FAIL]
    assert failed
    assert all(each.evidence and each.remedy and each.resource for each in failed)


@pytest.mark.parametrize(
    "check", [c for c in CHECKS if c.id != "audit-dated"], ids=lambda check: check.id
)
def test_what_cannot_be_read_is_never_passed(check: Check) -> None:
    found = judge.judged(check, world.nothing_known(), Limits())
    assert {each.status for each in found} == {UNKNOWN}
    assert all(each.actions == ("x:Y",) for each in found)


def test_an_account_with_nothing_in_it_is_judged() -> None:
    empty = replace(
        GOOD, users=(), authorization=Authorization((), ()), buckets=(), trails=(), alarms=(),
        report={}, regions=(), region_names=(),
    )  # fmt: skip
    for check in CHECKS:
        found = statuses(empty, check)
        assert UNKNOWN not in found or check.id == "root-unused", check.id


# Where a fact decides, though another one does in the good and in the bad account.
OPEN = put(put(GOOD, "account_block", None), "bucket.block", None)
BASES = (
    GOOD,
    BAD,
    put(put(GOOD, "summary", Summary(False, False)), "report", {
        "<root_account>": Row("<root_account>", "", False, None, None, None),
        **{name: world.row(name) for name in ("ada", "ci-bot")},
    }),
    put(GOOD, "user.devices", ()),
    put(put(GOOD, "user.devices", ()), "user.keys", ()),
    OPEN,
    put(OPEN, "bucket.policy", world.PUBLIC),
    put(OPEN, "bucket.grants", ((world.ALL_USERS, "READ"),)),
    put(OPEN, "bucket.policy", world.LEFT),
    put(put(GOOD, "bucket.policy", world.PUBLIC), "account_block", None),
    put(GOOD, "bucket.lock", 0),
    replace(GOOD, alarms=(), budgets=(Budget("b", True),)),
)  # fmt: skip


@pytest.mark.parametrize("fact", READS)
def test_a_fact_that_is_lost_moves_exactly_the_checks_that_declare_it(fact: str) -> None:
    moved = {
        check.id
        for base in BASES
        for check in CHECKS
        if statuses(put(base, fact, LOST), check) != statuses(base, check)
    }
    assert moved == {each.id for each in CHECKS if fact in each.facts}


def _holders(**change: Any) -> Callable[[Authorization], Authorization]:
    """The authorization with one more holder."""
    kind, name = change.pop("kind"), change.pop("name")
    return lambda found: replace(
        found, holders=(*found.holders, world.holder(kind, name, **change))
    )


def _without(policy: str) -> Callable[[Authorization], Authorization]:
    def change(found: Authorization) -> Authorization:
        kept = [h for h in found.holders if not any(policy in each for each in h.attached)]
        return replace(found, holders=tuple(kept))

    return change


def _policy(**rest: Any) -> Callable[[Authorization], Authorization]:
    made = Policy("new", world.iam("policy/new"), world.statement(Resource="*", **rest))
    return lambda found: replace(found, policies=(made,))


def _of(fact: str, **change: Any) -> tuple[str, Callable[[Any], Any]]:
    return fact, lambda found: replace(found, **change)


def _first(fact: str, **change: Any) -> tuple[str, Callable[[Any], Any]]:
    return fact, lambda found: (replace(found[0], **change), *found[1:])


def _report(**change: Any) -> tuple[str, Callable[[Any], Any]]:
    name = change.pop("who", "ada")
    return "report", lambda found: {**found, name: replace(found[name], **change)}


_RULE = "region.groups"
_OTHERS = {"port-admin", "port-data", "port-other"}
# One fact changed alone, in the good account: the checks that fail then, and no other's word moves.
FLIPS: list[tuple[tuple[str, Any], set[str]]] = [
    (("summary", Summary(False, False)), {"root-mfa", "root-mfa-hardware"}),
    (("summary", Summary(True, True)), {"root-no-keys"}),
    (("root_devices", ("arn:aws:iam::1:mfa/root-account-mfa-device",)), {"root-mfa-hardware"}),
    (_report(who="<root_account>", used=NOW - DAY), {"root-unused"}),
    (_report(who="<root_account>", keys_used=NOW - DAY), {"root-unused"}),
    (_report(changed=NOW - 91 * DAY), {"password-age"}),
    (_report(changed=NOW - 80 * DAY, used=NOW - 46 * DAY), {"password-unused"}),
    (_report(who="ci-bot", password=True, changed=NOW, used=NOW),
     {"automation-password", "user-mfa"}),
    (("user.devices", ()), {"user-mfa"}),
    (("user.keys", (world.key("A", 31),)), {"key-age", "automation-role", "user-mfa"}),
    (("user.keys", (world.key("A"), world.key("B"))),
     {"key-single", "automation-role", "user-mfa"}),
    (("key.used", NOW - 46 * DAY), {"key-unused"}),
    (_of("password_policy", length=13), {"password-length"}),
    (_of("password_policy", reuse=23), {"password-reuse"}),
    (_of("password_policy", symbols=False), {"password-characters"}),
    (_of("password_policy", numbers=False), {"password-characters"}),
    (_of("password_policy", upper=False), {"password-characters"}),
    (_of("password_policy", lower=False), {"password-characters"}),
    (_of("password_policy", max_age=0), {"password-expiry"}),
    (_of("password_policy", max_age=91), {"password-expiry"}),
    (_of("password_policy", self_change=False), {"password-own-change"}),
    (("password_policy", None), {"password-length", "password-reuse", "password-characters",
                                 "password-expiry", "password-own-change"}),
    (("authorization", _policy(Action="*")), {"policy-admin"}),
    (("authorization", _policy(Action="iam:PutUserPolicy")), {"policy-escalation"}),
    (("authorization", _holders(kind="user", name="eve", attached=("arn:aws:iam::1:policy/x",))),
     {"user-groups"}),
    (("authorization", _holders(
        kind="group", name="people", attached=("arn:aws:iam::aws:policy/AdministratorAccess",))),
     {"user-admin"}),
    (("authorization", _holders(
        kind="group", name="people", attached=("arn:aws:iam::aws:policy/IAMFullAccess",))),
     {"user-admin"}),
    (("authorization", _holders(kind="role", name="open", trust=world.statement(
        Principal={"AWS": "*"}, Action="sts:AssumeRole"))), {"role-trust"}),
    (("authorization", _without("SecurityAudit")), {"audit-role"}),
    (("authorization", _without("AWSSupportAccess")), {"support-role"}),
    (("account_block", Block(True, True, False, True)), {"s3-account-block"}),
    (("account_block", None), {"s3-account-block"}),
    (("bucket.block", Block(True, False, True, True)), {"s3-bucket-block"}),
    (("bucket.lock", 0), set()),  # versions and a policy that denies deleting are enough
    (("trails", ()), {"trail-on"}),
    (_first("trails", validation=False), {"trail-validation"}),
    (_first("trails", encrypted=False), {"trail-encrypted"}),
    (_first("trails", multi_region=False), {"trail-on"}),
    (("trail.logging", False), {"trail-on"}),
    (("trail.management", False), {"trail-on"}),
    (("alarms", ()), {"billing-alarm"}),
    (("alarms", (Alarm("off", False, True),)), {"billing-alarm"}),
    (("alarm.heard", False), {"billing-alarm"}),
    (("contact", False), {"contact-security"}),
    (("region.recorder", False), {"config-recorder"}),
    (("region.hub", False), {"security-hub"}),
    (("last_audit", None), {"audit-dated"}),
    (("last_audit", NOW - 32 * DAY), {"audit-dated"}),
    ((_RULE, (world.group("sg-1", world.tcp(22)),)), {"port-admin"}),
    ((_RULE, (world.group("sg-1", world.tcp(3389, "::/0")),)), {"port-admin"}),
    ((_RULE, (world.group("sg-1", world.tcp(5432)),)), {"port-data"}),
    ((_RULE, (world.group("sg-1", world.tcp(8080)),)), {"port-other"}),
    ((_RULE, (world.group("sg-1", world.EVERY),)), _OTHERS),
    ((_RULE, (world.group("sg-1"), world.group("sg-0", world.tcp(443), title="default"))),
     {"port-default-group"}),
    ((_RULE, (world.group("sg-1"), world.group("sg-7"))), {"port-unused-group"}),
    (("region.interfaces", Interfaces(frozenset(), frozenset({"vpc-1"}))), {"port-unused-group"}),
    (("region.acls", (world.acl((True, world.EVERY)),)), {"port-acl"}),
    (("region.instances", (world.instance("i-1", profile=""),)), {"instance-role"}),
    (("region.instances", (world.instance("i-1", key_name="gone"),)), {"ssh-orphan"}),
    (("region.instances", (world.instance("i-1", owner="bob"), world.instance("i-1"))),
     {"ssh-shared"}),
    (("region.instances", (world.instance("i-1", image="ami-9"),)), {"image-age"}),
    (("region.instances", (world.instance("i-9"),)), {"patches"}),
    (("instance.hidden", world.FOUND), {"secret-user-data"}),
    (("region.pairs", (world.pair("ada-1", "k"), world.pair("ada-2", "k"))), {"ssh-shared"}),
    (("region.pairs", (world.pair("ada-2", "k", ""),)), {"ssh-owner"}),
    (("region.pairs", (world.pair("ada-2", "k", age=366),)), {"ssh-age"}),
    (("region.images", {"ami-1": Image("ami-1", "", NOW - 181 * DAY, None)}), {"image-age"}),
    (("region.images", {"ami-1": Image("ami-1", "", NOW, NOW - DAY)}), {"image-age"}),
    (("region.images", {}), {"image-age"}),
    (("region.patches", {"i-1": Patches(1, NOW)}), {"patches"}),
    (("region.patches", {"i-1": Patches(0, NOW - 31 * DAY)}), {"patches"}),
    (("region.patches", {}), {"patches"}),
    (("region.ebs", False), {"ebs-encryption"}),
    (("region.templates", (world.holding("t", *world.FOUND),)), {"secret-template"}),
    (("region.functions", (world.holding("f", *world.FOUND),)), {"secret-function"}),
    (("region.parameters", (world.holding("p", *world.FOUND),)), {"secret-parameter"}),
    (("kms.rotation", False), {"kms-rotation"}),
    (("region.log_groups", (world.log_group(protected=False),)), {"log-group-protected"}),
    (("region.log_groups", (world.log_group(retention=30),)), {"log-group-retention"}),
    (("region.analyzer", False), {"access-analyzer"}),
    (("region.detector", False), {"guardduty"}),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(FLIPS)))
def test_a_fact_that_is_flipped_fails_exactly_its_checks(number: int) -> None:
    (fact, value), expected = FLIPS[number]
    changed = put(GOOD, fact, value)
    failed = {check.id for check in CHECKS if FAIL in statuses(changed, check)}
    assert failed == expected
    moved = {check.id for check in CHECKS if statuses(changed, check) != statuses(GOOD, check)}
    assert all(fact in BY_ID[each].facts for each in moved)


OPEN_FLIPS: list[tuple[str, Any, set[str]]] = [
    ("bucket.policy", world.PUBLIC, {"s3-bucket-public", "trail-bucket-private"}),
    ("bucket.policy_public", True, {"s3-bucket-public", "trail-bucket-private"}),
    ("bucket.grants", ((world.ALL_USERS, "READ"),), {"s3-bucket-public", "trail-bucket-private"}),
]


@pytest.mark.parametrize(("fact", "value", "expected"), OPEN_FLIPS)
def test_a_bucket_is_public_only_where_nothing_blocks_it(
    fact: str, value: Any, expected: set[str]
) -> None:
    checks = [BY_ID[each] for each in sorted(expected)]
    assert all(FAIL in statuses(put(OPEN, fact, value), each) for each in checks)
    for block in ("account_block", "bucket.block"):
        shut = put(put(OPEN, block, world.WHOLE), fact, value)
        assert all(FAIL not in statuses(shut, each) for each in checks)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"lock": 365}, PASS),
        ({"lock": 1}, FAIL),
        ({"versioning": Versioning(True, True)}, PASS),
        ({"versioning": Versioning(False, True)}, FAIL),
        ({"versioning": Versioning(True, False), "policy": world.KEEP}, PASS),
        ({"policy": world.KEEP}, FAIL),
        ({"policy": LOST, "versioning": Versioning(True, False)}, UNKNOWN),
        ({"lock": LOST}, UNKNOWN),
    ],
)
def test_how_a_trails_files_are_kept(change: dict[str, Any], status: str) -> None:
    plain = {"lock": 0, "versioning": Versioning(False, False), "policy": None}
    facts = replace(GOOD, buckets=(world.bucket("logs", **{**plain, **change}),))
    assert statuses(facts, BY_ID["trail-bucket-kept"]) == [status]


def test_a_trails_bucket_of_another_account_is_not_passed() -> None:
    facts = replace(GOOD, buckets=())
    assert statuses(facts, BY_ID["trail-bucket-kept"]) == [UNKNOWN]


def test_every_check_is_flipped_by_some_fact() -> None:
    flipped = {check for _, expected in FLIPS for check in expected}
    flipped |= {check for _, _, expected in OPEN_FLIPS for check in expected}
    assert flipped | {"trail-bucket-kept"} == set(IDS)


def _one(check: str, part: str, value: Any) -> list[str]:
    return statuses(put(GOOD, f"region.{part}", value), BY_ID[check])


def test_a_vpc_in_which_nothing_runs_is_no_concern() -> None:
    nowhere = Interfaces(frozenset({"sg-1"}), frozenset({"vpc-9"}))
    for part, value, check in (
        ("groups", (world.group("sg-0", world.EVERY, title="default"),), "port-default-group"),
        ("acls", (world.acl((True, world.EVERY)),), "port-acl"),
    ):
        facts = put(GOOD, f"region.{part}", value)
        assert statuses(facts, BY_ID[check]) == [FAIL]
        assert statuses(put(facts, "region.interfaces", nowhere), BY_ID[check]) == [NA]


@pytest.mark.parametrize(
    ("owner", "owners", "status"),
    [
        ("", ("", ""), FAIL),
        ("", ("",), PASS),
        ("ada", ("", ""), PASS),
        ("ada", ("ada", ""), PASS),
        ("", ("ada", "ada"), PASS),
        ("ada", ("ada", "bob"), FAIL),
    ],
)
def test_who_shares_a_pair(owner: str, owners: tuple[str, ...], status: str) -> None:
    instances = tuple(
        world.instance(f"i-{n}", owner=name, key_name="k") for n, name in enumerate(owners)
    )
    facts = put(GOOD, "region.pairs", (world.pair("k", "ssh-ed25519 K", owner),))
    facts = put(facts, "region.instances", instances)
    assert statuses(facts, BY_ID["ssh-shared"]) == [status]


def test_an_acl_s_first_entry_that_fits_decides() -> None:
    deny, allow = (False, world.tcp(22)), (True, world.EVERY)
    narrow = (False, world.tcp(22, "192.0.2.0/24"))
    rdp = (False, world.tcp(3389))
    assert _one("port-acl", "acls", (world.acl(rdp, deny, allow),)) == [PASS]
    assert _one("port-acl", "acls", (world.acl(rdp, allow, deny),)) == [FAIL]
    assert _one("port-acl", "acls", (world.acl(rdp, narrow, allow),)) == [FAIL]
    six = (True, world.tcp(22, "::/0"))
    assert _one("port-acl", "acls", (world.acl(rdp, deny, six),)) == [FAIL]


def test_an_inactive_key_is_no_concern() -> None:
    off = world.key("A", 400, None, active=False)
    facts = put(GOOD, "user.keys", (off,))
    for check in ("key-age", "key-unused", "key-single"):
        assert set(statuses(facts, BY_ID[check])) == {NA}


def test_a_user_newer_than_the_report_is_not_judged_by_it() -> None:
    facts = put(GOOD, "report", lambda found: {"<root_account>": found["<root_account>"]})
    for check in ("password-age", "password-unused"):
        assert set(statuses(facts, BY_ID[check])) == {UNKNOWN}


def test_one_s_own_password_that_may_have_been_changed_since_is_not_judged() -> None:
    def own(days: float) -> list[str]:
        row = replace(world.row("ada", password=True, age=days), later=True)
        facts = replace(GOOD, users=GOOD.users[:1], report={"ada": row})
        return statuses(facts, BY_ID["password-age"])

    assert (own(89), own(91)) == ([PASS], [UNKNOWN])


def test_one_s_own_key_is_replaced_by_a_command_and_anothers_is_asked_for() -> None:
    old = put(GOOD, "user.keys", (world.key("A", 31),))
    mine, other = judge.judged(BY_ID["key-age"], old, Limits())
    assert mine.remedy.startswith("run: credguard rotate work --yes\n")
    assert other.remedy.startswith("ask ci-bot to run")


def test_root_without_credentials_is_no_concern() -> None:
    facts = put(GOOD, "summary", Summary(False, False))
    row = Row("<root_account>", "", False, None, None, None)
    facts = put(facts, "report", lambda found: {**found, "<root_account>": row})
    for check in ("root-mfa", "root-mfa-hardware"):
        assert statuses(facts, BY_ID[check]) == [NA]
    assert statuses(put(facts, "summary", Summary(False, True)), BY_ID["root-mfa"]) == [FAIL]
