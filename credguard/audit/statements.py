"""IAM policy documents, read for what they let through. Pure; a document that is odd is not safe.

Source: IAM JSON policy elements reference, IAM User Guide.
"""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from credguard.audit.addresses import from_world
from credguard.audit.facts import Document


def listed(value: Any) -> list[Any]:
    """A field that may be one thing or a list of them."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def statements(document: Document, effect: str = "Allow") -> Iterator[dict[str, Any]]:
    """The statements of that effect."""
    for each in listed(document.get("Statement")):
        if isinstance(each, dict) and str(each.get("Effect")) == effect:
            yield each


def matches(pattern: str, action: str) -> bool:
    """Whether an Action of a policy has `action` in it; letter case does not count."""
    # A policy knows * and ? alone; fnmatch would take brackets as well.
    return fnmatchcase(action.lower(), pattern.lower().replace("[", "[[]"))


def allows(statement: dict[str, Any], action: str) -> bool:
    """Whether an Allow statement has `action`, by Action or by NotAction."""
    if "NotAction" in statement:
        return not any(matches(str(each), action) for each in listed(statement["NotAction"]))
    return any(matches(str(each), action) for each in listed(statement.get("Action")))


def everywhere(statement: dict[str, Any], service: str = "*") -> bool:
    """Whether it is for every resource; `service`: for every one of that service at least.

    All of one kind, such as arn:aws:iam::123456789012:user/*, are every one.
    """
    if "NotResource" in statement:
        return True
    return any(_every(str(each), service) for each in listed(statement.get("Resource")))


def _every(resource: str, service: str) -> bool:
    if not resource.strip("*"):
        return bool(resource)
    parts = resource.split(":", 5)
    if len(parts) < 6 or not parts[2]:
        return False
    whole = "*" in parts[5] and _EVERY_ONE.fullmatch(parts[5]) is not None
    return whole and (not parts[2].strip("*") or (service != "*" and matches(parts[2], service)))


# A kind at most, then nothing that narrows it down: user/*, function:*, stack/*/*, */*.
_EVERY_ONE = re.compile(r"[A-Za-z*?-]*[:/*?]*")
_EVERY_ACTION = re.compile(r"\*+(:\*+)?")


def is_admin(document: Document) -> bool:
    """Whether one of its statements allows every action, or all but some, on everything."""
    for each in statements(document):
        if not everywhere(each):
            continue
        if "NotAction" in each:
            return True
        if any(_EVERY_ACTION.fullmatch(str(action)) for action in listed(each.get("Action"))):
            return True
    return False


# Each of them alone, on every resource, is enough to become an administrator; two of them together.
# Source: Rhino Security Labs' list of IAM privilege escalation methods.
_WAYS: tuple[tuple[str, ...], ...] = (
    ("iam:CreatePolicyVersion",),
    ("iam:SetDefaultPolicyVersion",),
    ("iam:CreateAccessKey",),
    ("iam:CreateLoginProfile",),
    ("iam:UpdateLoginProfile",),
    ("iam:AttachUserPolicy",),
    ("iam:AttachGroupPolicy",),
    ("iam:AttachRolePolicy",),
    ("iam:PutUserPolicy",),
    ("iam:PutGroupPolicy",),
    ("iam:PutRolePolicy",),
    ("iam:AddUserToGroup",),
    ("iam:UpdateAssumeRolePolicy",),
    ("iam:PassRole", "ec2:RunInstances"),
    ("iam:PassRole", "lambda:CreateFunction"),
    ("iam:PassRole", "cloudformation:CreateStack"),
    ("iam:PassRole", "glue:CreateDevEndpoint"),
    ("iam:PassRole", "ecs:RunTask"),
    ("lambda:UpdateFunctionCode",),
)


def escalations(document: Document) -> list[str]:
    """The ways in which whoever has this policy can give themselves everything.

    A statement with a condition counts as limited, unless everybody meets that.
    """
    free = [each for each in statements(document) if not _limited(each)]

    def has(action: str) -> bool:
        service = action.partition(":")[0]
        return any(allows(each, action) and everywhere(each, service) for each in free)

    return [" with ".join(way) for way in _WAYS if all(has(action) for action in way)]


def sheds_boundary(document: Document, arn: str) -> bool:
    """Whether whoever is held to this boundary may be able to take it off, or to write it anew.

    `arn`: of the boundary.
    """
    off = ("iam:DeleteUserPermissionsBoundary", "iam:PutUserPermissionsBoundary")
    anew = ("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion")
    return any(
        any(allows(each, way) for way in off)
        or (_reaches(each, arn) and any(allows(each, way) for way in anew))
        for each in statements(document)
    )


def _reaches(statement: dict[str, Any], arn: str) -> bool:
    """Whether the statement may be for the resource of that ARN; a variable may be anything."""
    if "NotResource" in statement:
        return True
    patterns = map(str, listed(statement.get("Resource")))
    return any(matches(re.sub(r"\$\{[^}]*\}", "*", each), arn) for each in patterns)


# Conditions on how a request comes, not on whose it is or what it is for.
_NO_LIMITS = {"aws:securetransport", "aws:requestedregion", "aws:viaawsservice"}
# What every request has, and the values that every request meets.
_ALWAYS = {"aws:principalaccount", "aws:principalarn", "aws:sourceip", "aws:userid"}
_ANY = {"*", "0.0.0.0/0", "::/0"}


def _limited(statement: dict[str, Any]) -> bool:
    conditions = statement.get("Condition")
    if not isinstance(conditions, dict):
        return bool(conditions)
    every = [(str(operator).lower(), keys) for operator, keys in conditions.items() if keys]
    return any(
        not isinstance(keys, dict)
        or any(not _met(operator, str(key).lower(), values) for key, values in keys.items())
        for operator, keys in every
    )


def _met(operator: str, key: str, values: Any) -> bool:
    """Whether everybody meets that condition."""
    if key in _NO_LIMITS:
        return True
    open_ = any(str(each) in _ANY for each in listed(values))
    return key in _ALWAYS and "not" not in operator and open_


def principals(statement: dict[str, Any]) -> list[str]:
    """Whom it is for: "*", ARNs, account ids, services, providers."""
    value = statement.get("Principal")
    if isinstance(value, dict):
        return [str(each) for part in value.values() for each in listed(part)]
    return [str(each) for each in listed(value)]


def anyone(statement: dict[str, Any]) -> bool:
    """Whether the statement is for everyone, whatever account they come from."""
    if "NotPrincipal" in statement:
        return True
    return "*" in principals(statement)


# Conditions that tie a statement for everyone to somebody known.
# Source: "The meaning of public", Amazon S3 User Guide.
_TIES = {
    "aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths",
    "aws:principalservicename", "aws:sourceaccount", "aws:sourcearn", "aws:sourceip",
    "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourcevpc", "aws:sourcevpce", "aws:userid",
    "sts:externalid",
}  # fmt: skip
# These tie it to access points, and those have policies of their own.
_POINTS = {"s3:dataaccesspointaccount", "s3:dataaccesspointarn"}


def _binding(statement: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The conditions that a request has to meet by what it has: key, in small letters, and values.

    Left out: those that say what it must not be, and IfExists and ForAllValues, which are true
    where the request has no such key at all.
    """
    conditions = statement.get("Condition")
    for operator, keys in conditions.items() if isinstance(conditions, dict) else ():
        name = str(operator).lower()
        loose = "not" in name or name.endswith("ifexists") or name.startswith("forallvalues")
        if loose or name == "null" or not isinstance(keys, dict):
            continue
        for key, values in keys.items():
            yield str(key).lower(), [str(each) for each in listed(values)]


# A role's or a user's id, whatever the name of its session.
_SESSIONS = re.compile(r"[A-Z0-9]{10,}:\*")
_ACCOUNT = re.compile(r"[0-9]{12}")


def _fixed(key: str, value: str) -> bool:
    """Whether the value names somebody: a wildcard or a variable in it does not."""
    if key == "aws:sourceip":
        return not from_world(value) and "*" not in value and "?" not in value
    if "${" in value:
        return False
    if "*" not in value and "?" not in value:
        return True
    if key == "aws:userid":
        return bool(_SESSIONS.fullmatch(value))
    if key.endswith("orgpaths"):
        organisation = value.partition("/")[0]
        return "/" in value and "*" not in organisation and "?" not in organisation
    parts = value.split(":", 5)
    return len(parts) == 6 and bool(_ACCOUNT.fullmatch(parts[4]))


def tied(statement: dict[str, Any]) -> bool:
    """Whether a condition ties it to somebody known."""
    return _tied_by(statement, _TIES | _POINTS)


def _tied_by(statement: dict[str, Any], keys: set[str]) -> bool:
    return any(
        key in keys and values and all(_fixed(key, value) for value in values)
        for key, values in _binding(statement)
    )


def left_to_points(document: Document) -> frozenset[str]:
    """The accounts to whose access points a bucket's policy leaves it who gets in.

    Source: "Delegating access control to access points", Amazon S3 User Guide.
    """
    found: set[str] = set()
    for each in statements(document):
        if not anyone(each) or _tied_by(each, _TIES):
            continue
        conditions = dict(_binding(each))
        if conditions.get("s3:accesspointnetworkorigin") == ["VPC"]:
            continue
        for key in _POINTS & conditions.keys():
            parts = (value.split(":") for value in conditions[key])
            found.update(part[4] if len(part) > 4 else part[0] for part in parts)
    return frozenset(found)


# How the subject of a token begins, and what must be named after that: up to this mark.
_SUBJECTS = {"repo:": "/", "project_path:": "/", "organization:": ":",
             "system:serviceaccount:": ":"}  # fmt: skip
# Everybody's own application has tokens of these.
_WEB = ("cognito-identity.amazonaws.com", "accounts.google.com", "graph.facebook.com",
        "www.amazon.com")  # fmt: skip


def names_subject(statement: dict[str, Any]) -> bool:
    """Whether a role's trust in an OpenID provider names a project, or an application, of it.

    True where it trusts no such provider.
    """
    trusted = principals(statement)
    conditions = list(_binding(statement))
    if any(":oidc-provider/" in each for each in trusted) and not any(
        key.endswith((":sub", ":job_workflow_ref")) and values and all(map(_subject, values))
        for key, values in conditions
    ):
        return False
    return not set(trusted) & set(_WEB) or any(
        key.endswith((":aud", ":app_id", ":sub")) and values and not _wild(values)
        for key, values in conditions
    )


def _wild(values: list[str]) -> bool:
    return any("*" in value or "?" in value for value in values)


def _subject(value: str) -> bool:
    """Whether a :sub names a project, up to its first wildcard."""
    if not _wild([value]):
        return bool(value)
    fixed = re.split(r"[*?]", value, maxsplit=1)[0]
    if any(start.startswith(fixed) for start in _SUBJECTS):
        return False
    for start, mark in _SUBJECTS.items():
        if fixed.startswith(start):
            return bool(fixed.removeprefix(start).partition(mark)[0]) and mark in (
                fixed.removeprefix(start)
            )
    return "/" in fixed or ":" in fixed


def is_public(document: Document) -> bool:
    """Whether a resource's policy lets in everyone."""
    return any(anyone(each) and not tied(each) for each in statements(document))


def denies_deletion(document: Document, bucket: str) -> bool:
    """Whether the policy of the bucket of that ARN keeps everyone from deleting its files."""
    for each in statements(document, "Deny"):
        # Whom NotPrincipal names may delete.
        if not anyone(each) or "NotPrincipal" in each or each.get("Condition"):
            continue
        if not {"*", f"{bucket}/*", f"{bucket}*"} & set(map(str, listed(each.get("Resource")))):
            continue
        actions = [str(action) for action in listed(each.get("Action"))]
        wanted = ("s3:DeleteObject", "s3:DeleteObjectVersion")
        if all(any(matches(pattern, one) for pattern in actions) for one in wanted):
            return True
    return False
