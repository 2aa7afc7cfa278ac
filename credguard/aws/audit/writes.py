"""The state of one thing, read live, and written. Each write is safe to repeat.

The credential report is not read here: AWS makes one in four hours at most.
"""

from collections.abc import Callable
from typing import Any

from credguard.aws.audit.ec2 import ingress
from credguard.aws.audit.reader import Reader, optional, pages
from credguard.aws.translate import translated
from credguard.errors import NoSuchEntity

State = dict[str, Any]
_BUDGET = "credguard-monthly"
_POLICY = (
    "MinimumPasswordLength", "RequireSymbols", "RequireNumbers", "RequireUppercaseCharacters",
    "RequireLowercaseCharacters", "AllowUsersToChangePassword", "MaxPasswordAge",
    "PasswordReusePrevention", "HardExpiry",
)  # fmt: skip


class _Thing:
    """What a fix works on: `made` is a client of `service` in the thing's region.

    `before`: what it was before it is written.
    """

    service = ""

    def __init__(self, made: Any, reader: Reader, resource: str) -> None:
        self.made = made
        self.reader = reader
        self.resource = resource
        self.before: State = {}

    def read(self) -> State:
        raise NotImplementedError

    def write(self, after: State) -> None:
        raise NotImplementedError


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


_NO_BLOCK = "NoSuchPublicAccessBlockConfiguration"


class _BucketBlock(_Thing):
    service = "s3"

    @property
    def _where(self) -> dict[str, str]:
        return {"Bucket": self.resource.rpartition(":")[2]}

    def read(self) -> State:
        answer = optional(lambda: self.made.get_public_access_block(**self._where), _NO_BLOCK)
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
            "amount": _number(found["BudgetLimit"]["Amount"]),
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
        where = {"AccountId": self.reader.account}
        if not after:
            self.made.delete_budget(**where, BudgetName=_BUDGET)
            return
        told = [{"SubscriptionType": "EMAIL", "Address": after["mail"]}]
        self.made.create_budget(
            **where,
            Budget={
                "BudgetName": _BUDGET, "BudgetType": "COST", "TimeUnit": "MONTHLY",
                "BudgetLimit": {"Amount": after["amount"], "Unit": "USD"},
            },
            NotificationsWithSubscribers=[
                {
                    "Notification": {
                        "NotificationType": kind, "ComparisonOperator": "GREATER_THAN",
                        "Threshold": threshold, "ThresholdType": "PERCENTAGE",
                    },
                    "Subscribers": told,
                }
                for kind, threshold in (("ACTUAL", 80.0), ("FORECASTED", 100.0))
            ],
        )  # fmt: skip


def _number(text: str) -> str:
    """AWS gives 100 back as 100.0."""
    value = float(text)
    return str(int(value)) if value == int(value) else str(value)


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
            for kind, key in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6")):
                for source in permission.get(kind, []):
                    one = {**_ports(permission), kind: [source]}
                    if [each.rule for each in ingress(one)] == [self._rule]:
                        return {"rule": one, "kind": key}
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
