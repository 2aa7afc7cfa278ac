"""S3: nothing is public that is not meant to be."""

from collections.abc import Iterator
from shlex import quote

from credguard.audit import statements
from credguard.audit.facts import Block, Bucket, Facts, Point, Region
from credguard.audit.known import Fact, NotKnown, Unknown, known
from credguard.audit.model import FAIL, PASS, Check, Limits, Said, in_regions, per

_TIP = "s3-private"
# Source: Amazon S3 predefined groups, Access control list overview, Amazon S3 User Guide.
_WORLD = {
    "http://acs.amazonaws.com/groups/global/AllUsers": "everyone",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers": "everyone with an AWS account",
}


def _root(facts: Facts) -> str:
    return f"arn:{facts.partition}:s3:::"


def account_block(facts: Facts, limits: Limits) -> Iterator[Said]:
    """The switch over all buckets, those to come too."""
    block = known(facts.account_block)
    if block is not None and block.whole:
        yield Said(PASS, _root(facts), "the account lets no bucket be public")
        return
    remedy = (
        "see which buckets are public first: credguard audit --only s3-bucket-public\n"
        "run: credguard audit fix s3-account-block --apply"
    )
    said = "nothing" if block is None else "not everything"
    yield Said(FAIL, _root(facts), f"the account blocks {said} that is public", remedy)


def bucket_block(facts: Facts, limits: Limits) -> Iterator[Said]:
    """The bucket's own switch, which stays when somebody opens the account's."""

    def judge(bucket: Bucket) -> Said:
        block = known(bucket.block)
        if block is not None and block.whole:
            return Said(
                PASS, bucket.arn, f"{bucket.name} blocks public access", region=bucket.region
            )
        remedy = "run: credguard audit fix s3-bucket-block --apply"
        remedy += "\n(it leaves out buckets that are public now; those see s3-bucket-public)"
        said = f"{bucket.name} does not block all public access"
        return Said(FAIL, bucket.arn, said, remedy, bucket.region)

    return per(known(facts.buckets), lambda bucket: bucket.arn, judge)


def doors(facts: Facts, bucket: Bucket) -> list[str]:
    """How the world gets into `bucket`, in words, by what is in force; none: it does not.

    Raises NotKnown: something that decides it cannot be read. The account's and the bucket's block
    add up. Source: PublicAccessBlockConfiguration, Amazon S3 API Reference.
    """
    found, missing = [], None
    blocks = [facts.account_block, bucket.block]
    if not any(_is(block, "restrict") for block in blocks):
        try:
            said = _by_policy(facts.account, bucket)
        except NotKnown as error:
            missing = error
        else:
            missing = _unread(blocks) if said else None
            found += [said] if said and missing is None else []
    if not any(_is(block, "ignore_acls") for block in blocks):
        try:
            open_to = [
                f"its ACL gives {_WORLD[group]} {permission}"
                for group, permission in known(bucket.grants)
                if group in _WORLD
            ]
        except NotKnown as error:
            missing = missing or error
        else:
            if open_to and (blocked := _unread(blocks)) is not None:
                missing = missing or blocked
            elif open_to:
                found += open_to
    if not found and missing is not None:
        raise missing
    return found


def _is(block: Fact[Block | None], field: str) -> bool:
    if isinstance(block, Unknown) or block is None:
        return False
    return bool(getattr(block, field))


def _unread(blocks: list[Fact[Block | None]]) -> NotKnown | None:
    return next((NotKnown(block) for block in blocks if isinstance(block, Unknown)), None)


def _by_policy(account: str, bucket: Bucket) -> str:
    document = known(bucket.policy)
    if document is None:
        return ""
    # AWS's own word, or ours: either is enough to be told.
    if statements.is_public(document) or known(bucket.policy_public):
        return "its policy lets everyone in"
    return _by_points(account, bucket, statements.left_to_points(document))


def _by_points(account: str, bucket: Bucket, accounts: frozenset[str]) -> str:
    """Bucket and access point must both let a request through; the first leaves it to the second.

    Source: "Configuring IAM policies for using access points", Amazon S3 User Guide.
    """
    if account in accounts:
        names = [each.name for each in known(bucket.points) if _lets_in(each)]
        if names:
            return f"its policy leaves it to access points, and {', '.join(names)} lets everyone in"
    if others := sorted(accounts - {account}):
        raise NotKnown(
            Unknown(
                f"its policy leaves it to access points of {', '.join(others)} who gets in, and"
                " those are not seen here; see them there, or waive this"
            )
        )
    return ""


def _lets_in(point: Point) -> bool:
    document = point.policy
    by_us = document is not None and statements.is_public(document)
    return point.world and (by_us or bool(point.policy_public))


def close(bucket: Bucket) -> str:
    """The remedy that shuts the world out of `bucket`."""
    return (
        f"run: aws s3api put-public-access-block --bucket {bucket.name}"
        " --public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,"
        "BlockPublicPolicy=true,RestrictPublicBuckets=true"
    )


def public(facts: Facts, limits: Limits) -> Iterator[Said]:
    """By what is in force: policy and ACL, less what the account or the bucket blocks."""

    def judge(bucket: Bucket) -> Said:
        found = doors(facts, bucket)
        if not found:
            return Said(PASS, bucket.arn, f"{bucket.name} is not public", region=bucket.region)
        remedy = (
            "a public website is better served by CloudFront with origin access control, the bucket"
            f" being private:\n{close(bucket)}\nwhere it must stay public:\n"
            f"run: credguard audit waive s3-bucket-public --resource {quote(bucket.arn)}"
            " --until DAY --reason WHY"
        )
        said = f"{bucket.name} is public: {'; '.join(found)}"
        return Said(FAIL, bucket.arn, said, remedy, bucket.region)

    return per(known(facts.buckets), lambda bucket: bucket.arn, judge)


def ebs(facts: Facts, limits: Limits) -> Iterator[Said]:
    """New volumes and the snapshots of them are encrypted without anyone's thinking of it."""

    def region(here: Region) -> Iterator[Said]:
        name = f"arn:{facts.partition}:ec2:{here.name}:{facts.account}:ebs-encryption"
        if known(here.ebs):
            yield Said(PASS, name, "new volumes are encrypted", region=here.name)
        else:
            remedy = "run: credguard audit fix ebs-encryption --apply"
            yield Said(FAIL, name, "new volumes are not encrypted", remedy, here.name)

    return in_regions(facts, region)


CHECKS = (
    Check(
        "s3-account-block", "The account lets no bucket be public", _TIP, "high",
        "It holds for every bucket, those of tomorrow too.",
        account_block, ("account_block",), fix="ask",
        cis="1.5: 2.1.5, 3.0: 2.1.4, 5.0: 2.1.4, 7.0: 3.1.4", hub=("S3.1",),
        peer=("s3_account_level_public_access_blocks",),
    ),
    Check(
        "s3-bucket-block", "Each bucket blocks public access", _TIP, "medium",
        "It stays when somebody opens the account's block for another bucket.",
        bucket_block, ("buckets", "bucket.block"), none="there is no bucket", fix="auto",
        cis="1.5: 2.1.5, 3.0: 2.1.4, 5.0: 2.1.4, 7.0: 3.1.4", hub=("S3.8",),
        peer=("s3_bucket_level_public_access_block",),
    ),
    Check(
        "s3-bucket-public", "No bucket is public", _TIP, "critical",
        "Public buckets are searched for and read within hours.",
        public, ("buckets", "account_block", "bucket.block", "bucket.policy",
                 "bucket.policy_public", "bucket.grants", "bucket.points"),
        none="there is no bucket", hub=("S3.2", "S3.3", "S3.12"),
        peer=("s3_bucket_public_access", "s3_bucket_policy_public_write_access",
              "s3_bucket_public_list_acl", "s3_bucket_public_write_acl",
              "s3_access_point_public_access_block",
              "s3_multi_region_access_point_public_access_block"),
    ),
    Check(
        "ebs-encryption", "New disks are encrypted", _TIP, "medium",
        "A snapshot that is shared by mistake is then of no use to anybody.",
        ebs, ("region.ebs", "region_names"), fix="auto",
        cis="1.5: 2.2.1, 3.0: 2.2.1, 5.0: 5.1.1, 7.0: 6.1.1", hub=("EC2.7",),
        peer=("ec2_ebs_default_encryption",),
    ),
)  # fmt: skip
