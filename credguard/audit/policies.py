"""Least privilege, and programs that have roles instead of long-term keys."""

from collections.abc import Iterator
from dataclasses import replace
from shlex import quote

from credguard.audit import remedies, statements
from credguard.audit.facts import Authorization, Document, Facts, Holder, Instance, Region
from credguard.audit.known import known
from credguard.audit.model import (
    FAIL,
    NA,
    PASS,
    Check,
    Limits,
    Said,
    in_regions,
    per,
)
from credguard.audit.users import has_password, is_automation

_LEAST, _AUTO = "least-privilege", "automation-roles"
# The second may give itself the first.
_ADMIN = (":aws:policy/AdministratorAccess", ":aws:policy/IAMFullAccess")
_EC2 = "ec2.amazonaws.com"
_AUTOMATION_TAG = ("automation", "true")


def _documents(facts: Facts) -> Iterator[tuple[str, str, Document]]:
    """Every policy that the account wrote itself: its name, ARN (or owner's) and document."""
    found = known(facts.authorization)
    for policy in found.policies:
        yield policy.name, policy.arn, policy.document
    for holder in found.holders:
        for name, document in holder.inline:
            yield name, f"{holder.arn}/{name}", document


def admin_policy(facts: Facts, limits: Limits) -> Iterator[Said]:
    """Own policies that allow everything; AdministratorAccess is judged where it is given."""
    for name, arn, document in _documents(facts):
        if not statements.is_admin(document):
            yield Said(PASS, arn, f"{name} names what it allows")
            continue
        remedy = (
            "name the actions that are used instead of *; Access Analyzer can write the policy:"
            " https://console.aws.amazon.com/access-analyzer/home#/policy-generation\n"
            + remedies.rewrite(arn, name)
        )
        said = f"{name} allows every action on everything{_held(facts, arn)}"
        yield Said(FAIL, arn, said, remedy)


def escalation(facts: Facts, limits: Limits) -> Iterator[Said]:
    """Own policies short of everything that are enough to get everything."""
    for name, arn, document in _documents(facts):
        if statements.is_admin(document):
            yield Said(NA, arn, f"{name} allows everything already")
            continue
        ways = statements.escalations(document)
        if not ways:
            yield Said(PASS, arn, f"{name} gives no way to more rights")
            continue
        remedy = f"name users, roles or policies in Resource instead of *, for: {', '.join(ways)}\n"
        remedy += remedies.rewrite(arn, name)
        shown = ", ".join(ways[:3]) + (f" and {len(ways) - 3} more" if len(ways) > 3 else "")
        said = f"{name} lets its holder become an administrator: {shown}{_held(facts, arn)}"
        yield Said(FAIL, arn, said, remedy)


def _held(facts: Facts, arn: str) -> str:
    """What is to be added where whoever has the policy has a boundary; a boundary only limits."""
    found = known(facts.authorization)
    direct = [
        each
        for each in found.holders
        if arn in each.attached or arn in [f"{each.arn}/{name}" for name, _ in each.inline]
    ]
    groups = {each.name for each in direct if each.kind == "group"}
    members = [each for each in found.holders if each.kind == "user" and groups & {*each.groups}]
    every = [*(each for each in direct if each.kind != "group"), *members]
    if not every or not all(each.boundary for each in every):
        return ""
    names = sorted({_short(each.boundary) for each in every})
    return f"; whoever has it is held to the boundary {', '.join(names)}"


def _short(arn: str) -> str:
    return arn.rpartition("/")[2]


def by_group(facts: Facts, limits: Limits) -> Iterator[Said]:
    """Rights through groups can be seen, and taken away, in one place."""

    def judge(user: Holder) -> Said:
        own = [*(arn.rpartition("/")[2] for arn in user.attached), *(n for n, _ in user.inline)]
        if not own:
            return Said(PASS, user.arn, f"{user.name} has no policies but its groups'")
        remedy = (
            f"put {user.name} into a group that has what of it is needed, then take its own away:\n"
            f"run: aws iam add-user-to-group --user-name {quote(user.name)} --group-name GROUP\n"
            + "\n".join(remedies.without(user))
        )
        return Said(
            FAIL, user.arn, f"{user.name} has policies of its own: {', '.join(own)}", remedy
        )

    return per(_of_kind(facts, "user"), lambda user: user.arn, judge)


def _of_kind(facts: Facts, kind: str) -> list[Holder]:
    return [each for each in known(facts.authorization).holders if each.kind == kind]


def _is_admin(found: Authorization, holder: Holder) -> bool:
    groups = [g for g in found.holders if g.kind == "group" and g.name in holder.groups]
    own = [_all_alone(found, each) for each in (holder, *groups)]
    return any(each.attached or each.inline for each in own)


def _all_alone(found: Authorization, holder: Holder) -> Holder:
    """`holder` with those of its policies alone that allow everything."""
    own = {policy.arn: policy.document for policy in found.policies}
    return replace(
        holder,
        attached=tuple(
            arn
            for arn in holder.attached
            if arn.endswith(_ADMIN) or (arn in own and statements.is_admin(own[arn]))
        ),
        inline=tuple(each for each in holder.inline if statements.is_admin(each[1])),
    )


def admin_user(facts: Facts, limits: Limits) -> Iterator[Said]:
    """Everything belongs to a role that is taken for an hour, not to a key that lasts."""
    found = known(facts.authorization)

    def judge(user: Holder) -> Said:
        if not _is_admin(found, user):
            return Said(PASS, user.arn, f"{user.name} may not do everything")
        if user.boundary and _limits(found, user.boundary):
            said = f"the boundary {_short(user.boundary)} keeps {user.name} from doing everything"
            return Said(PASS, user.arn, said)
        groups = [name for name in user.groups if _gives_all(found, name)]
        remedy = remedies.by_role(facts, _all_alone(found, user), groups)
        said = f"{user.name} may do everything at all times"
        if user.boundary:
            said += f", as far as its boundary {_short(user.boundary)} lets it"
        return Said(FAIL, user.arn, said, remedy)

    return per(_of_kind(facts, "user"), lambda user: user.arn, judge)


def _gives_all(found: Authorization, group: str) -> bool:
    return any(
        each.kind == "group" and each.name == group and _is_admin(found, each)
        for each in found.holders
    )


def _limits(found: Authorization, boundary: str) -> bool:
    """Whether the boundary of that ARN is known to keep whoever has it from everything.

    AWS's own policies are not read, so they are not known to.
    """
    own = {policy.arn: policy.document for policy in found.policies}
    document = own.get(boundary)
    return document is not None and not (
        statements.is_admin(document)
        or statements.escalations(document)
        or statements.sheds_boundary(document, boundary)
    )


def _automation(facts: Facts, limits: Limits) -> list[Holder]:
    found = _of_kind(facts, "user")
    return [u for u in found if is_automation(u.name, limits) or _AUTOMATION_TAG in u.tags]


def automation_password(facts: Facts, limits: Limits) -> Iterator[Said]:
    """A program does not sign in to the console; a person who does so in its name has no name."""
    users = {user.name: user for user in known(facts.users)}

    def judge(holder: Holder) -> Said | None:
        user = users.get(holder.name)
        if user is None:
            return None
        if not has_password(facts, user):
            return Said(PASS, holder.arn, f"{holder.name} has no console password")
        remedy = f"run: aws iam delete-login-profile --user-name {quote(holder.name)}"
        return Said(FAIL, holder.arn, f"{holder.name} is a program with a console password", remedy)

    return per(_automation(facts, limits), lambda user: user.arn, judge)


def automation_role(facts: Facts, limits: Limits) -> Iterator[Said]:
    """A program gets a role where it runs: no key to leak, none to replace."""
    users = {user.name: user for user in known(facts.users)}

    def judge(holder: Holder) -> Said | None:
        user = users.get(holder.name)
        if user is None:
            return None
        active = [key.id for key in known(user.keys) if key.active]
        if not active:
            return Said(PASS, holder.arn, f"{holder.name} has no long-term key")
        remedy = (
            "give it a role: an instance profile in EC2, a task role in ECS, OIDC from GitHub or"
            " GitLab, IAM Roles Anywhere elsewhere:\n"
            "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios.html\nthen:"
        )
        for key in active:
            remedy += f"\nrun: aws iam update-access-key --user-name {quote(holder.name)}"
            remedy += f" --access-key-id {quote(key)} --status Inactive"
        said = f"{holder.name} is a program with a long-term key: {', '.join(active)}"
        return Said(FAIL, holder.arn, said, remedy)

    return per(_automation(facts, limits), lambda user: user.arn, judge)


def role_trust(facts: Facts, limits: Limits) -> Iterator[Said]:
    """Who may become a role: not everybody, and not every repository of a hosting service."""

    def judge(role: Holder) -> Said:
        for statement in statements.statements(role.trust or {}):
            if statements.anyone(statement) and not statements.tied(statement):
                said = f"anybody with an AWS account may become {role.name}"
                return Said(FAIL, role.arn, said, _trust_remedy(role))
            if not statements.names_subject(statement):
                said = f"every project of the identity provider may become {role.name}"
                return Said(FAIL, role.arn, said, _trust_remedy(role))
        return Said(PASS, role.arn, f"{role.name} names who may become it")

    return per(_of_kind(facts, "role"), lambda role: role.arn, judge)


def _trust_remedy(role: Holder) -> str:
    return (
        "name the accounts in Principal, or tie it by a Condition on aws:PrincipalOrgID, or on the"
        " provider's :sub (such as repo:ORGANISATION/REPOSITORY:*), in trust.json:\n"
        f"run: aws iam get-role --role-name {quote(role.name)}"
        " --query Role.AssumeRolePolicyDocument > trust.json\n"
        f"run: aws iam update-assume-role-policy --role-name {quote(role.name)}"
        " --policy-document file://trust.json"
    )


def instance_profile(facts: Facts, limits: Limits) -> Iterator[Said]:
    """An instance without a role is one whose programs need a key in a file."""

    def region(here: Region) -> Iterator[Said]:
        def judge(instance: Instance) -> Said:
            if instance.profile:
                return Said(PASS, instance.arn, f"{instance.id} has a role", region=here.name)
            trust = remedies.allowing(Principal={"Service": _EC2}, Action="sts:AssumeRole")
            managed = f"arn:{facts.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
            remedy = (
                "where there is no role for what runs there yet, make one, with the policies that"
                " it needs; that of Systems Manager lets it be patched, too:\n"
                "run: aws iam create-role --role-name ROLE --assume-role-policy-document"
                f" {trust}\n"
                f"run: aws iam attach-role-policy --role-name ROLE --policy-arn {managed}\n"
                "run: aws iam create-instance-profile --instance-profile-name PROFILE\n"
                "run: aws iam add-role-to-instance-profile --instance-profile-name PROFILE"
                " --role-name ROLE\n"
                "then:\n"
                f"run: aws ec2 associate-iam-instance-profile --region {here.name}"
                f" --instance-id {instance.id} --iam-instance-profile Name=PROFILE"
            )
            return Said(FAIL, instance.arn, f"{instance.id} has no role", remedy, here.name)

        return per(known(here.instances), lambda each: each.arn, judge, here.name)

    return in_regions(facts, region)


CHECKS = (
    Check(
        "policy-admin", "No policy of the account's own allows everything", _LEAST, "high",
        "One mistake, or one stolen session, then reaches everything.",
        admin_policy, ("authorization",), none="the account has no policies of its own",
        cis="1.5: 1.16, 3.0: 1.16, 5.0: 1.15, 7.0: 2.14", hub=("IAM.1", "IAM.21"),
        peer=("iam_customer_attached_policy_no_administrative_privileges",
              "iam_inline_policy_no_administrative_privileges"),
    ),
    Check(
        "policy-escalation", "No policy lets its holder become an administrator", _LEAST, "high",
        "Who may change policies or pass any role may do everything, whatever else is written.",
        escalation, ("authorization",), none="the account has no policies of its own",
        hub=("IAM.21",),
        peer=("iam_policy_allows_privilege_escalation",
              "iam_inline_policy_allows_privilege_escalation"),
    ),
    Check(
        "user-admin", "No user may do everything at all times", _LEAST, "high",
        "A key that lasts and may do everything is the account in a file.",
        admin_user, ("authorization",), none="there is no IAM user",
        peer=("iam_aws_attached_policy_no_administrative_privileges",),
    ),
    Check(
        "user-groups", "Users have their rights through groups", _LEAST, "low",
        "Rights of one user's own are forgotten when the work changes.",
        by_group, ("authorization",), none="there is no IAM user",
        cis="1.5: 1.15, 3.0: 1.15, 5.0: 1.14, 7.0: 2.13", hub=("IAM.2",),
        peer=("iam_policy_attached_only_to_group_or_roles",),
    ),
    Check(
        "role-trust", "Roles name who may become them", _LEAST, "critical",
        "A role that trusts everybody is rights for everybody.",
        role_trust, ("authorization",), none="there is no role",
        peer=("iam_role_cross_service_confused_deputy_prevention",
              "iam_role_cross_account_readonlyaccess_policy"),
    ),
    Check(
        "automation-password", "Programs have no console password", _AUTO, "high",
        "Work done by a person in a program's name has nobody's name.",
        automation_password, ("users", "report", "authorization"), none="no user is a program",
    ),
    Check(
        "automation-role", "Programs have roles, not long-term keys", _AUTO, "medium",
        "A role's credentials end by themselves; a build server's key is in its backups.",
        automation_role, ("users", "user.keys", "authorization"), none="no user is a program",
    ),
    Check(
        "instance-role", "Instances have a role", _AUTO, "medium",
        "Without one, what runs there needs a key in a file.",
        instance_profile, ("region.instances", "region_names"), none="there is no instance",
        cis="1.5: 1.18, 3.0: 1.18, 5.0: 1.17, 7.0: 2.16",
        peer=("ec2_instance_profile_attached",),
    ),
)  # fmt: skip
