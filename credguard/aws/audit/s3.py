"""Buckets, and the account's block over them. Source: Amazon S3 API Reference."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from credguard.audit import statements
from credguard.audit.facts import Block, Bucket, Document, Point, Versioning
from credguard.audit.known import Fact, Unknown
from credguard.aws.audit.reader import Reader, fact, optional, pages

NO_BLOCK = "NoSuchPublicAccessBlockConfiguration"


def _block(found: dict[str, Any] | None) -> Block | None:
    if found is None:
        return None
    block = found["PublicAccessBlockConfiguration"]
    return Block(
        bool(block.get("BlockPublicAcls")),
        bool(block.get("IgnorePublicAcls")),
        bool(block.get("BlockPublicPolicy")),
        bool(block.get("RestrictPublicBuckets")),
    )


def account_block(reader: Reader) -> Fact[Block | None]:
    """None: it was never set."""

    def read() -> Block | None:
        with reader.client("s3control") as control:
            return _block(
                optional(
                    lambda: control.get_public_access_block(AccountId=reader.account), NO_BLOCK
                )
            )

    return fact("account_block", "the account", read)


def buckets(reader: Reader) -> Fact[list[tuple[str, str]]]:
    """Name and region of each bucket; the home region where AWS does not say."""

    def read() -> list[tuple[str, str]]:
        with reader.client("s3") as s3:
            # Only an answer in pages tells the region.
            return [
                (each["Name"], each.get("BucketRegion") or reader.home)
                for each in pages(
                    s3, "list_buckets", "Buckets", PaginationConfig={"PageSize": 1000}
                )
            ]

    return fact("buckets", "the account", read)


def bucket(reader: Reader, name: str, region: str, *, logs: bool) -> Bucket:
    """All that is told of one bucket; `logs`: how its files are kept, too."""
    where = f"bucket {name}"
    with reader.client("s3", region) as s3:
        policy = fact("bucket.policy", where, lambda: _policy(s3, name))
        left = not isinstance(policy, Unknown) and policy and statements.left_to_points(policy)
        return Bucket(
            name,
            f"arn:{reader.partition}:s3:::{name}",
            region,
            fact(
                "bucket.block",
                where,
                lambda: _block(optional(lambda: s3.get_public_access_block(Bucket=name), NO_BLOCK)),
            ),
            policy,
            None
            if policy is None
            else fact("bucket.policy_public", where, lambda: _policy_public(s3, name)),
            fact("bucket.grants", where, lambda: _grants(s3, name)),
            fact("bucket.points", where, lambda: _points(reader, name, region)) if left else (),
            fact("bucket.versioning", where, lambda: _versioning(s3, name)) if logs else _UNREAD,
            fact("bucket.lock", where, lambda: _lock(s3, name)) if logs else _UNREAD,
        )


_UNREAD = Unknown("read where a trail writes only")


def _policy(s3: Any, name: str) -> Document | None:
    answer = optional(lambda: s3.get_bucket_policy(Bucket=name), "NoSuchBucketPolicy")
    if answer is None:
        return None
    return _document(answer["Policy"])


def _document(text: str) -> Document:
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("not a policy")
    return document


def _policy_public(s3: Any, name: str) -> bool | None:
    answer = optional(lambda: s3.get_bucket_policy_status(Bucket=name), "NoSuchBucketPolicy")
    return None if answer is None else answer.get("PolicyStatus", {}).get("IsPublic")


# Requests about access points of several regions all go there, and other partitions have none.
# Source: "Managing Multi-Region Access Points", Amazon S3 User Guide.
_MULTI, _MULTI_PARTITION = "us-west-2", "aws"
_NO_POLICY = ("NoSuchAccessPointPolicy", "NoSuchMultiRegionAccessPointPolicy")


def _points(reader: Reader, name: str, region: str) -> tuple[Point, ...]:
    """The bucket's access points of this account, those of several regions too."""
    account = reader.account
    with reader.client("s3control", region) as made:
        rows = _listed(made.list_access_points, "AccessPointList", AccountId=account, Bucket=name)
        found = [_point(made, account, row) for row in rows]
    if reader.partition == _MULTI_PARTITION:
        with reader.client("s3control", _MULTI) as made:
            rows = _listed(made.list_multi_region_access_points, "AccessPoints", AccountId=account)
            found += [
                _multi(made, account, row)
                for row in rows
                if any(each.get("Bucket") == name for each in row.get("Regions", []))
            ]
    return tuple(found)


def _listed(call: Callable[..., Any], key: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    """Each item of all pages; botocore has no paginator for these."""
    answer = call(**arguments)
    yield from answer.get(key, [])
    while token := answer.get("NextToken"):
        answer = call(**arguments, NextToken=token)
        yield from answer.get(key, [])


def _point(made: Any, account: str, row: dict[str, Any]) -> Point:
    where = {"AccountId": account, "Name": row["Name"]}
    world = row.get("NetworkOrigin") != "VPC" and not _restricts(
        made.get_access_point(**where).get("PublicAccessBlockConfiguration")
    )
    if not world:
        return Point(row["Name"], False, None, None)
    answer = optional(lambda: made.get_access_point_policy(**where), *_NO_POLICY)
    if answer is None or not answer.get("Policy"):
        return Point(row["Name"], True, None, None)
    status = optional(lambda: made.get_access_point_policy_status(**where), *_NO_POLICY) or {}
    public = status.get("PolicyStatus", {}).get("IsPublic")
    return Point(row["Name"], True, _document(answer["Policy"]), public)


def _multi(made: Any, account: str, row: dict[str, Any]) -> Point:
    where = {"AccountId": account, "Name": row["Name"]}
    if _restricts(row.get("PublicAccessBlock")):
        return Point(row["Name"], False, None, None)
    answer = optional(lambda: made.get_multi_region_access_point_policy(**where), *_NO_POLICY) or {}
    text = answer.get("Policy", {}).get("Established", {}).get("Policy")
    if not text:
        return Point(row["Name"], True, None, None)
    status = optional(
        lambda: made.get_multi_region_access_point_policy_status(**where), *_NO_POLICY
    )
    public = (status or {}).get("Established", {}).get("IsPublic")
    return Point(row["Name"], True, _document(text), public)


def _restricts(block: dict[str, Any] | None) -> bool:
    return bool((block or {}).get("RestrictPublicBuckets"))


def _grants(s3: Any, name: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (each.get("Grantee", {}).get("URI", ""), each.get("Permission", ""))
        for each in s3.get_bucket_acl(Bucket=name).get("Grants", [])
    )


def _versioning(s3: Any, name: str) -> Versioning:
    answer = s3.get_bucket_versioning(Bucket=name)
    return Versioning(answer.get("Status") == "Enabled", answer.get("MFADelete") == "Enabled")


def _lock(s3: Any, name: str) -> int:
    """Days; without a default retention files are not locked by themselves: 0."""
    answer = optional(
        lambda: s3.get_object_lock_configuration(Bucket=name),
        "ObjectLockConfigurationNotFoundError",
        "ObjectLockConfigurationNotFound",
    )
    found = (answer or {}).get("ObjectLockConfiguration", {})
    kept = found.get("Rule", {}).get("DefaultRetention", {})
    if found.get("ObjectLockEnabled") != "Enabled":
        return 0
    return int(kept.get("Days") or 0) or 365 * int(kept.get("Years") or 0)
