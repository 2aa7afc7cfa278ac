"""IAM's part of the facts. Each function gives facts; none raises for what AWS refuses.

Sources: IAM API Reference; "Getting credential reports", IAM User Guide, for the report's columns.
"""

import csv
import io
import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from credguard.audit.facts import (
    Authorization,
    Holder,
    Key,
    PasswordPolicy,
    Policy,
    Row,
    Summary,
    User,
)
from credguard.audit.known import NOT_ASKED, Fact, Unknown
from credguard.aws.audit.reader import Reader, fact, optional, pages
from credguard.errors import NetworkDown

_REPORT_S, _POLL_S = 60.0, 1.5


def summary(reader: Reader) -> Fact[Summary]:
    """Of the root user."""

    def read() -> Summary:
        with reader.client("iam") as iam:
            found = iam.get_account_summary()["SummaryMap"]
        return Summary(found["AccountMFAEnabled"] > 0, found["AccountAccessKeysPresent"] > 0)

    return fact("summary", "the account", read)


def root_devices(reader: Reader) -> Fact[tuple[str, ...]]:
    """The virtual MFA devices that root has."""

    def read() -> tuple[str, ...]:
        with reader.client("iam") as iam:
            return tuple(
                str(each["SerialNumber"])
                for each in pages(
                    iam, "list_virtual_mfa_devices", "VirtualMFADevices",
                    AssignmentStatus="Assigned",
                )
                if str(each["SerialNumber"]).endswith(":mfa/root-account-mfa-device")
                or str(each.get("User", {}).get("Arn", "")).endswith(":root")
            )  # fmt: skip

    return fact("root_devices", "the account", read)


def report(reader: Reader) -> Fact[dict[str, Row]]:
    """The credential report, by user name; AWS makes a new one every four hours at most."""

    def read() -> dict[str, Row]:
        with reader.client("iam") as iam:
            end = time.monotonic() + _REPORT_S
            while iam.generate_credential_report()["State"] != "COMPLETE":
                if time.monotonic() > end:
                    raise NetworkDown(f"no credential report was ready within {_REPORT_S:.0f} s")
                time.sleep(_POLL_S)
            content = iam.get_credential_report()["Content"]
        return {row.user: row for row in map(_row, csv.DictReader(io.StringIO(content.decode())))}

    return fact("report", "the account", read)


def _row(line: dict[str, str]) -> Row:
    used = [_time(line.get(f"access_key_{each}_last_used_date")) for each in (1, 2)]
    return Row(
        line["user"],
        line["arn"],
        {"true": True, "false": False}.get(line["password_enabled"].lower()),
        _time(line.get("password_last_changed")),
        _time(line.get("password_last_used")),
        max((each for each in used if each is not None), default=None),
    )


def _time(text: str | None) -> float | None:
    """N/A, no_information and not_supported are None."""
    if not text or not text[:1].isdigit():
        return None
    at = datetime.fromisoformat(text)
    return at.timestamp()


def password_policy(reader: Reader) -> Fact[PasswordPolicy | None]:
    """None: the account has none."""

    def read() -> PasswordPolicy | None:
        with reader.client("iam") as iam:
            answer = optional(iam.get_account_password_policy, "NoSuchEntity")
        return None if answer is None else _policy_of(answer["PasswordPolicy"])

    return fact("password_policy", "the account", read)


def _policy_of(found: dict[str, Any]) -> PasswordPolicy:
    """The API's PasswordPolicy."""
    return PasswordPolicy(
        found.get("MinimumPasswordLength", 6),
        bool(found.get("RequireSymbols")),
        bool(found.get("RequireNumbers")),
        bool(found.get("RequireUppercaseCharacters")),
        bool(found.get("RequireLowercaseCharacters")),
        bool(found.get("AllowUsersToChangePassword")),
        found.get("MaxPasswordAge") or 0,
        found.get("PasswordReusePrevention") or 0,
    )


def users(reader: Reader) -> Fact[list[tuple[str, str]]]:
    """Name and ARN of each user."""

    def read() -> list[tuple[str, str]]:
        with reader.client("iam") as iam:
            return [(u["UserName"], u["Arn"]) for u in pages(iam, "list_users", "Users")]

    return fact("users", "the account", read)


def user(reader: Reader, name: str, arn: str, wanted: frozenset[str]) -> User:
    """Keys and devices of one user, read live. `wanted`: names of reads.READS."""
    with reader.client("iam") as iam:

        def keys() -> tuple[Key, ...]:
            return tuple(
                Key(
                    each["AccessKeyId"], each["Status"] == "Active",
                    each["CreateDate"].timestamp(),
                    _used(iam, each) if "key.used" in wanted else NOT_ASKED,
                )
                for each in pages(iam, "list_access_keys", "AccessKeyMetadata", UserName=name)
            )  # fmt: skip

        def devices() -> tuple[str, ...]:
            found = pages(iam, "list_mfa_devices", "MFADevices", UserName=name)
            return tuple(str(each["SerialNumber"]) for each in found)

        def part(fact_name: str, read: Callable[[], Any]) -> Any:
            return fact(fact_name, f"user {name}", read) if fact_name in wanted else NOT_ASKED

        return User(name, arn, part("user.keys", keys), part("user.devices", devices))


def _used(iam: Any, key: dict[str, Any]) -> Fact[float | None]:
    if key["Status"] != "Active":
        return Unknown("the key is inactive")

    def read() -> float | None:
        used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["AccessKeyLastUsed"]
        at = used.get("LastUsedDate")
        return None if at is None else float(at.timestamp())

    return fact("key.used", f"key {key['AccessKeyId']}", read)


def own_report(
    reader: Reader, name: str, arn: str, changed_here: float | None
) -> Fact[dict[str, Row]]:
    """What can be told of one's own password without the report.

    AWS does not say when it was changed last. `changed_here`: when credguard did, None: it did not;
    else `changed` is when the password was first set, and it may have been later.
    """

    def read() -> dict[str, Row]:
        with reader.client("iam") as iam:
            answer = optional(lambda: iam.get_login_profile(UserName=name), "NoSuchEntity")
            if answer is None:
                return {name: Row(name, arn, False, None, None, None)}
            used = iam.get_user(UserName=name)["User"].get("PasswordLastUsed")
        created = answer["LoginProfile"]["CreateDate"].timestamp()
        return {
            name: Row(
                name, arn, True, max(created, changed_here or 0.0),
                None if used is None else used.timestamp(), None, later=changed_here is None,
            )
        }  # fmt: skip

    return fact("report", f"user {name}", read, own=True)


def authorization(reader: Reader) -> Fact[Authorization]:
    """Users, groups, roles and the account's own policies, with every document."""

    def read() -> Authorization:
        holders: list[Holder] = []
        policies: list[Policy] = []
        wanted = ["User", "Group", "Role", "LocalManagedPolicy"]
        with reader.client("iam") as iam:
            paginator = iam.get_paginator("get_account_authorization_details")
            for page in paginator.paginate(Filter=wanted):
                holders += [_holder("user", each) for each in page.get("UserDetailList", [])]
                holders += [_holder("group", each) for each in page.get("GroupDetailList", [])]
                holders += [
                    _holder("role", each)
                    for each in page.get("RoleDetailList", [])
                    if not str(each.get("Path", "")).startswith("/aws-service-role/")
                ]
                policies += [
                    Policy(
                        each["Arn"].rpartition("/")[2], each["Arn"], _document(version["Document"])
                    )
                    for each in page.get("Policies", [])
                    if ":aws:policy/" not in each["Arn"]
                    for version in each.get("PolicyVersionList", [])
                    if version.get("IsDefaultVersion")
                ]
        return Authorization(tuple(holders), tuple(policies))

    return fact("authorization", "the account", read)


def _holder(kind: str, row: dict[str, Any]) -> Holder:
    title = kind.capitalize()
    trust = row.get("AssumeRolePolicyDocument")
    return Holder(
        kind,
        row[f"{title}Name"],
        row["Arn"],
        tuple(row.get("GroupList", [])),
        tuple(each["PolicyArn"] for each in row.get("AttachedManagedPolicies", [])),
        tuple(
            (each["PolicyName"], _document(each["PolicyDocument"]))
            for each in row.get(f"{title}PolicyList", [])
        ),
        None if trust is None else _document(trust),
        tuple((str(t["Key"]).lower(), str(t["Value"]).lower()) for t in row.get("Tags", [])),
        str((row.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn", "")),
    )


def _document(value: Any) -> dict[str, Any]:
    found = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, dict):
        raise ValueError("not a policy")
    return found
