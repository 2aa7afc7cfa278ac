"""KMS keys, trails, log groups, and the services that look after an account."""

from typing import Any

from credguard.audit.facts import KmsDetail, KmsKey, LogGroup, Trail
from credguard.audit.known import Fact, Unknown
from credguard.aws.audit.reader import Reader, fact, optional, pages
from credguard.errors import AwsError


def kms(reader: Reader, region: str) -> Fact[tuple[KmsKey, ...]]:
    """Every key of the region, AWS's own among them."""

    def read() -> tuple[KmsKey, ...]:
        with reader.client("kms", region) as made:
            return tuple(
                _key(made, each["KeyId"], each["KeyArn"])
                for each in pages(made, "list_keys", "Keys")
            )

    return fact("region.kms", f"region {region}", read)


def _key(made: Any, name: str, arn: str) -> KmsKey:
    detail = fact(
        "kms.detail", f"key {name}", lambda: _detail(made.describe_key(KeyId=name)["KeyMetadata"])
    )
    rotation: Fact[bool] = Unknown("the key is not one that KMS rotates")
    if isinstance(detail, Unknown):
        rotation = detail
    elif detail.rotatable:
        rotation = fact(
            "kms.rotation",
            f"key {name}",
            lambda: bool(made.get_key_rotation_status(KeyId=name)["KeyRotationEnabled"]),
        )
    return KmsKey(name, arn, detail, rotation)


def _detail(row: dict[str, Any]) -> KmsDetail:
    if row["KeyManager"] != "CUSTOMER":
        return KmsDetail(False, "AWS rotates its own keys itself")
    if row["KeyState"] != "Enabled":
        return KmsDetail(False, f"it is {row['KeyState']}")
    if (row.get("KeySpec") or row["CustomerMasterKeySpec"]) != "SYMMETRIC_DEFAULT":
        return KmsDetail(False, "KMS rotates symmetric keys only")
    if row["Origin"] != "AWS_KMS":
        return KmsDetail(False, "its material is not from KMS")
    kind = row.get("MultiRegionConfiguration", {}).get("MultiRegionKeyType")
    if row.get("MultiRegion") and kind == "REPLICA":
        return KmsDetail(False, "it follows its primary key")
    return KmsDetail(True, "")


def trails(reader: Reader) -> Fact[tuple[Trail, ...]]:
    """Every trail that logs the account, those of its organisation too."""

    def read() -> tuple[Trail, ...]:
        homes: dict[str, list[str]] = {}
        with reader.client("cloudtrail") as made:
            for each in pages(made, "list_trails", "Trails"):
                homes.setdefault(each["HomeRegion"], []).append(each["TrailARN"])
        found: list[Trail] = []
        for home, arns in homes.items():
            with reader.client("cloudtrail", home) as made:
                answer = made.describe_trails(trailNameList=arns, includeShadowTrails=False)
                rows = answer["trailList"]
                if lost := set(arns) - {row["TrailARN"] for row in rows}:
                    raise AwsError(f"AWS lists the trail {min(lost)}, but does not describe it")
                found += [_trail(made, row) for row in rows]
        return tuple(found)

    return fact("trails", "the account", read)


def _trail(made: Any, row: dict[str, Any]) -> Trail:
    arn = row["TrailARN"]
    return Trail(
        row["Name"],
        arn,
        row["HomeRegion"],
        bool(row.get("IsMultiRegionTrail")),
        bool(row.get("LogFileValidationEnabled")),
        bool(row.get("KmsKeyId")),
        row.get("S3BucketName", ""),
        row.get("CloudWatchLogsLogGroupArn", ""),
        fact(
            "trail.logging",
            f"trail {row['Name']}",
            lambda: _logs(made.get_trail_status(Name=arn)),
        ),
        fact(
            "trail.management",
            f"trail {row['Name']}",
            lambda: _management(made.get_event_selectors(TrailName=arn)),
        ),
    )


def _logs(status: dict[str, Any]) -> bool:
    """It is on, and what it writes arrives: a bucket that is gone or refuses is an error here."""
    return bool(status["IsLogging"]) and not status.get("LatestDeliveryError")


def _management(answer: dict[str, Any]) -> bool:
    for each in answer.get("EventSelectors") or []:
        every = each.get("IncludeManagementEvents") and each.get("ReadWriteType") == "All"
        # Such as kms.amazonaws.com, whose events are left out then.
        if every and not each.get("ExcludeManagementEventSources"):
            return True
    for each in answer.get("AdvancedEventSelectors") or []:
        fields = {field["Field"]: field for field in each.get("FieldSelectors", [])}
        # Any other field narrows it down, such as readOnly.
        if set(fields) == {"eventCategory"} and "Management" in fields["eventCategory"]["Equals"]:
            return True
    return False


def log_groups(reader: Reader, region: str) -> Fact[tuple[LogGroup, ...]]:
    """Every log group of the region."""

    def read() -> tuple[LogGroup, ...]:
        with reader.client("logs", region) as logs:
            return tuple(
                LogGroup(
                    each["logGroupName"],
                    str(each.get("arn", "")).removesuffix(":*"),
                    bool(each.get("deletionProtectionEnabled")),
                    each.get("retentionInDays") or 0,
                )
                for each in pages(logs, "describe_log_groups", "logGroups")
            )

    return fact("region.log_groups", f"region {region}", read)


def analyzer(reader: Reader, region: str) -> Fact[bool]:
    """Whether an analyzer for access from outside is active."""

    def read() -> bool:
        with reader.client("accessanalyzer", region) as made:
            return any(
                each.get("status") == "ACTIVE" and each.get("type") in ("ACCOUNT", "ORGANIZATION")
                for each in pages(made, "list_analyzers", "analyzers")
            )

    return fact("region.analyzer", f"region {region}", read)


def detector(reader: Reader, region: str) -> Fact[bool]:
    """Whether GuardDuty is on, and not suspended."""

    def read() -> bool:
        with reader.client("guardduty", region) as made:
            return any(
                made.get_detector(DetectorId=each).get("Status") == "ENABLED"
                for each in pages(made, "list_detectors", "DetectorIds")
            )

    return fact("region.detector", f"region {region}", read)


def recorder(reader: Reader, region: str) -> Fact[bool]:
    """Whether AWS Config records."""

    def read() -> bool:
        with reader.client("config", region) as made:
            answer = made.describe_configuration_recorder_status()
        return any(each.get("recording") for each in answer["ConfigurationRecordersStatus"])

    return fact("region.recorder", f"region {region}", read)


def hub(reader: Reader, region: str) -> Fact[bool]:
    """Whether Security Hub is on."""

    def read() -> bool:
        with reader.client("securityhub", region) as made:
            answer = optional(
                made.describe_hub, "InvalidAccessException", "ResourceNotFoundException"
            )
        return answer is not None

    return fact("region.hub", f"region {region}", read)


def contact(reader: Reader) -> Fact[bool]:
    """Whether the account has a security contact."""

    def read() -> bool:
        with reader.client("account", reader.main) as made:
            answer = optional(
                lambda: made.get_alternate_contact(AlternateContactType="SECURITY"),
                "ResourceNotFoundException",
            )
        return answer is not None

    return fact("contact", "the account", read)
