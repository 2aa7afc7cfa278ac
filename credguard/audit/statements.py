"""IAM policy documents, read for what they let through. Pure; a document that is odd is not safe.

Source: IAM JSON policy elements reference, IAM User Guide.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

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


def everywhere(statement: dict[str, Any]) -> bool:
    """Whether it is for every resource."""
    if "NotResource" in statement:
        return True
    return any(str(each) == "*" for each in listed(statement.get("Resource")))


def is_admin(document: Document) -> bool:
    """Whether one of its statements allows every action, or all but some, on everything."""
    for each in statements(document):
        if not everywhere(each):
            continue
        if "NotAction" in each:
            return True
        if any(str(action) in ("*", "*:*") for action in listed(each.get("Action"))):
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

    A statement with a condition counts as limited.
    """
    free = [each for each in statements(document) if everywhere(each) and not each.get("Condition")]

    def has(action: str) -> bool:
        return any(allows(each, action) for each in free)

    return [" with ".join(way) for way in _WAYS if all(has(action) for action in way)]


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
    value = statement.get("Principal")
    if isinstance(value, dict):
        return any(str(each) == "*" for each in listed(value.get("AWS")))
    return any(str(each) == "*" for each in listed(value))


# Conditions that tie a statement for everyone to somebody known.
# Source: "The meaning of public", Amazon S3 User Guide.
_TIES = {
    "aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths",
    "aws:principalservicename", "aws:sourceaccount", "aws:sourcearn", "aws:sourceip",
    "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourcevpc", "aws:sourcevpce", "aws:userid",
    "s3:dataaccesspointaccount", "s3:dataaccesspointarn", "sts:externalid",
}  # fmt: skip
_WIDE = {"*", "0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1"}


def tied(statement: dict[str, Any]) -> bool:
    """Whether a condition ties it to somebody known."""
    conditions = statement.get("Condition")
    if not isinstance(conditions, dict):
        return False
    for operator, keys in conditions.items():
        name = str(operator).lower()
        # IfExists and ForAllValues are true where the request has no such key at all.
        loose = "not" in name or name.endswith("ifexists") or name.startswith("forallvalues")
        if loose or name == "null" or not isinstance(keys, dict):
            continue
        for key, values in keys.items():
            good = [str(each) for each in listed(values)]
            if str(key).lower() in _TIES and good and not _WIDE & set(good):
                return True
    return False


def is_public(document: Document) -> bool:
    """Whether a resource's policy lets in everyone."""
    return any(anyone(each) and not tied(each) for each in statements(document))


def denies_deletion(document: Document) -> bool:
    """Whether a bucket's policy keeps everyone from deleting its objects' versions."""
    for each in statements(document, "Deny"):
        if not anyone(each) or each.get("Condition"):
            continue
        actions = [str(action) for action in listed(each.get("Action"))]
        wanted = ("s3:DeleteObject", "s3:DeleteObjectVersion")
        if all(any(matches(pattern, one) for pattern in actions) for one in wanted):
            return True
    return False
