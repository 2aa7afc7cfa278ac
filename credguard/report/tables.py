"""Findings for spreadsheets, test reports and CI: CSV, JUnit XML, GitHub's and GitLab's forms."""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from operator import attrgetter
from xml.sax.saxutils import escape, quoteattr

from credguard.report.model import Report, Row, message
from credguard.report.streamed import Streamed, json_pieces

_COLUMNS = (
    "path", "line", "end", "column", "rule", "title", "confidence", "severity", "fingerprint",
    "masked", "via", "status",
)  # fmt: skip
# What a spreadsheet takes for a formula: OWASP, CSV injection.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_BATCH = 500  # rows of a table written at once


def findings_csv(report: Report) -> Iterator[str]:
    """RFC 4180 with a header; a cell that a spreadsheet would run as a formula begins with '."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    rows = map(attrgetter(*_COLUMNS), report.rows)
    while batch := list(islice(rows, _BATCH)):
        columns = zip(*batch, strict=True)
        writer.writerows(zip(*map(_cells, columns), strict=True))
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()


def _cells(column: tuple[object, ...]) -> Iterable[object]:
    """The cells of a column of the table, none of which a spreadsheet would run."""
    risky = {each for each in set(column) if isinstance(each, str) and each.startswith(_FORMULA)}
    return (f"'{each}" if each in risky else each for each in column) if risky else column


def findings_junit(report: Report) -> Iterator[str]:
    """One suite: a failing case for each finding, an error for what was not read, else one pass."""
    failures, errors = len(report.rows), len(report.unread)
    counts = f'tests="{failures + errors or 1}" failures="{failures}" errors="{errors}"'
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuites name="credguard" {counts}>\n  <testsuite name="credguard" {counts}>\n'
    )
    for each in report.rows:
        yield _junit_case(each)
    for path, why in report.unread:
        yield (
            f'    <testcase classname={quoteattr(_xml(path))} name="read">\n'
            f"      <error message={quoteattr(_xml(why))}/>\n    </testcase>\n"
        )
    if not failures and not errors:
        yield '    <testcase classname="credguard" name="no secrets"/>\n'
    yield "  </testsuite>\n</testsuites>\n"


def _junit_case(each: Row) -> str:
    name = f"{each.rule} at line {each.line}, column {each.column}"
    what = quoteattr(_xml(message(each)))
    body = f"{each.path}:{each.line}:{each.column}: {message(each)}"
    return (
        f"    <testcase classname={quoteattr(_xml(each.path))} name={quoteattr(_xml(name))}>\n"
        f"      <failure type={quoteattr(_xml(each.rule))} message={what}>"
        f"{escape(_xml(body))}</failure>\n    </testcase>\n"
    )


def _xml(text: str) -> str:
    """`text` without what XML 1.0 does not allow at all; rows are printable, names nearly so."""
    return "".join(
        each
        if each in "\t\n\r"
        or " " <= each <= "\ud7ff"
        or "\ue000" <= each <= "\ufffd"
        or each >= "\U00010000"
        else "\ufffd"
        for each in text
    )


def findings_github(report: Report) -> Iterator[str]:
    """Workflow commands that GitHub Actions turns into annotations, one line each.

    Escaped as actions/toolkit does (packages/core/src/command.ts).
    """
    level = {"critical": "error", "high": "error", "medium": "warning", "low": "notice"}
    for each in report.rows:
        place = _property(each.path.removeprefix("./"))
        where = f"file={place},line={each.line},endLine={each.end},col={each.column}"
        if each.end_column:
            where += f",endColumn={each.end_column}"
        title = _property(f"credguard: {each.rule}")
        yield f"::{level[each.severity]} {where},title={title}::{_data(message(each))}\n"
    for path, why in report.unread:
        yield f"::warning file={_property(path)}::{_data(f'not read: {why}')}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def findings_gitlab(report: Report, started: float, ended: float) -> Iterator[str]:
    """GitLab's secret detection report, schema 15: docs.gitlab.com and its security-report-schemas.

    `started`, `ended`: Unix seconds; shown in UTC as the schema asks.
    """
    scanner = {
        "id": "credguard",
        "name": "credguard",
        "version": report.version,
        "vendor": {"name": "credguard"},
    }
    document = {
        "version": "15.2.1",
        "scan": {
            "analyzer": scanner,
            "scanner": scanner,
            "type": "secret_detection",
            "start_time": _moment(started),
            "end_time": _moment(ended),
            "status": "failure" if report.unread else "success",
            "messages": [
                {"level": "warn", "value": f"not read: {path}: {why}"}
                for path, why in report.unread
            ],
        },
        "vulnerabilities": Streamed(report.rows, _vulnerability),
    }
    return json_pieces(document)


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _vulnerability(each: Row) -> dict[str, object]:
    named = f"{each.path}\0{each.line}\0{each.column}\0{each.rule}\0{each.fingerprint}"
    return {
        "id": hashlib.sha256(named.encode("utf-8", "backslashreplace")).hexdigest(),
        "name": each.title,
        "description": message(each),
        "severity": each.severity.capitalize(),
        "solution": "Take it out of the file and replace it at its issuer.",
        "location": {
            "file": each.path.removeprefix("./"),
            "start_line": each.line,
            "end_line": each.end,
            "commit": {"sha": "0" * 40},
        },
        "identifiers": [
            {"type": "credguard_rule_id", "name": f"credguard {each.rule}", "value": each.rule}
        ],
    }
