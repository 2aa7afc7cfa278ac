"""An audit as OCSF events, class Compliance Finding (2003), schema 1.8.0, profile cloud.

Source: schema.ocsf.io/1.8.0/classes/compliance_finding. An event that is valid by 1.8.0 is valid by
the later releases of the same major version.
"""

import json

from credguard.audit.model import FAIL, NA, PASS, UNKNOWN, WAIVED
from credguard.report.audit import Audit, Row
from credguard.report.audit_things import Thing, remedy_text, standards, things

VERSION = "1.8.0"
_CLASS, _CREATE = 2003, 1
_SEVERITY = {"critical": 5, "high": 4, "medium": 3, "low": 2}
_NAMES = {5: "Critical", 4: "High", 3: "Medium", 2: "Low", 1: "Informational"}
# Of the compliance check: 1 pass, 2 warning (no result for lack of information), 3 fail, 99 other.
_STATUS = {
    PASS: (1, "Pass"), UNKNOWN: (2, "Warning"), FAIL: (3, "Fail"), WAIVED: (3, "Fail"),
    NA: (99, "Not applicable"),
}  # fmt: skip
_NEW, _SUPPRESSED, _RESOLVED = (1, "New"), (3, "Suppressed"), (4, "Resolved")
_ACCOUNT_TYPE = 10  # AWS Account


def audit_ocsf(audit: Audit) -> str:
    """A JSON list, an event a thing."""
    return json.dumps([event(audit, each) for each in things(audit)], indent=2) + "\n"


def event(audit: Audit, each: Thing) -> dict[str, object]:
    """One event. Times are milliseconds since 1970, UTC."""
    row, check = each.row, each.check
    told, at = row.status in (PASS, NA), round(audit.at * 1000)
    severity = 1 if told else _SEVERITY[row.severity]
    state = _RESOLVED if told else _SUPPRESSED if row.status == WAIVED else _NEW
    result, name = _STATUS[row.status]
    made: dict[str, object] = {
        "activity_id": _CREATE,
        "activity_name": "Create",
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": _CLASS,
        "class_name": "Compliance Finding",
        "type_uid": _CLASS * 100 + _CREATE,
        "type_name": "Compliance Finding: Create",
        "time": at,
        "severity_id": severity,
        "severity": _NAMES[severity],
        "status_id": state[0],
        "status": state[1],
        "message": row.evidence or check.title,
        "metadata": _metadata(audit, check.id),
        "compliance": {
            "control": check.title,
            "desc": check.why,
            "standards": standards(check) or [f"credguard: {check.tip_title}"],
            "requirements": list(check.security_hub),
            "status_id": result,
            "status": name,
            "status_detail": row.waiver or row.evidence,
        },
        "finding_info": {
            "uid": each.id,
            "title": check.title,
            "desc": check.why,
            "created_time": at,
            "types": [check.tip],
        },
        **_where(audit, row),
    }  # fmt: skip
    if row.remedy:
        made["remediation"] = {"desc": remedy_text(row)}
    if row.status == WAIVED:
        made["comment"] = row.waiver
    return made


def _metadata(audit: Audit, check: str) -> dict[str, object]:
    product = {"name": "credguard", "vendor_name": "credguard", "version": audit.credguard}
    return {"version": VERSION, "profiles": ["cloud"], "product": product, "event_code": check}


def _where(audit: Audit, row: Row) -> dict[str, object]:
    region = {"region": row.region} if row.region else {}
    account = {"uid": audit.account, "type_id": _ACCOUNT_TYPE, "type": "AWS Account"}
    return {
        "cloud": {"provider": "AWS", "account": account, **region},
        "resources": [{"uid": row.resource, "cloud_partition": audit.partition, **region}],
    }
