"""What every report of findings is made from. Pure data; no value of a secret is in it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from credguard.report.text import path_text, printable
from credguard.report.why import why
from credguard.scan.model import CONFIDENCE_NAMES, Finding
from credguard.secret import mask

_PLAIN = b"/-._~!ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """A rule in words. `severity`: low, medium, high, critical; `source`: the vendor's page, or "".

    `confidence`: low, medium, high.
    """

    title: str
    severity: str
    confidence: str
    source: str = ""


class Row(NamedTuple):
    """One finding, ready to be shown: every text is printable, and the value is masked.

    `path` is as it was given, `raw_path` its bytes; `line` to `end` count from 1, `column` too, in
    characters. `end_column`: the first after it; 0 where the value does not stand there as it is.
    `via`: what had to be decoded. `why`: what speaks for it. `status`: what its service said of it:
    active, inactive, unknown, or "" where it was not asked. `hidden`: what lets it pass, or "".
    `commit`, `author`, `date` (ISO 8601): what brought it in, "" where no history was scanned.
    """

    raw_path: bytes
    path: str
    line: int
    end: int
    column: int
    end_column: int
    rule: str
    title: str
    confidence: str
    severity: str
    fingerprint: str
    masked: str
    via: str = ""
    why: str = ""
    status: str = ""
    status_detail: str = ""
    hidden: str = ""
    commit: str = ""
    author: str = ""
    date: str = ""


@dataclass(slots=True)
class Report:
    """A scan's outcome. `unread`: names and why; `scanned`: how many of `noun`, of which
    `unchanged` were known to be clean; `version`: ours.

    `rows` may lie on the disk: go through them. `hidden`: what marks and settings let pass.
    `rules`: facts of every rule there is, by id. `known`: how many the baseline hides; `notes`:
    what else a person must be told.
    """

    rows: Collection[Row]
    version: str
    rules: Mapping[str, RuleFacts] = field(default_factory=dict)
    unread: list[tuple[str, str]] = field(default_factory=list)
    scanned: int = 0
    hidden: Collection[Row] = field(default_factory=list)
    known: int = 0
    notes: list[str] = field(default_factory=list)
    noun: str = "file"
    unchanged: int = 0

    def all_rows(self) -> Iterator[Row]:
        """`rows`, then `hidden`."""
        yield from self.rows
        yield from self.hidden


_path_text = lru_cache(maxsize=256)(path_text)
_printable = lru_cache(maxsize=256)(printable)


def row(
    finding: Finding,
    rules: Mapping[str, RuleFacts],
    fingerprint: str = "",
    *,
    status: str = "",
    status_detail: str = "",
    hidden: str = "",
    all_signals: bool = False,
) -> Row:
    """`finding` ready to be shown. `all_signals`: `why` tells every one, with its weight."""
    text = finding.value.decode("utf-8", "replace")
    severity = finding.severity
    if not severity:
        facts = rules.get(finding.rule_id)
        severity = facts.severity if facts else "high"
    commit = finding.commit
    # By place: with names it takes twice as long, and there may be half a million.
    return Row(
        finding.path,
        _path_text(finding.path),
        finding.line,
        finding.end_line,
        finding.column,
        0 if finding.via or "\n" in text else finding.column + len(text),
        finding.rule_id,
        _printable(finding.title),
        CONFIDENCE_NAMES[finding.confidence],
        severity,
        fingerprint,
        printable(mask(text)),
        printable(finding.via) if finding.via else "",
        printable(why(finding, all_signals=all_signals)) if finding.signals or all_signals else "",
        status,
        printable(status_detail) if status_detail else "",
        printable(hidden) if hidden else "",
        commit.oid if commit else "",
        printable(commit.author) if commit else "",
        commit.date if commit else "",
    )


def message(each: Row) -> str:
    """The finding in words, one line: what it is, how sure, its mask, its service's answer."""
    said = f"{each.title} ({each.masked}), {each.confidence} confidence"
    if each.via:
        said += f", found in {each.via}"
    if each.status:
        said += f"; its service says: {each.status}"
    return said


def uri(path: bytes) -> str:
    """`path` as a relative or file: URI reference (RFC 3986), each byte kept."""
    while path.startswith(b"./"):
        path = path[2:].lstrip(b"/")
    quoted = "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in (path or b"."))
    return f"file://{quoted}" if quoted.startswith("/") else quoted
