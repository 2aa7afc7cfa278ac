"""An audit as CSV (RFC 4180, UTF-8): one line a result, for a spreadsheet."""

import csv
import io

from credguard.report.audit import Audit
from credguard.report.audit_things import instant, remedy_text

COLUMNS = (
    "at", "account", "region", "status", "severity", "check", "title", "resource", "evidence",
    "why", "remedy", "cis", "security_hub", "waiver",
)  # fmt: skip
# A spreadsheet takes a cell that begins so for a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def audit_csv(audit: Audit) -> str:
    """All results, in the order of the list. A text that a spreadsheet would run gets a `'`."""
    file = io.StringIO(newline="")
    write = csv.writer(file)
    write.writerow(COLUMNS)
    checks = {each.id: each for each in audit.checks}
    for row in audit.results:
        check = checks[row.check]
        values = (
            instant(audit.at), audit.account, row.region, row.status, row.severity, row.check,
            check.title, row.resource, row.evidence, check.why, remedy_text(row), check.cis,
            " ".join(check.security_hub), row.waiver,
        )  # fmt: skip
        write.writerow([_cell(value) for value in values])
    return file.getvalue()


def _cell(text: str) -> str:
    return "'" + text if text.startswith(_FORMULA) else text
