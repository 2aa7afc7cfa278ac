"""The state of one thing, read live, and written. Each write is safe to repeat.

The credential report is not read here: AWS makes one in four hours at most.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from credguard.audit.fixes import amount
from credguard.aws.audit.ec2 import ingress
from credguard.aws.audit.reader import Reader, optional, pages
from credguard.aws.audit.s3 import NO_BLOCK
from credguard.aws.translate import translated
from credguard.errors import NoSuchEntity

State = dict[str, Any]
_BUDGET = "credguard-monthly"
_POLICY = (
    "MinimumPasswordLength", "RequireSymbols", "RequireNumbers", "RequireUppercaseCharacters",
    "RequireLowercaseCharacters", "AllowUsersToChangePassword", "MaxPasswordAge",
    "PasswordReusePrevention", "HardExpiry",
)  # fmt: skip


class _Thing(ABC):
    """What a fix works on: `made` is a client of `service` in the thing's region.

    `before`: what it was before it is written.
    """

    service: ClassVar[str]

    def __init__(self, made: Any, reader: Reader, resource: str) -> None:
        self.made = made
        self.reader = reader
        self.resource = resource
        self.before: State = {}

    @abstractmethod
    def read(self) -> State:
        """What AWS has of it now; {}: nothing."""

    @abstractmethod
    def write(self, after: State) -> None:
        """Make `after` of it."""


class _PasswordPolicy(_Thing):
    service = "iam"

    def read(self) -> State:
        answer = optional(self.made.get_account_password_policy, "NoSuchEntity")
        found = {} if answer is None else answer["PasswordPolicy"]
        return {name: found[name] for name in _POLICY if found.get(name) is not None}

    def write(self, after: State) -> None:
        # One call replaces the whole policy: what is not named goes back to its default.
        if after:
            self.made.update_account_password_policy(**after)
        else:
            self.made.delete_account_password_policy()


class _KmsRotation(_Thing):
    service = "kms"

    def read(self) -> State:
        answer = self.made.get_key_rotation_status(KeyId=self.resource)
        return {"rotation": bool(answer["KeyRotationEnabled"])}

    def write(self, after: State) -> None:
        change = self.made.enable_key_rotation if after["rotation"] else None
        (change or self.made.disable_key_rotation)(KeyId=self.resource)


class _TrailValidation(_Thing):
    service = "cloudtrail"

    def read(self) -> State:
        answer = self.made.describe_trails(trailNameList=[self.resource])["trailList"]
        if not answer:
            raise NoSuchEntity(f"there is no trail {self.resource}")
        return {"validation": bool(answer[0].get("LogFileValidationEnabled"))}

    def write(self, after: State) -> None:
        self.made.update_trail(Name=self.resource, EnableLogFileValidation=after["validation"])


class _LogGroup(_Thing):
    service = "logs"

    @property
    def _name(self) -> str:
        return self.resource.partition(":log-group:")[2]

    def read(self) -> State:
        for each in pages(
            self.made, "describe_log_groups", "logGroups", logGroupNamePrefix=self._name
        ):
            if each["logGroupName"] == self._name:
                return {"protected": bool(each.get("deletionProtectionEnabled"))}
        raise NoSuchEntity(f"there is no log group {self._name}")

    def write(self, after: State) -> None:
        self.made.put_log_group_deletion_protection(
            logGroupIdentifier=self._name, deletionProtectionEnabled=after["protected"]
        )


class _Ebs(_Thing):
    service = "ec2"

    def read(self) -> State:
        answer = self.made.get_ebs_encryption_by_default()
        return {"encryption": bool(answer["EbsEncryptionByDefault"])}

    def write(self, after: State) -> None:
        change = self.made.enable_ebs_encryption_by_default if after["encryption"] else None
        (change or self.made.disable_ebs_encryption_by_default)()


class _BucketBlock(_Thing):
    service = "s3"

    @property
    def _where(self) -> dict[str, str]:
        return {"Bucket": self.resource.rpartition(":")[2]}

    def read(self) -> State:
        answer = optional(lambda: self.made.get_public_access_block(**self._where), NO_BLOCK)
        return dict(answer["PublicAccessBlockConfiguration"]) if answer else {}

    def write(self, after: State) -> None:
        if after:
            self.made.put_public_access_block(**self._where, PublicAccessBlockConfiguration=after)
        else:
            self.made.delete_public_access_block(**self._where)


class _AccountBlock(_BucketBlock):
    service = "s3control"

    @property
    def _where(self) -> dict[str, str]:
        return {"AccountId": self.reader.account}


class _Budget(_Thing):
    service = "budgets"

    def read(self) -> State:
        where = {"AccountId": self.reader.account, "BudgetName": _BUDGET}
        answer = optional(lambda: self.made.describe_budget(**where), "NotFoundException")
        if answer is None:
            return {}
        found = answer["Budget"]
        mail = self._mail(where)
        return {
            "amount": amount(found["BudgetLimit"]["Amount"]),
            **({"mail": mail} if mail else {}),
        }

    def _mail(self, where: dict[str, str]) -> str:
        told = self.made.describe_notifications_for_budget(**where).get("Notifications", [])
        for each in told:
            notification = {
                key: each[key]
                for key in ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")
                if key in each
            }
            answer = self.made.describe_subscribers_for_notification(
                **where, Notification=notification
            )
            for subscriber in answer.get("Subscribers", []):
                return str(subscriber["Address"])
        return ""

    def write(self, after: State) -> None:
        account = {"AccountId": self.reader.account}
        where = {**account, "BudgetName": _BUDGET}
        if not after:
            self.made.delete_budget(**where)
        elif self.before:
            # It was there and told nobody: all that a fix or its undoing changes.
            self._tell(where, after)
        else:
            self.made.create_budget(
                **account,
                Budget={
                    "BudgetName": _BUDGET, "BudgetType": "COST", "TimeUnit": "MONTHLY",
                    "BudgetLimit": {"Amount": after["amount"], "Unit": "USD"},
                },
                NotificationsWithSubscribers=[
                    {"Notification": each, "Subscribers": _subscribers(after)} for each in _TOLD
                ],
            )  # fmt: skip

    def _tell(self, where: dict[str, str], after: State) -> None:
        for each in _TOLD:
            if "mail" in after:
                self.made.create_notification(
                    **where, Notification=each, Subscribers=_subscribers(after)
                )
            else:
                self.made.delete_notification(**where, Notification=each)


# At 80 % of what is spent, and when it is forecast that all of it will be.
_TOLD = tuple(
    {
        "NotificationType": kind, "ComparisonOperator": "GREATER_THAN",
        "Threshold": threshold, "ThresholdType": "PERCENTAGE",
    }
    for kind, threshold in (("ACTUAL", 80.0), ("FORECASTED", 100.0))
)  # fmt: skip


def _subscribers(after: State) -> list[dict[str, str]]:
    return [{"SubscriptionType": "EMAIL", "Address": after["mail"]}]


class _Port(_Thing):
    service = "ec2"

    @property
    def _group(self) -> str:
        return self.resource.rpartition(":security-group/")[2].partition("/")[0]

    @property
    def _rule(self) -> str:
        return self.resource.rpartition(":security-group/")[2].partition("/")[2]

    def read(self) -> State:
        answer = self.made.describe_security_groups(GroupIds=[self._group])["SecurityGroups"]
        for permission in answer[0].get("IpPermissions", []):
            for kind in ("IpRanges", "Ipv6Ranges"):
                for source in permission.get(kind, []):
                    one = {**_ports(permission), kind: [source]}
                    if [each.rule for each in ingress(one)] == [self._rule]:
                        return {"rule": one}
        return {"rule": None}

    def write(self, after: State) -> None:
        if after["rule"] is None:
            self.made.revoke_security_group_ingress(
                GroupId=self._group, IpPermissions=[self.before["rule"]]
            )
        else:
            self.made.authorize_security_group_ingress(
                GroupId=self._group, IpPermissions=[after["rule"]]
            )


def _ports(permission: State) -> State:
    return {
        key: permission[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in permission
    }


class _Key(_Thing):
    service = "iam"

    @property
    def _names(self) -> tuple[str, str]:
        user, _, key = self.resource.rpartition("/")
        return user.rpartition("/")[2], key

    def read(self) -> State:
        user, key = self._names
        for each in pages(self.made, "list_access_keys", "AccessKeyMetadata", UserName=user):
            if each["AccessKeyId"] == key:
                return {"status": each["Status"]}
        raise NoSuchEntity(f"{user} has no key {key}")

    def write(self, after: State) -> None:
        user, key = self._names
        self.made.update_access_key(UserName=user, AccessKeyId=key, Status=after["status"])


_THINGS: dict[str, type[_Thing]] = {
    "password-policy": _PasswordPolicy,
    "kms-rotation": _KmsRotation,
    "trail-validation": _TrailValidation,
    "log-group-protected": _LogGroup,
    "ebs-encryption": _Ebs,
    "s3-bucket-block": _BucketBlock,
    "s3-account-block": _AccountBlock,
    "billing-alarm": _Budget,
    "port": _Port,
    "key-unused": _Key,
}


def _with(
    reader: Reader, fix: str, resource: str, region: str, use: Callable[[_Thing], Any]
) -> Any:
    kind = _THINGS[fix]
    where = region or (reader.main if fix == "billing-alarm" else reader.home)
    with reader.client(kind.service, where) as made, translated(f"{kind.service}:{fix}", resource):
        return use(kind(made, reader, resource))


def read(reader: Reader, fix: str, resource: str, region: str) -> State:
    """What AWS has of the thing now. Raises AwsError."""
    state: State = _with(reader, fix, resource, region, lambda thing: thing.read())
    return state


def write(
    reader: Reader, fix: str, resource: str, region: str, before: State, after: State
) -> None:
    """Make `after` of `before`. Raises AwsError: whether it was done is not known then."""

    def use(thing: _Thing) -> None:
        thing.before = before
        thing.write(after)

    _with(reader, fix, resource, region, use)


def files_have_acls(reader: Reader, resource: str, region: str) -> bool:
    """Whether a bucket's files may have ACLs of their own. Raises AwsError.

    Source: Controlling ownership of objects, Amazon S3 User Guide.
    """
    name = resource.rpartition(":")[2]
    with (
        reader.client("s3", region) as made,
        translated("s3:GetBucketOwnershipControls", resource),
    ):
        answer = optional(
            lambda: made.get_bucket_ownership_controls(Bucket=name),
            "OwnershipControlsNotFoundError",
        )
    rules = (answer or {}).get("OwnershipControls", {}).get("Rules", [])
    return not any(each.get("ObjectOwnership") == "BucketOwnerEnforced" for each in rules)
