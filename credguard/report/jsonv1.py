"""Findings for a program: JSON, version 1. Fields are added, never renamed or dropped."""

import json

from credguard.scan.model import CONFIDENCE_NAMES, Finding


def findings_json(findings: list[Finding], unread: list[tuple[bytes, str]], scanned: int) -> str:
    r"""An object: version, scanned (files), findings, unread (files and why). No secret value.

    `path` is text, bytes that are not UTF-8 as surrogate escapes turned to \\xNN; lines and columns
    count from 1, columns in bytes. A scan of history adds commit, author and date (ISO 8601).
    """
    return json.dumps(
        {
            "version": 1,
            "scanned": scanned,
            "findings": [
                {
                    "path": each.path.decode("utf-8", "backslashreplace"),
                    "line": each.line,
                    "column": each.column,
                    "end_line": each.end_line,
                    "rule": each.rule_id,
                    "title": each.title,
                    "confidence": CONFIDENCE_NAMES[each.confidence],
                    "masked": each.masked(),
                    **(
                        {
                            "commit": each.commit.oid,
                            "author": each.commit.author,
                            "date": each.commit.date,
                        }
                        if each.commit
                        else {}
                    ),
                }
                for each in findings
            ],
            "unread": [
                {"path": path.decode("utf-8", "backslashreplace"), "why": why}
                for path, why in unread
            ],
        },
        indent=2,
    )
