"""What happened is written down, and nobody can take it away again."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from shlex import quote

from credguard.audit import buckets, statements
from credguard.audit.facts import Bucket, Facts, LogGroup, Region, Trail
from credguard.audit.known import NotKnown, Unknown, known
from credguard.audit.model import (
    DAY_S,
    FAIL,
    PASS,
    Check,
    Limits,
    Said,
    in_regions,
    per,
    unknown,
)

_TIP = "logs-protected"


def trail(facts: Facts, limits: Limits) -> Iterator[Said]:
    """One trail of all regions that logs all management events."""
    name = f"arn:{facts.partition}:cloudtrail:{facts.home}:{facts.account}:trail"
    missing: NotKnown | None = None
    own = ""
    for each in known(facts.trails):
        if not own and each.arn.split(":")[4:5] == [facts.account]:
            own = _complete(each)
        try:
            if each.multi_region and known(each.logging) and known(each.management):
                yield Said(PASS, name, f"{each.name} logs all regions")
                return
        except NotKnown as error:
            missing = error
    if missing is not None:
        raise missing
    remedy = (
        "it needs a bucket that CloudTrail may write to; the console makes both:\n"
        "https://console.aws.amazon.com/cloudtrail/home#/create\n"
        "or, with a bucket of yours:\n"
        "run: aws cloudtrail create-trail --name management --s3-bucket-name BUCKET"
        " --is-multi-region-trail --enable-log-file-validation\n"
        "run: aws cloudtrail start-logging --name management"
    )
    said = "no trail logs all management events of all regions"
    yield Said(FAIL, name, said, own or remedy)


_ALL_EVENTS = "--event-selectors ReadWriteType=All,IncludeManagementEvents=true"


def _complete(trail: Trail) -> str:
    """What makes of a trail of the account's own one that logs everything."""
    where = f"--region {trail.region}"
    name = quote(trail.name)
    lines = [f"{trail.name} is there already; a second one would cost, so complete it:"]
    if not trail.multi_region:
        lines.append(
            f"run: aws cloudtrail update-trail {where} --name {name} --is-multi-region-trail"
        )
    if trail.management is not True:
        lines += [
            "where it logs files or functions too, name those again in this:",
            f"run: aws cloudtrail put-event-selectors {where} --trail-name {name} {_ALL_EVENTS}",
        ]
    if trail.logging is not True:
        lines.append(f"run: aws cloudtrail start-logging {where} --name {name}")
        lines.append("where it is on and nothing arrives, its bucket is gone or refuses")
    return "\n".join(lines)


def validation(facts: Facts, limits: Limits) -> Iterator[Said]:
    """Digests, by which a changed or missing log file shows."""

    def judge(each: Trail) -> Said:
        if each.validation:
            return Said(PASS, each.arn, f"{each.name} has digests", region=each.region)
        remedy = "run: credguard audit fix trail-validation --apply"
        return Said(FAIL, each.arn, f"{each.name} has no digests", remedy, each.region)

    return per(known(facts.trails), lambda each: each.arn, judge)


def encrypted(facts: Facts, limits: Limits) -> Iterator[Said]:
    """With a key of one's own reading the log takes a right of its own."""

    def judge(each: Trail) -> Said:
        if each.encrypted:
            return Said(PASS, each.arn, f"{each.name} is encrypted by KMS", region=each.region)
        remedy = (
            "the key's policy must let CloudTrail encrypt, see"
            " https://docs.aws.amazon.com/awscloudtrail/latest/userguide/"
            "create-kms-key-policy-for-cloudtrail.html\n"
            f"run: aws cloudtrail update-trail --region {each.region} --name {quote(each.name)}"
            " --kms-key-id KEY"
        )
        return Said(FAIL, each.arn, f"{each.name} has no key of its own", remedy, each.region)

    return per(known(facts.trails), lambda each: each.arn, judge)


def _log_buckets(facts: Facts) -> Iterator[tuple[Trail, Bucket | None]]:
    here = {bucket.name: bucket for bucket in known(facts.buckets)}
    seen = set()
    for each in known(facts.trails):
        if each.bucket and each.bucket not in seen:
            seen.add(each.bucket)
            yield each, here.get(each.bucket)


def _elsewhere(each: Trail) -> NotKnown:
    return NotKnown(
        Unknown(f"{each.bucket} belongs to another account; audit that one, or waive this")
    )


def _bucket_arn(facts: Facts, each: Trail) -> str:
    return f"arn:{facts.partition}:s3:::{each.bucket}"


def bucket_private(facts: Facts, limits: Limits) -> Iterator[Said]:
    """The log tells of every name and every address in the account."""

    def judge(pair: tuple[Trail, Bucket | None]) -> Said:
        each, bucket = pair
        if bucket is None:
            raise _elsewhere(each)
        found = buckets.doors(facts, bucket)
        if not found:
            said = f"{bucket.name}, where {each.name} writes, is not public"
            return Said(PASS, bucket.arn, said, region=bucket.region)
        remedy = buckets.close(bucket)
        said = f"{bucket.name}, where {each.name} writes, is public: {'; '.join(found)}"
        return Said(FAIL, bucket.arn, said, remedy, bucket.region)

    return per(_log_buckets(facts), lambda pair: _bucket_arn(facts, pair[0]), judge)


def bucket_kept(facts: Facts, limits: Limits) -> Iterator[Said]:
    """Object Lock for as long as logs are kept, MFA delete, or versions and a denying policy."""

    def judge(pair: tuple[Trail, Bucket | None]) -> Said:
        each, bucket = pair
        if bucket is None:
            raise _elsewhere(each)
        missing: NotKnown | None = None
        for way in (_locked, _mfa_delete, _denied):
            try:
                if said := way(bucket, limits):
                    return Said(PASS, bucket.arn, f"{bucket.name}: {said}", region=bucket.region)
            except NotKnown as error:
                missing = error
        if missing is not None:
            raise missing
        said = f"what {each.name} writes to {bucket.name} can be deleted"
        return Said(FAIL, bucket.arn, said, _keep(bucket), bucket.region)

    return per(_log_buckets(facts), lambda pair: _bucket_arn(facts, pair[0]), judge)


def _locked(bucket: Bucket, limits: Limits) -> str:
    kept = known(bucket.lock)
    return f"Object Lock keeps files {kept} days" if kept * DAY_S >= limits.retention else ""


def _mfa_delete(bucket: Bucket, _limits: Limits) -> str:
    versioning = known(bucket.versioning)
    return "deleting a version takes MFA" if versioning.on and versioning.mfa_delete else ""


def _denied(bucket: Bucket, _limits: Limits) -> str:
    policy = known(bucket.policy)
    if known(bucket.versioning).on and policy and statements.denies_deletion(policy, bucket.arn):
        return "its policy denies deleting, and it keeps versions"
    return ""


def _keep(bucket: Bucket) -> str:
    return (
        "versions cost what they take up; Object Lock keeps each file for the time you name:\n"
        f"run: aws s3api put-bucket-versioning --bucket {bucket.name}"
        " --versioning-configuration Status=Enabled\n"
        f"run: aws s3api put-object-lock-configuration --bucket {bucket.name}"
        ' --object-lock-configuration \'{"ObjectLockEnabled":"Enabled","Rule":'
        '{"DefaultRetention":{"Mode":"GOVERNANCE","Days":365}}}\''
    )


def _watched(group: LogGroup, limits: Limits) -> bool:
    return any(fnmatchcase(group.name, pattern) for pattern in limits.log_groups)


def group_protected(facts: Facts, limits: Limits) -> Iterator[Said]:
    """Source: Protecting log groups from deletion, CloudWatch Logs User Guide; off by default."""

    def region(here: Region) -> Iterator[Said]:
        for group in known(here.log_groups):
            if not _watched(group, limits):
                continue
            if group.protected:
                said = f"{group.name} cannot be deleted"
                yield Said(PASS, group.arn, said, region=here.name)
            else:
                remedy = "run: credguard audit fix log-group-protected --apply"
                yield Said(FAIL, group.arn, f"{group.name} can be deleted", remedy, here.name)

    return in_regions(facts, region)


def retention(facts: Facts, limits: Limits) -> Iterator[Said]:
    """Of the groups that a trail writes to: how long what happened can be looked up."""
    wanted = {each.log_group.removesuffix(":*") for each in known(facts.trails)} - {""}
    least = int(limits.retention // DAY_S)
    seen = {
        group.arn
        for each in facts.regions
        if not isinstance(each.log_groups, Unknown)
        for group in each.log_groups
    }
    blind = {each.name for each in facts.regions if isinstance(each.log_groups, Unknown)}
    for arn in sorted(wanted - seen):
        # A region that cannot be read says so itself.
        if arn.split(":")[3:4] not in [[name] for name in blind]:
            why = "the log group was not found in the regions and the account looked at"
            yield unknown(arn, NotKnown(Unknown(why)))

    def region(here: Region) -> Iterator[Said]:
        for group in known(here.log_groups):
            if group.arn not in wanted:
                continue
            if group.retention == 0 or group.retention >= least:
                kept = f"{group.retention} days" if group.retention else "for ever"
                yield Said(PASS, group.arn, f"{group.name} is kept {kept}", region=here.name)
            else:
                remedy = (
                    f"run: aws logs put-retention-policy --region {here.name}"
                    f" --log-group-name {quote(group.name)} --retention-in-days 365"
                )
                said = f"{group.name} is kept {group.retention} days, {least} at least are wanted"
                yield Said(FAIL, group.arn, said, remedy, here.name)

    yield from in_regions(facts, region)


CHECKS = (
    Check(
        "trail-on", "A trail logs all regions", _TIP, "high",
        "Without it nobody can tell afterwards what a stolen key was used for.",
        trail, ("trails", "trail.logging", "trail.management"),
        cis="1.5: 3.1, 3.0: 3.1, 5.0: 3.1, 7.0: 4.1", hub=("CloudTrail.1", "CloudTrail.3"),
        peer=("cloudtrail_multi_region_enabled",
              "cloudtrail_multi_region_enabled_logging_management_events"),
    ),
    Check(
        "trail-validation", "Trails have digests", _TIP, "medium",
        "A log file that was changed or removed then shows.",
        validation, ("trails",), none="there is no trail", fix="auto",
        cis="1.5: 3.2, 3.0: 3.2, 5.0: 3.2, 7.0: 4.2", hub=("CloudTrail.4",),
        peer=("cloudtrail_log_file_validation_enabled",),
    ),
    Check(
        "trail-encrypted", "Trails are encrypted with an own key", _TIP, "low",
        "Who may read the bucket may then not yet read the log.",
        encrypted, ("trails",), none="there is no trail",
        cis="1.5: 3.7, 3.0: 3.5, 5.0: 3.5, 7.0: 4.5", hub=("CloudTrail.2",),
        peer=("cloudtrail_kms_encryption_enabled",),
    ),
    Check(
        "trail-bucket-private", "The trail's bucket is not public", _TIP, "critical",
        "The log tells an attacker every name, address and habit.",
        bucket_private, ("trails", "buckets", "account_block", "bucket.block", "bucket.policy",
                         "bucket.policy_public", "bucket.grants", "bucket.points"),
        none="there is no trail", cis="1.5: 3.3", hub=("CloudTrail.6",),
        peer=("cloudtrail_logs_s3_bucket_is_not_publicly_accessible",),
    ),
    Check(
        "trail-bucket-kept", "The trail's files cannot be deleted", _TIP, "high",
        "The first thing that a careful thief removes is the log.",
        bucket_kept, ("trails", "buckets", "bucket.versioning", "bucket.lock", "bucket.policy"),
        none="there is no trail",
        cis="1.5: 2.1.3, 3.0: 2.1.2, 5.0: 2.1.2, 7.0: 3.1.2", hub=("S3.14", "S3.15", "S3.20"),
        peer=("cloudtrail_bucket_requires_mfa_delete", "s3_bucket_no_mfa_delete",
              "s3_bucket_object_lock"),
    ),
    Check(
        "log-group-protected", "Log groups cannot be deleted", _TIP, "medium",
        "Else one call removes what happened, and the alarm that would tell of it.",
        group_protected, ("region.log_groups", "region_names"), none="there is no log group",
        fix="auto",
    ),
    Check(
        "log-group-retention", "The trail's log group is kept long enough", _TIP, "low",
        "Break-ins are mostly found after months.",
        retention, ("trails", "region.log_groups", "region_names"),
        none="no trail writes to a log group", hub=("CloudWatch.16",),
        peer=("cloudwatch_log_group_retention_policy_specific_days_enabled",),
    ),
)  # fmt: skip
