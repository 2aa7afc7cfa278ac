"""How the rights of users and policies are changed, in lines to type."""

import json
from collections.abc import Iterable
from shlex import quote
from typing import Any

from credguard.audit.facts import Facts, Holder


def allowing(**statement: Any) -> str:
    """A policy of one statement, as a word of a command line."""
    whole = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}
    return quote(json.dumps(whole, separators=(",", ":")))


def rewrite(arn: str, name: str) -> str:
    """How to change the policy of that ARN, see _documents."""
    first, last = (
        "take it to a file, policy.json:\nrun: aws iam ",
        "correct it there, then:\nrun: aws iam ",
    )
    # A path may have colons, and more that a shell would take for its own.
    kind = arn.split(":", 5)[5].partition("/")[0]
    if kind == "policy":
        which = f"--policy-arn {quote(arn)}"
        return (
            f"{first}get-policy-version {which} --version-id $(aws iam get-policy {which}"
            " --query Policy.DefaultVersionId --output text) --query PolicyVersion.Document"
            f" > policy.json\n{last}create-policy-version {which}"
            " --policy-document file://policy.json --set-as-default"
        )
    owner = arn.removesuffix(f"/{name}")
    which = f"--{kind}-name {quote(owner.rpartition('/')[2])} --policy-name {quote(name)}"
    return (
        f"{first}get-{kind}-policy {which} --query PolicyDocument > policy.json\n"
        f"{last}put-{kind}-policy {which} --policy-document file://policy.json"
    )


def without(user: Holder) -> list[str]:
    """What takes from a user the policies that it has itself."""
    who = f"--user-name {quote(user.name)}"
    return [
        *(f"run: aws iam detach-user-policy {who} --policy-arn {quote(a)}" for a in user.attached),
        *(
            f"run: aws iam delete-user-policy {who} --policy-name {quote(n)}"
            for n, _ in user.inline
        ),
    ]


_TAKING = "run: aws iam put-group-policy --group-name admins --policy-name take-admin"


def by_role(facts: Facts, user: Holder, groups: Iterable[str]) -> str:
    """How `user` has a role instead of being an administrator; `groups`: that make it one."""
    root, role = facts.root, f"arn:{facts.partition}:iam::{facts.account}:role/admin"
    trust = allowing(
        Principal={"AWS": root}, Action="sts:AssumeRole",
        Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}},
    )  # fmt: skip
    taking = allowing(Action="sts:AssumeRole", Resource=role)
    admin = f"arn:{facts.partition}:iam::aws:policy/AdministratorAccess"
    who = f"--user-name {quote(user.name)}"
    lines = [
        "make a role with those rights, which asks for MFA, and a group that may take it:",
        f"run: aws iam create-role --role-name admin --assume-role-policy-document {trust}",
        f"run: aws iam attach-role-policy --role-name admin --policy-arn {admin}",
        "run: aws iam create-group --group-name admins",
        f"{_TAKING} --policy-document {taking}",
        f"run: aws iam add-user-to-group --group-name admins {who}",
        f"in ~/.aws/config: [profile admin] role_arn = {role}, source_profile, mfa_serial",
        "see that it works: credguard exec admin -- aws sts get-caller-identity",
        f"then, as the last thing that is done as {user.name}:",
        *without(user),
        *(
            f"run: aws iam remove-user-from-group {who} --group-name {quote(each)}"
            for each in groups
        ),
    ]
    return "\n".join(lines)
