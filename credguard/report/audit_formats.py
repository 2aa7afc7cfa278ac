"""An audit in the formats that people and other tools read. All derive from the one document."""

from collections.abc import Sequence

from credguard.report.audit import Audit, to_json
from credguard.report.overview import Audit as AuditRow

# What text is made of depends on the terminal, so cli makes it.
FORMATS = ("text", "json", "html", "csv", "sarif", "asff", "ocsf")


def formatted(audit: Audit, style: str, *, region: str, trend: Sequence[AuditRow] = ()) -> str:
    """`audit` as `style`, one of FORMATS but text. `region`: of the Security Hub, for asff.

    `trend`: the audits before, for html.
    """
    # Imported one by one: each costs a start-up that the others need not pay.
    if style == "html":
        from credguard.report.audit_html import audit_html

        return audit_html(audit, trend)
    if style == "csv":
        from credguard.report.audit_csv import audit_csv

        return audit_csv(audit)
    if style == "sarif":
        from credguard.report.audit_sarif import audit_sarif

        return audit_sarif(audit)
    if style == "asff":
        from credguard.report.audit_asff import audit_asff

        return audit_asff(audit, region)
    if style == "ocsf":
        from credguard.report.audit_ocsf import audit_ocsf

        return audit_ocsf(audit)
    return to_json(audit)
