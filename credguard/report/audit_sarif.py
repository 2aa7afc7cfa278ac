"""An audit as SARIF 2.1.0 (OASIS): a result a thing, placed by logical location, not by file.

`kind` says what the standard (3.27.9) has for each: pass, fail, open (there was not enough to
decide), notApplicable; a waived result is a suppressed failure.
"""

import json

from credguard.audit.model import FAIL, NA, PASS, UNKNOWN, WAIVED
from credguard.report.audit import Audit, CheckRow, counts
from credguard.report.audit_things import Thing, instant, standards, things
from credguard.report.sarif import LEVELS, SCHEMA, SCORES

_KINDS = {FAIL: "fail", WAIVED: "fail", UNKNOWN: "open", PASS: "pass", NA: "notApplicable"}


def audit_sarif(audit: Audit) -> str:
    """The document, one run."""
    names = [each.id for each in audit.checks]
    every = things(audit)
    untold = [each for each in every if each.row.status == UNKNOWN]
    run = {
        "tool": {
            "driver": {
                "name": "credguard",
                "version": audit.credguard,
                "rules": [_rule(each) for each in audit.checks],
            }
        },
        "automationDetails": {"id": f"credguard-audit/{audit.account}/{audit.scope}/"},
        "invocations": [
            {
                "executionSuccessful": True,
                "endTimeUtc": instant(audit.at + audit.took),
                "startTimeUtc": instant(audit.at),
                "toolExecutionNotifications": [
                    {
                        "level": "warning",
                        "message": {"text": f"could not be told: {each.row.evidence}"},
                        "associatedRule": {"id": each.check.id},
                    }
                    for each in untold
                ],
            }
        ],
        "results": [_result(each, names.index(each.check.id)) for each in every],
        "properties": {
            "account": audit.account, "scope": audit.scope, "regions": list(audit.regions),
            "counts": counts(audit),
        },
    }  # fmt: skip
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(check: CheckRow) -> dict[str, object]:
    return {
        "id": check.id,
        "name": "".join(part.capitalize() for part in check.id.split("-")),
        "shortDescription": {"text": check.title},
        "fullDescription": {"text": check.why},
        "help": {"text": f"{check.tip_title}: {check.why}"},
        "defaultConfiguration": {"level": LEVELS[check.severity]},
        "properties": {
            "tags": ["security", "aws", check.tip, *check.security_hub],
            "security-severity": SCORES[check.severity],
            "standards": standards(check),
            "actions": list(check.actions),
        },
    }


def _result(each: Thing, number: int) -> dict[str, object]:
    row = each.row
    failed = row.status in (FAIL, WAIVED)
    text = f"{row.evidence}. {' '.join(row.remedy)}".rstrip() if failed else row.evidence
    result: dict[str, object] = {
        "ruleId": each.check.id,
        "ruleIndex": number,
        "kind": _KINDS[row.status],
        "level": LEVELS[row.severity] if failed else "none",
        "message": {"text": text or row.status},
        "locations": [
            {
                "logicalLocations": [
                    {
                        "name": row.resource.rpartition(":")[2] or row.resource,
                        "fullyQualifiedName": row.resource,
                        "kind": "resource",
                    }
                ]
            }
        ],
        "partialFingerprints": {"credguardAudit/v1": each.id},
        "properties": {"region": row.region or "global", "status": row.status},
    }
    if row.status == WAIVED:
        result["suppressions"] = [{"kind": "external", "justification": row.waiver}]
    return result
