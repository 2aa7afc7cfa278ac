"""Audits as data, for the tests of their formats: every status, and names that try to break out."""

from credguard.audit.model import FAIL, NA, PASS, UNKNOWN, WAIVED
from credguard.audit.table import CHECKS
from credguard.report.audit import Audit, Change, Row, asked, check_row

NAMES = (
    "arn:aws:iam::123456789012:user/ada",
    "arn:aws:iam::123456789012:root",
    "arn:aws:s3:::data",
    "arn:aws:kms:eu-west-1:123456789012:key/1234",
    "region eu-west-1",
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "a\"b'c,d;e\\n]]>",
    "käse/ж" * 400,
)
REGION = "eu-west-1"


def row(check: str, status: str, name: str = NAMES[0], **more: object) -> Row:
    values: dict[str, object] = {
        "severity": "high", "region": "", "evidence": f"{name} is such",
        "remedy": ("Do this.", f"run: aws iam do --it '{name}'") if status == FAIL else (),
        "asks": ("iam:ListUsers",) if status == UNKNOWN else (),
        "waiver": "until 2027-01-01: it is old" if status == WAIVED else "", **more,
    }  # fmt: skip
    return Row(check, status, resource=name, **values)  # type: ignore[arg-type]


def made(*rows: Row, **more: object) -> Audit:
    values: dict[str, object] = {
        "credguard": "1.2.3", "account": "123456789012", "partition": "aws",
        "caller": "arn:aws:iam::123456789012:user/dev", "scope": "account", "at": 1767225600.0,
        "took": 2.5, "calls": 40, "calls_by": {"iam:ListUsers": 1}, "regions": (REGION,),
        "checks": tuple(check_row(each) for each in CHECKS), "results": rows, "asks": asked(rows),
        **more,
    }  # fmt: skip
    return Audit(**values)  # type: ignore[arg-type]


def every() -> Audit:
    """Each status of each name, over all checks."""
    statuses = (FAIL, UNKNOWN, PASS, WAIVED, NA)
    rows = [
        row(check.id, statuses[number % 5], NAMES[(number // 5) % len(NAMES)],
            region=REGION if number % 2 else "", severity=check.severity)
        for number, check in enumerate([*CHECKS, *reversed(CHECKS)])
    ]  # fmt: skip
    change = Change(1767139200.0, ((CHECKS[0].id, REGION, NAMES[6]),), ((CHECKS[1].id, "", "x"),))
    return made(*rows, change=change, notes=("the waiver of <b> ended",))
