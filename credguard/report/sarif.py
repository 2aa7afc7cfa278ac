"""SARIF 2.1.0 (OASIS), with what GitHub's code scanning asks for.

Sources: the OASIS standard 2.1.0; docs.github.com, "SARIF support for code scanning": all rules are
listed, `results` is there when clean, security-severity is a number in a text, paths are relative
to the source root. `primaryLocationLineHash` is left out: the upload action makes it from the file.
"""

from collections.abc import Iterator

from credguard.report.model import Report, Row, RuleFacts, message, uri
from credguard.report.streamed import Chained, Streamed, json_pieces

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note"}
# GitHub reads over 9.0 as critical, 7.0 to 8.9 as high, 4.0 to 6.9 as medium, 0.1 to 3.9 as low.
SCORES = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0"}
_PRECISION = {"high": "very-high", "medium": "high", "low": "low"}


def findings_sarif(report: Report) -> Iterator[str]:
    """The report as one run. A value shows as its mask only; what was let pass is suppressed."""
    rules = dict(report.rules)
    for each in report.all_rows():
        if each.rule not in rules:
            rules[each.rule] = RuleFacts(each.title, each.severity, each.confidence)
    names = sorted(rules)
    number = {name: index for index, name in enumerate(names)}
    failed = [
        {
            "level": "error",
            "message": {"text": f"not read: {why}"},
            "locations": [_place(uri(path.encode()))],
        }
        for path, why in report.unread
    ]
    run = {
        "tool": {
            "driver": {
                "name": "credguard",
                "version": report.version,
                "rules": [_rule(name, rules[name]) for name in names],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "where the scan was run"}}},
        "invocations": [
            {"executionSuccessful": not failed, "toolExecutionNotifications": failed},
        ],
        "results": Streamed(
            Chained(report.rows, report.hidden), lambda each: _result(each, number)
        ),
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json_pieces(document)


def _rule(name: str, facts: RuleFacts) -> dict[str, object]:
    rule: dict[str, object] = {
        "id": name,
        "name": "".join(part.capitalize() for part in name.split("-")),
        "shortDescription": {"text": facts.title},
        "fullDescription": {"text": f"{facts.title}. Remove it from the file, and replace it."},
        "help": {
            "text": f"{facts.title}: whoever reads the file can use it. Take it out, replace it at"
            " its issuer, and keep it in a vault. Not a secret? Write credguard:allow in a comment"
            " on its line."
        },
        "defaultConfiguration": {"level": LEVELS[facts.severity]},
        "properties": {
            "tags": ["security", "secret", "external/cwe/cwe-798"],
            "precision": _PRECISION[facts.confidence],
            "security-severity": SCORES[facts.severity],
        },
    }
    if facts.source.startswith("https://"):
        rule["helpUri"] = facts.source
    return rule


def _place(where: str, region: dict[str, int] | None = None) -> dict[str, object]:
    artifact = {"uri": where}
    if not where.startswith("file:"):
        artifact["uriBaseId"] = "%SRCROOT%"
    physical: dict[str, object] = {"artifactLocation": artifact}
    if region:
        physical["region"] = region
    return {"physicalLocation": physical}


def _result(each: Row, number: dict[str, int]) -> dict[str, object]:
    region = {"startLine": each.line, "startColumn": each.column, "endLine": each.end}
    if each.end_column:
        region["endColumn"] = each.end_column
    result: dict[str, object] = {
        "ruleId": each.rule,
        "ruleIndex": number[each.rule],
        "level": LEVELS[each.severity],
        "message": {"text": message(each)},
        "locations": [_place(uri(each.raw_path), region)],
        "properties": {"confidence": each.confidence},
    }
    if each.fingerprint:
        result["partialFingerprints"] = {"credguardFinding/v1": each.fingerprint}
    if each.hidden:
        kind = "external" if ".credguard.toml" in each.hidden else "inSource"
        result["suppressions"] = [{"kind": kind, "justification": each.hidden}]
    return result
