"""Use case: Security Hub shows what the audit found, and no more what is well, waived or gone."""

from dataclasses import dataclass, field

from credguard.audit.model import UNKNOWN
from credguard.aws.audit import hub
from credguard.aws.audit.reader import Reader
from credguard.aws.model import Credentials
from credguard.errors import NotPermitted
from credguard.report import audit_asff as asff
from credguard.report.audit import Audit
from credguard.report.audit_things import Thing, things


@dataclass(frozen=True, slots=True)
class Sent:
    """How many findings are open and were closed now; those not taken; what else to tell."""

    opened: int
    closed: int
    failed: list[hub.Failed] = field(default_factory=list)
    notes: tuple[str, ...] = ()


def publish(credentials: Credentials, audit: Audit, region: str) -> Sent:
    """Send the audit of an account to its Security Hub in `region`. Safe to repeat.

    What is wrong or could not be told is sent; what Security Hub has open and is well, waived or
    gone now is archived. What this audit did not look at is left as it is. Raises AwsError.
    """
    reader = Reader(credentials, audit.account, region)
    notes: tuple[str, ...] = ()
    known: dict[str, asff.Finding] | None = None
    try:
        known = {each["Id"]: each for each in hub.open_findings(reader, region, asff.GENERATOR)}
    except NotPermitted as error:
        notes = (f"findings of things that are gone stay open: {error}",)
    opened, over = [], []
    seen = things(audit)
    for each in seen:
        made = asff.finding(audit, each, region)
        if known is not None and (old := known.get(each.id)):
            made["CreatedAt"] = old["CreatedAt"]
        if made["RecordState"] == "ACTIVE":
            opened.append(made)
        elif known is None or each.id in known:
            over.append(made)
    over += [asff.closed(each, audit.at) for each in _gone(audit, seen, known or {})]
    failed = hub.import_findings(reader, region, [*opened, *over])
    lost = {each.id for each in failed}
    return Sent(
        sum(each["Id"] not in lost for each in opened),
        sum(each["Id"] not in lost for each in over),
        failed,
        notes,
    )


def _gone(audit: Audit, seen: list[Thing], known: dict[str, asff.Finding]) -> list[asff.Finding]:
    """Of the open findings those whose thing this audit would have found, had it been there."""
    if audit.scope != "account":
        return []
    # Where a list could not be read, its things were not looked at.
    unsure = {each.check for each in audit.results if each.status == UNKNOWN}
    ran = {each.id for each in audit.checks} - unsure
    where = {"global", *audit.regions}
    present = {each.id for each in seen}
    return [
        each
        for name, each in known.items()
        if name not in present
        and each["GeneratorId"].removeprefix(asff.GENERATOR) in ran
        and each.get("ProductFields", {}).get("credguard/region", "global") in where
    ]
