"""Accounts made of facts: a good one, a bad one, and any fact of them taken away."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from credguard.audit.facts import (
    Acl,
    Alarm,
    Authorization,
    Block,
    Bucket,
    Facts,
    Hidden,
    Holder,
    Holding,
    Image,
    Ingress,
    Instance,
    Interfaces,
    Key,
    KmsDetail,
    KmsKey,
    LogGroup,
    Pair,
    PasswordPolicy,
    Patches,
    Policy,
    Region,
    Row,
    SecurityGroup,
    Summary,
    Trail,
    User,
    Versioning,
)
from credguard.audit.known import Unknown

NOW = 1_700_000_000.0
DAY = 86400.0
ACCOUNT = "123456789012"
HOME = "us-east-1"
LOST = Unknown("it was refused", ("x:Y",))
WHOLE = Block(True, True, True, True)
WORLD = "0.0.0.0/0"
FOUND = (Hidden("AWS secret key", "abcd***", "user-data"),)
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"


def iam(rest: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:{rest}"


def statement(effect: str = "Allow", **rest: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": effect, **rest}]}


ADMIN = statement(Action="*", Resource="*")
PUBLIC = statement(Principal="*", Action="s3:GetObject", Resource="arn:aws:s3:::b/*")
LEFT = statement(
    Principal="*", Action="*", Resource="arn:aws:s3:::b/*",
    Condition={"StringEquals": {"s3:DataAccessPointAccount": ACCOUNT}},
)  # fmt: skip
READ = statement(Action="s3:GetObject", Resource="arn:aws:s3:::b/*")
KEEP = statement("Deny", Principal="*", Action="s3:Delete*", Resource="arn:aws:s3:::logs/*")
TRUST = statement(Principal={"Service": "ec2.amazonaws.com"}, Action="sts:AssumeRole")


def holder(kind: str, name: str, **rest: Any) -> Holder:
    given: dict[str, Any] = {"groups": (), "attached": (), "inline": (), "trust": None}
    return Holder(kind, name, iam(f"{kind}/{name}"), **{**given, **rest})


def user(name: str, *keys: Key, devices: tuple[str, ...] = ("mfa",)) -> User:
    return User(name, iam(f"user/{name}"), tuple(keys), devices)


def row(name: str, *, password: bool = False, age: float = 10, used: float = 1) -> Row:
    changed, last = (NOW - age * DAY, NOW - used * DAY) if password else (None, None)
    return Row(name, iam(f"user/{name}"), password, changed, last, None)


def key(name: str, age: float = 10, used: float | None = 1, *, active: bool = True) -> Key:
    return Key(name, active, NOW - age * DAY, None if used is None else NOW - used * DAY)


def bucket(name: str, **rest: Any) -> Bucket:
    given: dict[str, Any] = {
        "block": WHOLE, "policy": READ, "policy_public": None, "grants": (("", "FULL_CONTROL"),),
        "points": (),
        "versioning": Versioning(True, False), "lock": 365,
    }  # fmt: skip
    return Bucket(name, f"arn:aws:s3:::{name}", HOME, **{**given, **rest})


def group(name: str, *rules: Ingress, vpc: str = "vpc-1", title: str = "web") -> SecurityGroup:
    arn = f"arn:aws:ec2:{HOME}:{ACCOUNT}:security-group/{name}"
    return SecurityGroup(name, title, arn, vpc, rules, (), len(rules))


def tcp(port: int, source: str = WORLD) -> Ingress:
    return Ingress(source, "tcp", port, port)


def instance(name: str, **rest: Any) -> Instance:
    given: dict[str, Any] = {
        "owner": "ada", "key_name": "ada-2", "image": "ami-1", "profile": "p", "hidden": (),
    }  # fmt: skip
    return Instance(name, f"arn:aws:ec2:{HOME}:{ACCOUNT}:instance/{name}", **{**given, **rest})


def pair(name: str, public: str, owner: str = "ada", age: float = 10) -> Pair:
    arn = f"arn:aws:ec2:{HOME}:{ACCOUNT}:key-pair/{name}"
    return Pair(name, arn, public, owner, NOW - age * DAY)


def trail(**rest: Any) -> Trail:
    given: dict[str, Any] = {
        "multi_region": True, "validation": True, "encrypted": True, "bucket": "logs",
        "log_group": f"arn:aws:logs:{HOME}:{ACCOUNT}:log-group:trail:*", "logging": True,
        "management": True,
    }  # fmt: skip
    arn = f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/main"
    return Trail("main", arn, HOME, **{**given, **rest})


def log_group(name: str = "trail", *, protected: bool = True, retention: int = 365) -> LogGroup:
    arn = f"arn:aws:logs:{HOME}:{ACCOUNT}:log-group:{name}"
    return LogGroup(name, arn, protected, retention)


def kms(*, rotation: Any = True, rotatable: bool = True) -> KmsKey:
    arn = f"arn:aws:kms:{HOME}:{ACCOUNT}:key/k"
    return KmsKey("k", arn, KmsDetail(rotatable, "" if rotatable else "AWS's"), rotation)


def acl(*entries: tuple[bool, Ingress]) -> Acl:
    return Acl("acl-1", f"arn:aws:ec2:{HOME}:{ACCOUNT}:network-acl/acl-1", "vpc-1", entries)


def holding(name: str, *hidden: Hidden) -> Holding:
    return Holding(name, f"arn:aws:x:{HOME}:{ACCOUNT}:{name}", hidden)


EVERY = Ingress(WORLD, "-1", 0, 65535)
STRONG = PasswordPolicy(14, True, True, True, True, True, 90, 24)
GOOD = Facts(
    now=NOW, partition="aws", account=ACCOUNT, me="ada", profile="work", own=False, home=HOME,
    summary=Summary(True, False),
    root_devices=(),
    report={
        "<root_account>": Row("<root_account>", iam("root"), True, None, NOW - 400 * DAY, None),
        "ada": row("ada", password=True), "ci-bot": row("ci-bot"),
    },
    password_policy=STRONG,
    users=(user("ada", key("AK1")), user("ci-bot", devices=())),
    authorization=Authorization(
        (
            holder("user", "ada", groups=("people",)),
            holder("user", "ci-bot"),
            holder("group", "people", inline=(("read", READ),)),
            holder("role", "web", trust=TRUST),
            holder("role", "audit", attached=("arn:aws:iam::aws:policy/SecurityAudit",)),
            holder("role", "help", attached=("arn:aws:iam::aws:policy/AWSSupportAccess",)),
        ),
        (Policy("read", iam("policy/read"), READ),),
    ),
    account_block=WHOLE,
    buckets=(bucket("data"), bucket("logs", policy=KEEP)),
    trails=(trail(),),
    alarms=(Alarm("bill", True, True),),
    budgets=(),
    contact=True, last_audit=NOW - 7 * DAY,
    region_names=(HOME,),
    regions=(
        Region(
            HOME,
            groups=(group("sg-1", tcp(443)), group("sg-0", title="default")),
            interfaces=Interfaces(frozenset({"sg-1"}), frozenset({"vpc-1"})),
            acls=(acl((False, tcp(22)), (False, tcp(3389)), (True, EVERY)),),
            instances=(instance("i-1"),),
            pairs=(pair("ada-1", "ssh-ed25519 A"), pair("ada-2", "ssh-ed25519 B")),
            images={"ami-1": Image("ami-1", "al2023", NOW - 30 * DAY, None)},
            ebs=True,
            templates=(holding("template"),),
            kms=(kms(),),
            log_groups=(log_group(),),
            patches={"i-1": Patches(0, NOW - DAY)},
            functions=(holding("function"),),
            parameters=(holding("parameter"),),
            analyzer=True,
            detector=True,
            recorder=True,
            hub=True,
        ),
    ),
)  # fmt: skip
BAD = replace(
    GOOD,
    summary=Summary(False, True),
    root_devices=("app",),
    report={
        "<root_account>": Row("<root_account>", iam("root"), True, None, NOW - 3 * DAY, None),
        "ada": row("ada", password=True, age=500, used=200),
        "ci-bot": row("ci-bot", password=True),
    },
    password_policy=None,
    users=(
        user("ada", key("AK1", 400, None), key("AK2", 45), devices=()),
        user("ci-bot", key("AK3"), devices=()),
    ),
    authorization=Authorization(
        (
            holder("user", "ada", inline=(("all", ADMIN),)),
            holder("user", "ci-bot"),
            holder("role", "open", trust=statement(Principal="*", Action="sts:AssumeRole")),
        ),
        (Policy("power", iam("policy/power"), statement(Action="iam:*", Resource="*")),),
    ),
    account_block=None,
    buckets=(
        bucket("data", block=None, policy=PUBLIC),
        bucket(
            "logs", block=None, policy=None, grants=((ALL_USERS, "READ"),), lock=0,
            versioning=Versioning(False, False),
        ),
    ),
    trails=(trail(multi_region=False, validation=False, encrypted=False),),
    alarms=(Alarm("bill", True, False),),
    contact=False, last_audit=None,
    regions=(
        Region(
            HOME,
            groups=(
                group("sg-1", tcp(22), tcp(3306, "::/0"), tcp(9999)),
                group("sg-2"),
                group("sg-0", EVERY, title="default"),
            ),
            interfaces=Interfaces(frozenset({"sg-1"}), frozenset({"vpc-1"})),
            acls=(acl((True, EVERY)),),
            instances=(
                instance("i-1", owner="", key_name="master", profile="", hidden=FOUND),
                instance("i-2", owner="bob", key_name="gone", image="ami-2"),
            ),
            pairs=(
                pair("master", "ssh-ed25519 A", "", 500), pair("master-copy", "ssh-ed25519 A"),
            ),
            images={"ami-1": Image("ami-1", "old", NOW - 1500 * DAY, None)},
            ebs=False,
            templates=(holding("template", *FOUND),),
            kms=(kms(rotation=False),),
            log_groups=(log_group(protected=False, retention=7),),
            patches={"i-1": Patches(3, NOW - DAY)},
            functions=(holding("function", *FOUND),),
            parameters=(holding("parameter", *FOUND),),
            analyzer=False,
            detector=False,
            recorder=False,
            hub=False,
        ),
    ),
)  # fmt: skip

Way = Callable[[Any], Any]


def _in(part: str, change: Way) -> Way:
    def way(thing: Any) -> Any:
        value = getattr(thing, part)
        if isinstance(value, Unknown):
            return thing
        return replace(thing, **{part: tuple(change(each) for each in value)})

    return way


_INSIDE: dict[str, Callable[[Way], Way]] = {
    "user": lambda change: _in("users", change),
    "key": lambda change: _in("users", _in("keys", change)),
    "bucket": lambda change: _in("buckets", change),
    "trail": lambda change: _in("trails", change),
    "alarm": lambda change: _in("alarms", change),
    "budget": lambda change: _in("budgets", change),
    "region": lambda change: _in("regions", change),
    "group": lambda change: _in("regions", _in("groups", change)),
    "instance": lambda change: _in("regions", _in("instances", change)),
    "kms": lambda change: _in("regions", _in("kms", change)),
}


def put(facts: Facts, name: str, value: Any) -> Facts:
    """`facts` with every fact of that name (of reads.READS) made `value`; a callable changes it."""
    kind, dot, part = name.rpartition(".")

    def change(thing: Any) -> Any:
        new = value(getattr(thing, part)) if callable(value) else value
        return replace(thing, **{part: new})

    return _INSIDE[kind](change)(facts) if dot else change(facts)


def nothing_known() -> Facts:
    """Every fact refused, the parts of regions too."""
    region = Region(HOME, **{each.name: LOST for each in fields(Region) if each.name != "name"})
    kept = {"now", "partition", "account", "me", "own", "home", "last_audit", "regions"}
    lost = {each.name: LOST for each in fields(Facts) if each.name not in kept}
    return replace(GOOD, regions=(region,), **lost)
