"""One row a check and thing, named the same over all runs: what other tools' formats ask for."""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

import msgspec

from credguard.audit.model import FAIL, NA, PASS, UNKNOWN, WAIVED
from credguard.report.audit import Audit, CheckRow, Row

_RANK = {FAIL: 4, UNKNOWN: 3, WAIVED: 2, PASS: 1, NA: 0}


@dataclass(frozen=True, slots=True)
class Thing:
    """What a check says of one thing. `id`: at most 512 characters, whatever the names are."""

    id: str
    check: CheckRow
    row: Row


def things(audit: Audit) -> list[Thing]:
    """The results in their order; several of one check on one thing are one, the worst of them."""
    checks = {each.id: each for each in audit.checks}
    found: dict[tuple[str, str, str], Row] = {}
    for each in audit.results:
        key = (each.check, each.region, each.resource)
        found[key] = _joined(found[key], each) if key in found else each
    return [Thing(finding_id(audit, each), checks[each.check], each) for each in found.values()]


def _joined(one: Row, other: Row) -> Row:
    worse, better = (one, other) if _RANK[one.status] >= _RANK[other.status] else (other, one)
    if worse.status != better.status:
        return worse
    known = worse.evidence.split("; ")
    evidence = worse.evidence if better.evidence in known else f"{one.evidence}; {other.evidence}"
    extra = tuple(line for line in other.remedy if line not in one.remedy)
    return msgspec.structs.replace(worse, evidence=evidence, remedy=one.remedy + extra)


def finding_id(audit: Audit, row: Row) -> str:
    """Names the thing and the check over all runs and machines."""
    where = row.region or "global"
    thing = sha256(row.resource.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"credguard/{audit.partition}/{audit.account}/{where}/{row.check}/{thing}"


def remedy_text(row: Row) -> str:
    """What to do, as one text; a command stands on its own line without a prompt."""
    return "\n".join(line.removeprefix("run: ") for line in row.remedy)


def instant(at: float) -> str:
    """Unix seconds as RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def cut(text: str, longest: int) -> str:
    """At most `longest` characters; what is cut off shows as three dots."""
    return text if len(text) <= longest else text[: longest - 3] + "..."


def standards(check: CheckRow) -> list[str]:
    """`check.cis` item by item: "CIS AWS Foundations Benchmark 5.0: 1.19"."""
    return [
        f"CIS AWS Foundations Benchmark {each.strip()}" for each in check.cis.split(",") if each
    ]
