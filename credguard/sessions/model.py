"""What stands in ~/.aws/config, and what must happen to get a profile's credentials. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AwsConfig:
    """The two AWS files as botocore puts them together; no key, secret or token is in it.

    `profiles`: settings by lower-case name. `plain`: profiles that hold a key in plaintext.
    """

    profiles: Mapping[str, Mapping[str, str]]
    sso_sessions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    plain: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LongTerm:
    """The key that the vault holds for `profile`."""

    profile: str


@dataclass(frozen=True, slots=True)
class SessionToken:
    """GetSessionToken by the long-term key before. `serial`: of an MFA device; None: no code."""

    serial: str | None
    duration_s: int


@dataclass(frozen=True, slots=True)
class AssumeRole:
    """AssumeRole by the step before, as `profile` says.

    `duration_s` None: AWS's default, an hour. `serial`: the call is given a code of that device.
    `region`: whose STS is asked; None: the partition's main one.
    """

    profile: str
    role_arn: str
    session_name: str
    external_id: str | None = None
    duration_s: int | None = None
    serial: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class WebIdentity:
    """AssumeRoleWithWebIdentity with the token that `token_file` holds at the time."""

    profile: str
    role_arn: str
    session_name: str
    token_file: str
    duration_s: int | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Sso:
    """IAM Identity Center. `region`: of the Identity Center, which tells the partition."""

    profile: str
    account: str
    region: str


Step = LongTerm | SessionToken | AssumeRole | WebIdentity | Sso


@dataclass(frozen=True, slots=True)
class Plan:
    """`steps`, the first one the source of all; each of the others is signed by the one before.

    `region`: the profile's own, None: not set. `profiles`: all whose settings took part, the asked
    one first. `notes`: what to tell a person of what will be other than written.
    """

    profile: str
    steps: tuple[Step, ...]
    region: str | None
    profiles: tuple[str, ...]
    notes: tuple[str, ...] = ()


_PARTITIONS = (
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-isob-", "aws-iso-b"),
    ("us-isof-", "aws-iso-f"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-iso-", "aws-iso"),
    ("eusc-", "aws-eusc"),
)


def partition_of_region(region: str) -> str:
    """The partition that `region` is in, by its prefix (partitions.json of the AWS SDKs)."""
    return next((name for prefix, name in _PARTITIONS if region.startswith(prefix)), "aws")


def partition_of_arn(arn: str) -> str:
    """The partition that `arn` names."""
    return arn.split(":", 2)[1]


def account_of_arn(arn: str) -> str:
    """The account that `arn` names."""
    return arn.split(":", 5)[4]
