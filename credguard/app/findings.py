"""Use case: what was found, as a report: known ones left out, fingerprints, services asked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from credguard import __version__
from credguard.errors import CredguardError, StoreError
from credguard.report.model import Report, Row, RuleFacts, row
from credguard.report.text import path_text
from credguard.scan.fingerprint import COMMITTED_BITS, REPORT_BITS, Fingerprints
from credguard.sources.settings import root_of

if TYPE_CHECKING:
    from credguard.app.baseline import Known
    from credguard.app.spool import Rows
    from credguard.scan.model import Finding

FORMATS = ("text", "json", "jsonl", "sarif", "csv", "junit", "html", "github", "gitlab")
_KEYED = frozenset(FORMATS) - {"text", "junit", "html", "github"}
"""Formats in which fingerprints are shown."""


_PIECE = 64 << 10  # characters written at a time


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a service says of a secret: active, inactive or unknown, and more in words."""

    status: str
    detail: str = ""


class Maker:
    """Makes a report; takes findings out of memory before there are too many (`scan.Spill`)."""

    def __init__(
        self, style: str, known: Known | None = None, *, all_signals: bool = False
    ) -> None:
        """A report in `style` (one of FORMATS), without what the baseline `known` has.

        `all_signals`: tell every reason with its weight. Raises CredguardError.
        """
        self._style, self._known, self._all_signals = style, known, all_signals
        self._notes: list[str] = []
        self._prints = _Prints(known, self._notes) if style in _KEYED else None
        self._facts: dict[str, RuleFacts] = {}
        self._rows: Rows | None = None
        self._hidden: Rows | None = None
        self._taken = self._known_count = self._real = 0

    def take(self, found: list[Finding]) -> None:
        """Keep rows of the next findings on the disk. Raises CredguardError."""
        from credguard.app.spool import Rows

        if self._rows is None:
            self._rows, self._hidden = Rows(), Rows()
            self._facts = _facts(None)
        for number, each in enumerate(found, self._taken):
            row = self._row(each)
            if row is not None:
                self._of(each).append(number, row)
        self._taken += len(found)

    def amend(self, number: int, finding: Finding) -> None:
        """The one of that number is another now."""
        row = self._row(finding, counted=False)
        if row is not None:
            self._of(finding).amend(number, row)

    def insert(self, number: int, finding: Finding) -> None:
        """One more before that of this number."""
        row = self._row(finding)
        if row is not None:
            self._of(finding).insert(number, row)

    def _of(self, finding: Finding) -> Rows:
        rows = self._hidden if finding.allowed else self._rows
        if rows is None:
            raise ValueError("nothing was taken")
        return rows

    def report(
        self,
        found: list[Finding],
        unread: list[tuple[bytes, str]],
        scanned: int,
        verified: Mapping[int, Verdict] | None = None,
    ) -> Report:
        """Of what was taken, and `found` after it. `verified`: by `id` of a finding.

        Raises CredguardError.
        """
        rows: list[Row] = []
        hidden: list[Row] = []
        if self._rows is not None:
            self.take(found)
        else:
            every = self._style == "sarif"
            self._facts = _facts(None if every else {each.rule_id for each in found})
            for each in found:
                row = self._row(each, (verified or {}).get(id(each)))
                if row is not None:
                    (hidden if each.allowed else rows).append(row)
        report = Report(self._rows or rows, __version__, self._facts, scanned=scanned)
        report.hidden = self._hidden or hidden
        report.unread = [(path_text(path), why) for path, why in unread]
        report.known = self._known_count
        report.notes = self._notes
        if self._real:
            report.notes.append(f"{self._real} known in the baseline as real secrets: replace them")
        return report

    def _row(
        self, finding: Finding, verdict: Verdict | None = None, *, counted: bool = True
    ) -> Row | None:
        """None: the baseline knows it."""
        if not finding.allowed and self._known is not None:
            said = self._known.verdict(finding)
            if said is not None:
                from credguard.scan.baseline import SECRET

                self._known_count += counted
                self._real += counted and said == SECRET
                return None
        return row(
            finding,
            self._facts,
            self._prints(finding) if self._prints else "",
            status=verdict.status if verdict else "",
            status_detail=verdict.detail if verdict else "",
            hidden=finding.allowed,
            all_signals=self._all_signals,
        )


def _facts(wanted: set[str] | None) -> dict[str, RuleFacts]:
    """Of `wanted` at least; None: of every rule there is."""
    from credguard.sources.rulefacts import rule_facts

    try:
        return rule_facts(wanted) if wanted is None or wanted else {}
    except OSError as exc:
        raise CredguardError(
            f"the rules cannot be read: {exc.strerror}", hint="run ./install.sh again"
        ) from exc


class _Prints:
    """Fingerprints of findings: under the baseline's key where there is one, else this machine's.

    A report made with a baseline may be read by whoever reads the baseline and its key, so it
    holds no more bits than the baseline does.
    """

    def __init__(self, known: Known | None, notes: list[str]) -> None:
        self._known = known
        self._roots: dict[bytes, bytes] = {}
        self._last = (b"", b"")  # a path, and as it is in its repository
        if known is not None:
            self._prints = Fingerprints(known.baseline.keys[0], COMMITTED_BITS)
            return
        from credguard.store.fingerprint_key import fingerprint_key

        try:
            key = fingerprint_key()
        except StoreError as exc:
            notes.append(f"fingerprints hold for this report only: {exc}")
            key = os.urandom(32)
        self._prints = Fingerprints(key, REPORT_BITS)

    def __call__(self, finding: Finding) -> str:
        if self._known is not None:
            return self._prints.of(finding, self._known.inside(finding.path))
        if finding.path != self._last[0]:
            place = os.path.abspath(finding.path)
            folder = os.path.dirname(place)
            if folder not in self._roots:
                self._roots[folder] = root_of(folder)
            self._last = (finding.path, os.path.relpath(place, self._roots[folder]))
        return self._prints.of(finding, self._last[1])


def rendered(
    report: Report, style: str, *, width: int = 0, colour: bool = False,
    started: float = 0.0, ended: float = 0.0,
) -> str:  # fmt: skip
    """What `pieces` gives, in one."""
    return "".join(pieces(report, style, width=width, colour=colour, started=started, ended=ended))


def pieces(
    report: Report, style: str, *, width: int = 0, colour: bool = False,
    started: float = 0.0, ended: float = 0.0,
) -> Iterator[str]:  # fmt: skip
    """`report` in `style`, piece by piece; none where that style says nothing when clean.

    `started`, `ended`: Unix seconds of the scan, which GitLab's form tells.
    """
    parts: list[str] = []
    size = 0
    for part in _parts(report, style, width, colour, started, ended):
        parts.append(part)
        size += len(part)
        if size >= _PIECE:
            yield "".join(parts)
            parts, size = [], 0
    if parts:
        yield "".join(parts)


def _parts(
    report: Report, style: str, width: int, colour: bool, started: float, ended: float
) -> Iterator[str]:
    if style == "text":
        from credguard.report.lines import findings_text

        return findings_text(report, width=width, colour=colour)
    if style in ("json", "jsonl"):
        from credguard.report import jsonv1

        return jsonv1.findings_json(report) if style == "json" else jsonv1.findings_jsonl(report)
    if style == "sarif":
        from credguard.report.sarif import findings_sarif

        return findings_sarif(report)
    if style == "html":
        from credguard.report.html import findings_html

        return findings_html(report)
    from credguard.report import tables

    if style == "gitlab":
        return tables.findings_gitlab(report, started, ended)
    makers = {
        "csv": tables.findings_csv,
        "junit": tables.findings_junit,
        "github": tables.findings_github,
    }
    return makers[style](report)


def told(report: Report, hidden: int, *, allowed: bool = False, quiet: bool = False) -> list[str]:
    """What a person is told beside `report`, line by line: problems, notes and, unless `quiet`,
    counts. `hidden`: how many marks and settings let pass; `allowed`: the report shows them.
    """
    lines = [f"credguard: not read: {name}: {why}" for name, why in report.unread]
    lines += [f"credguard: {note}" for note in report.notes]
    if quiet:
        return lines
    if report.unread:
        lines.append(f"{count(len(report.unread), 'problem')}: not all could be read")
    if report.rows:
        counted = f"{count(len(report.rows), 'secret')} in {count(report.scanned, report.noun)}"
        if report.unchanged:
            counted += f", {report.unchanged} of them clean before and unchanged"
        lines.append(counted)
    if report.known:
        lines.append(f"{report.known} known, in the baseline")
    if hidden:
        more = "" if allowed else "; see them: --show-allowed"
        lines.append(f"{hidden} allowed by marks or .credguard.toml{more}")
    return lines


def count(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {noun}" + ("" if number == 1 else "s")
