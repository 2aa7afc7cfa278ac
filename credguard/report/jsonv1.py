"""Findings for a program: JSON, version 1. Fields are added, never renamed or dropped."""

import json
from collections.abc import Iterator

from credguard.report.model import Report, Row
from credguard.report.streamed import Streamed, json_pieces


def _fields(each: Row) -> dict[str, object]:
    """One finding. `path` is as given; lines and columns count from 1, columns in characters."""
    fields: dict[str, object] = {
        "path": each.path,
        "line": each.line,
        "end": each.end,
        "column": each.column,
        "rule": each.rule,
        "title": each.title,
        "confidence": each.confidence,
        "severity": each.severity,
        "fingerprint": each.fingerprint,
        "masked": each.masked,
        "via": each.via,
    }
    if each.why:
        fields["why"] = each.why
    if each.status:
        fields["verified"] = each.status
        fields["verified_detail"] = each.status_detail
    if each.commit:
        fields |= {"commit": each.commit, "author": each.author, "date": each.date}
    if each.hidden:
        fields["allowed_by"] = each.hidden
    return fields


def findings_json(report: Report) -> Iterator[str]:
    r"""An object: version, scanned (files), unchanged (of them those that
    were found clean before and not read again), findings, unread (files and why). No secret value.

    `path` is text; bytes that are not UTF-8 and control characters are turned to \\xNN.
    """
    document: dict[str, object] = {
        "version": 1,
        "scanned": report.scanned,
        "unchanged": report.unchanged,
        "findings": Streamed(report.rows, lambda each: {**_fields(each), "end_line": each.end}),
        "unread": [{"path": path, "why": why} for path, why in report.unread],
        "known": report.known,
        "allowed": Streamed(report.hidden, _fields),
    }
    return json_pieces(document)


def findings_jsonl(report: Report) -> Iterator[str]:
    """One finding a line, each an object; nothing where there is none."""
    return (json.dumps(_fields(each)) + "\n" for each in report.rows)
