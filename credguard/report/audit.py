"""An audit as data: JSON, version 1. Every other format is made from this document alone.

Fields are added, never renamed or dropped.
"""

from collections.abc import Iterable

import msgspec

from credguard.audit.model import FAIL, NA, PASS, UNKNOWN, WAIVED, Check, Result
from credguard.audit.reads import actions_of
from credguard.audit.table import TIPS
from credguard.errors import ConfigError
from credguard.report.text import printable

VERSION, KIND = 1, "credguard-audit"
LAST_S = 253_370_764_800  # the year 9999, Unix seconds
STATUSES = (FAIL, UNKNOWN, PASS, NA, WAIVED)


class CheckRow(msgspec.Struct, frozen=True):
    """A check in words. `actions`: the IAM actions that it takes; `fix`: auto, ask or ""."""

    id: str
    title: str
    tip: str
    tip_title: str
    severity: str
    why: str
    cis: str
    security_hub: tuple[str, ...]
    prowler: tuple[str, ...]
    actions: tuple[str, ...]
    fix: str


class Row(msgspec.Struct, frozen=True):
    """A result. `remedy`: lines, one that begins with `run: ` is a command; `region` "": global.

    `asks`: the IAM actions whose refusal made it UNKNOWN. `waiver`: why it is waived, or "".
    """

    check: str
    status: str
    severity: str
    resource: str
    region: str
    evidence: str
    remedy: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    waiver: str = ""


class Change(msgspec.Struct, frozen=True):
    """What changed since the audit before, at `since`. Keys: check, region, resource."""

    since: float
    worse: tuple[tuple[str, str, str], ...]
    better: tuple[tuple[str, str, str], ...]


class Audit(msgspec.Struct, frozen=True):
    """One account at one time. `at`: Unix seconds; `took`: seconds; `calls`: requests sent.

    `asks`: all IAM actions that were refused; `notes`: what else a person must be told.
    """

    credguard: str
    account: str
    partition: str
    caller: str
    scope: str
    at: float
    took: float
    calls: int
    calls_by: dict[str, int]
    regions: tuple[str, ...]
    checks: tuple[CheckRow, ...]
    results: tuple[Row, ...]
    asks: tuple[str, ...] = ()
    change: Change | None = None
    notes: tuple[str, ...] = ()
    kind: str = KIND
    version: int = VERSION


def check_row(check: Check, *, own: bool = False) -> CheckRow:
    """`check` in words; `own`: as it is read of the caller alone."""
    return CheckRow(
        check.id, check.title, check.tip, TIPS[check.tip], check.severity, check.why, check.cis,
        check.hub, check.peer, actions_of(check.facts, own=own), check.fix,
    )  # fmt: skip


def row(result: Result) -> Row:
    """`result` ready to be shown: names come from the account, so they are made printable."""
    said = result.said
    return Row(
        result.check.id, result.status, result.check.severity, printable(said.resource),
        said.region, printable(said.evidence),
        tuple(printable(line) for line in said.remedy.split("\n") if line), said.actions,
        printable(result.waiver),
    )  # fmt: skip


def asked(rows: Iterable[Row]) -> tuple[str, ...]:
    """All actions that were refused, sorted."""
    return tuple(sorted({action for each in rows for action in each.asks}))


def counts(audit: Audit) -> dict[str, int]:
    """How many results have each status."""
    found = dict.fromkeys(STATUSES, 0)
    for each in audit.results:
        found[each.status] = found.get(each.status, 0) + 1
    return {str(status): number for status, number in found.items()}


def policy(actions: Iterable[str]) -> str:
    """The IAM policy that allows `actions`, JSON: what to ask an administrator for."""
    statement = {"Effect": "Allow", "Action": sorted(actions), "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def to_json(audit: Audit) -> str:
    """The document. No secret is in it: what a check found in a text is masked."""
    return msgspec.json.format(msgspec.json.encode(audit), indent=2).decode() + "\n"


def from_json(data: bytes, name: str) -> Audit:
    """The document in `data`, of a file called `name`. Raises ConfigError: it is not one."""
    try:
        found = msgspec.json.decode(data, type=Audit)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(
            f"{name} is not an audit of credguard: {error}",
            hint="make one: credguard audit --format json > FILE",
        ) from None
    if found.kind != KIND or found.version != VERSION:
        raise ConfigError(
            f"{name} is of version {found.version}, this credguard reads version {VERSION}",
            hint="use the same credguard on both machines",
        )
    if odd := _odd(found):
        raise ConfigError(
            f"{name} is not an audit of credguard: {odd}",
            hint="make one: credguard audit --format json > FILE",
        )
    return found


def _odd(audit: Audit) -> str:
    """What no audit has, such as a status that would be counted as none; "" for nothing."""
    known = {each.id for each in audit.checks}
    for each in audit.results:
        if each.status not in STATUSES:
            return f"a result has the status {printable(each.status)}"
        if each.check not in known:
            return f"it has a result of {printable(each.check)}, and no such check"
    return "" if 0 <= audit.at < LAST_S else "its time is not one of a calendar"


def with_change(audit: Audit, change: Change | None, notes: tuple[str, ...]) -> Audit:
    """The same with what changed, and what else to tell."""
    return msgspec.structs.replace(audit, change=change, notes=notes)
