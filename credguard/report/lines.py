"""Findings for a person, masked: one line each in a pipe, some short ones on a terminal."""

import textwrap
from collections.abc import Iterator

from credguard.report.model import Report, Row

_COLOURS = {"critical": "1;31", "high": "31", "medium": "33", "low": "36"}
_NARROWEST = 40


def findings_text(report: Report, *, width: int = 0, colour: bool = False) -> Iterator[str]:
    """Each finding: place, rule, confidence, masked value, the rule in words, and why.

    `width`: columns of the terminal, which no line passes; 0: a pipe, one line a finding. Piece by
    piece, the last ends with a line end. What was let pass (`report.hidden`) follows with what lets
    it pass.
    """
    for each in report.all_rows():
        yield _block(each, max(width, _NARROWEST), colour) if width else _line(each)


def _line(each: Row) -> str:
    said = (
        f"{each.path}:{each.line}:{each.column}  {each.rule}  {each.confidence}  {each.masked}"
        f"  {each.title}"
    )
    return said + "".join(f"; {part}" for part in _reasons(each)) + "\n"


def _reasons(each: Row) -> list[str]:
    found = [f"in {each.via}"] if each.via else []
    if each.commit:
        found.append(f"since {each.commit[:12]}, {each.date[:10]}, {each.author}")
    if each.status:
        found.append(f"{each.status}{f' ({each.status_detail})' if each.status_detail else ''}")
    if each.why:
        found.append(each.why)
    if each.hidden:
        found.append(f"allowed by {each.hidden}")
    return found


def _block(each: Row, width: int, colour: bool) -> str:
    """The place, then, indented, what it is; folded at `width`."""

    def paint(code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if colour else text

    place = f"{each.path}:{each.line}:{each.column}"
    head = [
        paint("1", part)
        for part in textwrap.wrap(place, width, break_on_hyphens=False, drop_whitespace=False)
    ]
    about = f"{each.title}  {each.masked}"
    folded = textwrap.wrap(about, width - 2, break_on_hyphens=False)
    tone = "2" if each.hidden else _COLOURS.get(each.severity, "31")
    body = [f"  {paint(tone, part)}" for part in folded]
    detail = ", ".join([each.rule, f"{each.confidence} confidence", *_reasons(each)])
    body += [
        f"  {paint('2', part)}" for part in textwrap.wrap(detail, width - 2, break_on_hyphens=False)
    ]
    return "\n".join([*head, *body]) + "\n"
