"""What is known of an account. Every field that a call fills is a value or Unknown.

Times are Unix seconds. No text that may hold a secret is here: such texts are scanned as they are
read, and only what was found in them is kept (Hidden).
"""

from dataclasses import dataclass
from typing import Any

from credguard.audit.known import Fact

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Summary:
    """`mfa`: root signs in with MFA; `root_keys`: root has access keys. (GetAccountSummary)."""

    mfa: bool
    root_keys: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the credential report. None: the report does not say.

    `password`: one is set; `changed`, `used`: of it; `keys_used`: the keys' newest use. `later`:
    it may have been changed after `changed`.
    """

    user: str
    arn: str
    password: bool | None
    changed: float | None
    used: float | None
    keys_used: float | None
    later: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """An access key. `used` None: never."""

    id: str
    active: bool
    created: float
    used: Fact[float | None]


@dataclass(frozen=True, slots=True)
class User:
    """An IAM user. `devices`: the serial numbers of its MFA devices."""

    name: str
    arn: str
    keys: Fact[tuple[Key, ...]]
    devices: Fact[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """As IAM gives it. `max_age`: days, 0: passwords do not expire; `reuse`: 0: not looked at."""

    length: int
    symbols: bool
    numbers: bool
    upper: bool
    lower: bool
    self_change: bool
    max_age: int
    reuse: int


@dataclass(frozen=True, slots=True)
class Holder:
    """Whoever has policies. `kind`: user, group, role; `trust`: of a role, who may become it.

    `boundary`: the ARN of the policy that limits all others, "": none does.
    """

    kind: str
    name: str
    arn: str
    groups: tuple[str, ...]
    attached: tuple[str, ...]
    inline: tuple[tuple[str, Document], ...]
    trust: Document | None
    tags: tuple[tuple[str, str], ...] = ()
    boundary: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """A customer's managed policy, its default version."""

    name: str
    arn: str
    document: Document


@dataclass(frozen=True, slots=True)
class Authorization:
    """GetAccountAuthorizationDetails."""

    holders: tuple[Holder, ...]
    policies: tuple[Policy, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Block Public Access."""

    public_acls: bool
    ignore_acls: bool
    public_policy: bool
    restrict: bool

    @property
    def whole(self) -> bool:
        """All four are on."""
        return self.public_acls and self.ignore_acls and self.public_policy and self.restrict


@dataclass(frozen=True, slots=True)
class Versioning:
    """Of a bucket."""

    on: bool
    mfa_delete: bool


@dataclass(frozen=True, slots=True)
class Point:
    """An access point of a bucket. `world`: it answers more than one VPC, and no block of its own
    keeps everyone out; only then its policy is read, as a bucket's is.
    """

    name: str
    world: bool
    policy: Document | None
    policy_public: bool | None


@dataclass(frozen=True, slots=True)
class Bucket:
    """`block` and `policy` None: there is none. `grants`: (grantee's group URI, permission).

    `policy_public`: what AWS says of the policy; None: it has none, or AWS does not say.
    `points`: read where the policy leaves it to access points who gets in. `versioning`, `lock`
    (days that Object Lock keeps a new file, 0: it does not): read where logs are kept.
    """

    name: str
    arn: str
    region: str
    block: Fact[Block | None]
    policy: Fact[Document | None]
    policy_public: Fact[bool | None]
    grants: Fact[tuple[tuple[str, str], ...]]
    points: Fact[tuple[Point, ...]]
    versioning: Fact[Versioning]
    lock: Fact[int]


@dataclass(frozen=True, slots=True)
class KmsDetail:
    """`rotatable`: enabled, symmetric, made by KMS, ours, and of its key's primary region."""

    rotatable: bool
    why_not: str


@dataclass(frozen=True, slots=True)
class KmsKey:
    """`rotation` is of no concern where the key is not rotatable."""

    id: str
    arn: str
    detail: Fact[KmsDetail]
    rotation: Fact[bool]


@dataclass(frozen=True, slots=True)
class Trail:
    """A CloudTrail trail. `management`: all management events, reads and writes, are logged."""

    name: str
    arn: str
    region: str
    multi_region: bool
    validation: bool
    encrypted: bool
    bucket: str
    log_group: str
    logging: Fact[bool]
    management: Fact[bool]


@dataclass(frozen=True, slots=True)
class LogGroup:
    """`retention`: days, 0: kept for ever."""

    name: str
    arn: str
    protected: bool
    retention: int


@dataclass(frozen=True, slots=True)
class Ingress:
    """Ports that a rule lets in from `source`. `protocol` "-1": all; ports 0 to 65535 then."""

    source: str
    protocol: str
    first: int
    last: int

    @property
    def rule(self) -> str:
        """Names the rule within its group, such as `tcp:22-22:0.0.0.0/0`."""
        return f"{self.protocol}:{self.first}-{self.last}:{self.source}"


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """`referenced`: groups that its rules name; `rules`: how many it has, outbound ones too.

    `listed`: what its rules let in from the nets of prefix lists, each with the list's id.
    """

    id: str
    name: str
    arn: str
    vpc: str
    ingress: tuple[Ingress, ...]
    referenced: tuple[str, ...]
    rules: int
    listed: Fact[tuple[tuple[str, Ingress], ...]] = ()


@dataclass(frozen=True, slots=True)
class Interfaces:
    """What network interfaces use."""

    groups: frozenset[str]
    vpcs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Acl:
    """A network ACL. `entries`: inbound, in the order of their numbers; whether each allows."""

    id: str
    arn: str
    vpc: str
    entries: tuple[tuple[bool, Ingress], ...]


@dataclass(frozen=True, slots=True)
class Hidden:
    """A secret in a text: what it is, its mask, the line or the variable."""

    title: str
    masked: str
    place: str


@dataclass(frozen=True, slots=True)
class Instance:
    """Neither terminated nor going to be. `key_name` "": none; `hidden`: secrets in user data."""

    id: str
    arn: str
    owner: str
    key_name: str
    image: str
    profile: str
    hidden: Fact[tuple[Hidden, ...]]


@dataclass(frozen=True, slots=True)
class Pair:
    """An EC2 key pair. `public`: type and blob, comment dropped, "" when EC2 did not say."""

    name: str
    arn: str
    public: str
    owner: str
    created: float | None


@dataclass(frozen=True, slots=True)
class Image:
    """`deprecated`: since or from when; None: not."""

    id: str
    name: str
    created: float
    deprecated: float | None


@dataclass(frozen=True, slots=True)
class Patches:
    """Of one instance: patches that SSM's last look found missing or failed; when that was."""

    missing: int
    looked: float


@dataclass(frozen=True, slots=True)
class Holding:
    """A launch template, a function or a parameter, and the secrets in it."""

    name: str
    arn: str
    hidden: Fact[tuple[Hidden, ...]]


@dataclass(frozen=True, slots=True)
class Region:
    """What is regional. `images` and `patches` by id of image and instance."""

    name: str
    groups: Fact[tuple[SecurityGroup, ...]]
    interfaces: Fact[Interfaces]
    acls: Fact[tuple[Acl, ...]]
    instances: Fact[tuple[Instance, ...]]
    pairs: Fact[tuple[Pair, ...]]
    images: Fact[dict[str, Image]]
    ebs: Fact[bool]
    templates: Fact[tuple[Holding, ...]]
    kms: Fact[tuple[KmsKey, ...]]
    log_groups: Fact[tuple[LogGroup, ...]]
    patches: Fact[dict[str, Patches]]
    functions: Fact[tuple[Holding, ...]]
    parameters: Fact[tuple[Holding, ...]]
    analyzer: Fact[bool]
    detector: Fact[bool]
    recorder: Fact[bool]
    hub: Fact[bool]


@dataclass(frozen=True, slots=True)
class Alarm:
    """A CloudWatch alarm on the estimated charges. `heard`: someone confirmed to get it."""

    name: str
    enabled: bool
    heard: Fact[bool]


@dataclass(frozen=True, slots=True)
class Budget:
    """`heard`: someone is told before or when it is spent."""

    name: str
    heard: Fact[bool]


@dataclass(frozen=True, slots=True)
class Facts:
    """One account, as it was at `now`. `me`: the caller's user name, "": not an IAM user.

    `profile`: whose credentials read it, "": of no profile.
    `region_names`: all that are enabled; `regions`: those looked at. `last_audit`: when it was
    audited before; None: never.
    """

    now: float
    partition: str
    account: str
    me: str
    profile: str
    own: bool
    home: str
    summary: Fact[Summary]
    root_devices: Fact[tuple[str, ...]]
    report: Fact[dict[str, Row]]
    password_policy: Fact[PasswordPolicy | None]
    users: Fact[tuple[User, ...]]
    authorization: Fact[Authorization]
    account_block: Fact[Block | None]
    buckets: Fact[tuple[Bucket, ...]]
    trails: Fact[tuple[Trail, ...]]
    alarms: Fact[tuple[Alarm, ...]]
    budgets: Fact[tuple[Budget, ...]]
    contact: Fact[bool]
    last_audit: float | None
    region_names: Fact[tuple[str, ...]]
    regions: tuple[Region, ...]

    @property
    def root(self) -> str:
        """The ARN of the account's root."""
        return f"arn:{self.partition}:iam::{self.account}:root"
