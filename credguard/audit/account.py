"""The bill tells of misuse, and the account is looked after."""

import json
from collections.abc import Iterator
from shlex import quote

from credguard.audit.facts import Facts, Region
from credguard.audit.known import NotKnown, Unknown, known
from credguard.audit.model import (
    FAIL,
    PASS,
    Check,
    Judge,
    Limits,
    Said,
    days,
    in_regions,
    old,
)

_BILL, _DATED = "billing-alarm", "dated-audit"


def billing(facts: Facts, limits: Limits) -> Iterator[Said]:
    """An alarm on EstimatedCharges, or a budget: either will do, if somebody hears it."""
    name = facts.root
    missing: NotKnown | None = None
    silent = []
    for fact in (facts.alarms, facts.budgets):
        if isinstance(fact, Unknown):
            missing = NotKnown(fact)
            continue
        for each in fact:
            on = getattr(each, "enabled", True)
            try:
                if on and known(each.heard):
                    yield Said(PASS, name, f"{each.name} tells of the bill")
                    return
            except NotKnown as error:
                missing = error
            else:
                silent.append(f"{each.name} is off" if not on else f"nobody hears {each.name}")
    if missing is not None:
        raise missing
    remedy = (
        "run: credguard audit fix billing-alarm --amount 100 --mail YOU@EXAMPLE.COM --apply\n"
        "(a budget; in an organisation it belongs into the account that pays)"
    )
    said = "; ".join(silent) or "there is neither a billing alarm nor a budget"
    yield Said(FAIL, name, said, remedy)


def contact(facts: Facts, limits: Limits) -> Iterator[Said]:
    """Whom AWS tells of a leaked key."""
    if known(facts.contact):
        yield Said(PASS, facts.root, "AWS knows whom to tell")
        return
    remedy = (
        "run: aws account put-alternate-contact --alternate-contact-type SECURITY"
        " --name NAME --title TITLE --email-address MAIL --phone-number NUMBER"
    )
    yield Said(FAIL, facts.root, "AWS has no security contact", remedy)


def analyzer(facts: Facts, limits: Limits) -> Iterator[Said]:
    """It is regional, and costs nothing for access from outside."""

    def region(here: Region) -> Iterator[Said]:
        name = f"arn:{facts.partition}:access-analyzer:{here.name}:{facts.account}:analyzer"
        if known(here.analyzer):
            yield Said(PASS, name, "Access Analyzer looks", region=here.name)
            return
        remedy = (
            f"run: aws accessanalyzer create-analyzer --region {here.name}"
            " --analyzer-name account --type ACCOUNT"
        )
        yield Said(FAIL, name, "Access Analyzer is off", remedy, here.name)

    return in_regions(facts, region)


def detector(facts: Facts, limits: Limits) -> Iterator[Said]:
    """A detector that is suspended is off."""

    def region(here: Region) -> Iterator[Said]:
        name = f"arn:{facts.partition}:guardduty:{here.name}:{facts.account}:detector"
        if known(here.detector):
            yield Said(PASS, name, "GuardDuty looks", region=here.name)
            return
        remedy = (
            f"it costs by use:\nrun: aws guardduty create-detector --region {here.name} --enable"
        )
        yield Said(FAIL, name, "GuardDuty is off", remedy, here.name)

    return in_regions(facts, region)


def recorder(facts: Facts, limits: Limits) -> Iterator[Said]:
    """It is regional."""

    def region(here: Region) -> Iterator[Said]:
        name = f"arn:{facts.partition}:config:{here.name}:{facts.account}:recorder"
        if known(here.recorder):
            yield Said(PASS, name, "AWS Config records", region=here.name)
            return
        role = (
            f"arn:{facts.partition}:iam::{facts.account}:role/aws-service-role/config.amazonaws.com"
            "/AWSServiceRoleForConfig"
        )
        remedy = (
            "it costs by use; BUCKET is one that it may write to, see"
            " https://docs.aws.amazon.com/config/latest/developerguide/s3-bucket-policy.html\n"
            "once for the account, where it has no such role yet:\n"
            "run: aws iam create-service-linked-role --aws-service-name config.amazonaws.com\n"
            f"run: aws configservice put-configuration-recorder --region {here.name}"
            f" --configuration-recorder name=default,roleARN={role}\n"
            f"run: aws configservice put-delivery-channel --region {here.name}"
            " --delivery-channel name=default,s3BucketName=BUCKET\n"
            f"run: aws configservice start-configuration-recorder --region {here.name}"
            " --configuration-recorder-name default"
        )
        yield Said(FAIL, name, "AWS Config does not record", remedy, here.name)

    return in_regions(facts, region)


def hub(facts: Facts, limits: Limits) -> Iterator[Said]:
    """It is regional."""

    def region(here: Region) -> Iterator[Said]:
        name = f"arn:{facts.partition}:securityhub:{here.name}:{facts.account}:hub/default"
        if known(here.hub):
            yield Said(PASS, name, "Security Hub is on", region=here.name)
            return
        remedy = f"it costs by use:\nrun: aws securityhub enable-security-hub --region {here.name}"
        yield Said(FAIL, name, "Security Hub is off", remedy, here.name)

    return in_regions(facts, region)


def _role(policy: str, purpose: str, service: str) -> Judge:
    def judge(facts: Facts, limits: Limits) -> Iterator[Said]:
        for each in known(facts.authorization).holders:
            if any(arn.endswith(f":aws:policy/{policy}") for arn in each.attached):
                yield Said(PASS, facts.root, f"{each.kind} {each.name} is for {purpose}")
                return
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": facts.root}, "Action": "sts:AssumeRole"}
            ],
        }
        remedy = (
            f"for {service}: whom in this account a policy lets take it; narrow it, or name another"
            " account, where you want:\n"
            f"run: aws iam create-role --role-name {policy} --assume-role-policy-document"
            f" {quote(json.dumps(trust, separators=(',', ':')))}\n"
            f"run: aws iam attach-role-policy --role-name {policy}"
            f" --policy-arn arn:{facts.partition}:iam::aws:policy/{policy}"
        )
        yield Said(FAIL, facts.root, f"no role is for {purpose}", remedy)

    return judge


def dated(facts: Facts, limits: Limits) -> Iterator[Said]:
    """By credguard's own record on this machine."""
    if facts.last_audit is None:
        said = "the account was not audited from here before"
    elif old(facts.now, facts.last_audit, limits.audit_age):
        said = f"the audit before this one was {days(facts.now - facts.last_audit)} ago"
    else:
        ago = days(facts.now - facts.last_audit)
        yield Said(PASS, facts.root, f"the audit before this one was {ago} ago")
        return
    remedy = (
        "this audit is recorded now; let the next ones run by themselves:\n"
        "run: credguard config set audit.every 7d"
    )
    yield Said(FAIL, facts.root, said, remedy)


CHECKS = (
    Check(
        "billing-alarm", "Somebody is told when the bill grows", _BILL, "high",
        "Most stolen keys are used to run machines; the bill tells first.",
        billing, ("alarms", "alarm.heard", "budgets", "budget.heard"), fix="auto",
    ),
    Check(
        "contact-security", "AWS knows whom to tell of a break-in", _DATED, "medium",
        "AWS writes to the security contact when it sees a key in public.",
        contact, ("contact",),
        cis="1.5: 1.2, 3.0: 1.2, 5.0: 1.2, 7.0: 2.3", hub=("Account.1",),
        peer=("account_security_contact_information_is_registered",),
    ),
    Check(
        "access-analyzer", "Access Analyzer looks for access from outside", _DATED, "low",
        "It tells when a policy lets somebody else in.",
        analyzer, ("region.analyzer", "region_names"),
        cis="1.5: 1.20, 3.0: 1.20, 5.0: 1.19, 7.0: 2.18", peer=("accessanalyzer_enabled",),
    ),
    Check(
        "guardduty", "GuardDuty looks for misuse", _DATED, "medium",
        "It tells when a key is used from where it never was.",
        detector, ("region.detector", "region_names"), hub=("GuardDuty.1",),
        peer=("guardduty_is_enabled",),
    ),
    Check(
        "config-recorder", "AWS Config records what changes", _DATED, "low",
        "It tells when a setting became what it is, and who did it.",
        recorder, ("region.recorder", "region_names"),
        cis="1.5: 3.5, 3.0: 3.3, 5.0: 3.3, 7.0: 4.3", hub=("Config.1",),
        peer=("config_recorder_all_regions_enabled",),
    ),
    Check(
        "security-hub", "Security Hub is on", _DATED, "low",
        "It keeps findings of all tools in one place.",
        hub, ("region.hub", "region_names"), cis="1.5: 4.16, 3.0: 4.16, 5.0: 4.16",
        peer=("securityhub_enabled",),
    ),
    Check(
        "audit-role", "A role that may only look is there for audits", _DATED, "low",
        "Who audits need not be able to change anything.",
        _role("SecurityAudit", "audits", "whoever audits"), ("authorization",),
        peer=("iam_securityaudit_role_created",),
    ),
    Check(
        "support-role", "A role is there to speak with AWS Support", _DATED, "low",
        "In an incident nobody has to look for who may open a case.",
        _role("AWSSupportAccess", "AWS Support", "whoever opens cases"), ("authorization",),
        cis="1.5: 1.17, 3.0: 1.17, 5.0: 1.16, 7.0: 2.15", hub=("IAM.18",),
        peer=("iam_support_role_created",),
    ),
    Check(
        "audit-dated", "The account is audited again and again", _DATED, "low",
        "What was right a year ago is not what is there today.",
        dated, ("last_audit",),
    ),
)  # fmt: skip
