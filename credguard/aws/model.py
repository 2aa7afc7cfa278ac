"""What the AWS adapter takes and gives. Imports no AWS library, so anything may import it."""

from dataclasses import dataclass
from typing import Literal

from credguard.secret import Secret

Kind = Literal["user", "root", "assumed-role", "federated", "other"]

_MAIN_REGIONS = {
    "aws": "us-east-1",
    "aws-cn": "cn-north-1",
    "aws-us-gov": "us-gov-west-1",
    "aws-iso": "us-iso-east-1",
    "aws-iso-b": "us-isob-east-1",
    "aws-iso-e": "eu-isoe-west-1",
    "aws-iso-f": "us-isof-south-1",
    "aws-eusc": "eusc-de-east-1",
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What signs a call. `token`: of temporary credentials; `partition`: None when not known.

    The partition picks the endpoints where a call names no region.
    """

    key_id: str
    secret: Secret
    token: Secret | None = None
    partition: str | None = None


@dataclass(frozen=True, slots=True)
class Temporary:
    """Credentials that end. `expiration`: Unix seconds by AWS's clock; `arn`: whose, or ""."""

    credentials: Credentials
    expiration: float
    arn: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a key belongs to. `user_name` is given for `kind` "user" only, without its path."""

    partition: str
    account: str
    user_id: str
    arn: str
    kind: Kind
    user_name: str | None


@dataclass(frozen=True, slots=True)
class RemoteKey:
    """A key as IAM lists it. `status`: "Active" or "Inactive"; `created`: Unix seconds."""

    key_id: str
    status: str
    created: float


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made; IAM never shows the secret again. `created`: Unix seconds."""

    key_id: str
    secret: Secret
    created: float


@dataclass(frozen=True, slots=True)
class LastUsed:
    """The newest use that IAM knows. `at`: Unix seconds; None: never, then the others are ""."""

    at: float | None
    service: str
    region: str


@dataclass(frozen=True, slots=True)
class TrailEvent:
    """One call as CloudTrail recorded it. `at`, `until`: Unix seconds; "": not recorded.

    `address`, `agent`: what the caller came from and said of itself; `error`: why it was refused;
    `subject`: what it was about; `made`: the id of the key or session that it gave, which ends
    at `until` (None: no session, or it is not said).
    """

    at: float
    name: str
    service: str
    region: str
    key_id: str
    address: str
    agent: str
    error: str
    subject: str
    made: str
    until: float | None


_SECOND_REGIONS = {
    "aws": "us-west-2",
    "aws-cn": "cn-northwest-1",
    "aws-us-gov": "us-gov-east-1",
    "aws-iso": "us-iso-west-1",
}


def proof_regions(partition: str) -> tuple[str, str]:
    """Two regions whose STS endpoints a key is proven at; the same twice where there is one."""
    main = main_region(partition)
    return main, _SECOND_REGIONS.get(partition, main)


def main_region(partition: str) -> str:
    """The region that answers for the whole of `partition`; us-east-1 for an unknown one."""
    return _MAIN_REGIONS.get(partition, "us-east-1")


def identity_of(account: str, user_id: str, arn: str) -> Identity:
    """What GetCallerIdentity's three fields say, the ARN taken apart."""
    parts = arn.split(":", 5)
    partition, resource = (parts[1], parts[5]) if len(parts) == 6 else ("aws", "")
    kind, _, rest = resource.partition("/")
    if resource == "root":
        return Identity(partition, account, user_id, arn, "root", None)
    if kind == "user":
        return Identity(partition, account, user_id, arn, "user", rest.rpartition("/")[2])
    if kind == "assumed-role":
        return Identity(partition, account, user_id, arn, "assumed-role", None)
    if kind == "federated-user":
        return Identity(partition, account, user_id, arn, "federated", None)
    return Identity(partition, account, user_id, arn, "other", None)
