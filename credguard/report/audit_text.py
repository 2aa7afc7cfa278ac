"""An audit for a person: what is wrong, why it matters, what to do, in the order of the list."""

import textwrap
from collections.abc import Callable, Iterator
from datetime import datetime

from credguard.audit.model import FAIL, NA, PASS, UNKNOWN, WAIVED
from credguard.report.audit import Audit, CheckRow, Row, counts, policy
from credguard.report.text import printable

# (text, colour or "", bold) -> text as the terminal shows it.
Paint = Callable[[str, str, bool], str]
_COLOURS = {FAIL: "red", UNKNOWN: "yellow", PASS: "green", WAIVED: "blue", NA: ""}
_SEVERE = {"critical": "red", "high": "red", "medium": "yellow", "low": ""}
_MOST = 5
_INDENT = 8
_ACCEPT = "what you accept, with a reason and an end: credguard audit waive --help"


def plain(text: str, _colour: str, _bold: bool) -> str:
    """No colour."""
    return text


def audit_text(audit: Audit, width: int, paint: Paint = plain, *, every: bool = False) -> str:
    """The report. `every`: each thing of a check, and what is well."""
    lines = [*_head(audit, width, paint), ""]
    checks = {each.id: each for each in audit.checks}
    by_check: dict[str, list[Row]] = {}
    for each in audit.results:
        by_check.setdefault(each.check, []).append(each)
    tip = ""
    for name, rows in by_check.items():
        shown = _shown(rows, every=every)
        check = checks[name]
        if check.tip != tip and (shown or every):
            tip = check.tip
            lines += [paint(check.tip_title, "", True)]
        if shown:
            lines += [*_check(check, shown, width, paint, every=every), ""]
    lines += _unknown(audit, width, paint)
    lines += _change(audit, checks, width, paint)
    lines += [
        each for note in audit.notes for each in _wrapped(printable(f"note: {note}"), width, 0)
    ]
    if counts(audit)[FAIL]:
        lines += _wrapped(_ACCEPT, width, 0)
    lines += [_summary(audit, paint)]
    return "\n".join(lines) + "\n"


def _local(at: float) -> datetime:
    return datetime.fromtimestamp(at).astimezone()


def _head(audit: Audit, width: int, paint: Paint) -> Iterator[str]:
    at = f"{_local(audit.at):%Y-%m-%d %H:%M}"
    scope = "your own user" if audit.scope == "self" else f"account {audit.account}"
    number = len(audit.regions)
    where = ", ".join(audit.regions) if number <= 3 else f"{number} regions"
    yield from (paint(line, "", True) for line in _wrapped(f"Audit of {scope}, {at}", width, 0))
    yield from _wrapped(f"as {audit.caller}; {where}", width, 0)


def _shown(rows: list[Row], *, every: bool) -> list[Row]:
    if every:
        return rows
    return [each for each in rows if each.status in (FAIL, WAIVED)]


def _check(
    check: CheckRow, rows: list[Row], width: int, paint: Paint, *, every: bool
) -> Iterator[str]:
    failed = [each for each in rows if each.status == FAIL]
    severity = check.severity if failed else ""
    ids = " ".join(part for part in (check.id, severity, *check.security_hub) if part)
    for line in _wrapped(f"{check.title}  [{ids}]", width, 2):
        red = paint(severity, _SEVERE[check.severity], False)
        yield line.replace(f" {severity}", f" {red}", 1) if severity else line
    remedies: dict[str, None] = {}
    limit = len(rows) if every else _MOST
    for each in rows[:limit]:
        mark = paint(f"{each.status:<7}", _COLOURS.get(each.status, ""), False)
        where = f" [{each.region}]" if each.region else ""
        text = _wrapped(f"{each.evidence}{where}", width, 12)
        yield f"    {mark} {text[0].lstrip()}"
        yield from text[1:]
        if each.waiver:
            yield from _wrapped(f"waived {each.waiver}", width, 12)
        if each.status == FAIL:
            remedies["\n".join(each.remedy)] = None
    if len(rows) > limit:
        yield f"            and {len(rows) - limit} more, see them: credguard audit --verbose"
    if failed:
        yield from _wrapped(f"why: {check.why}", width, _INDENT)
        before: list[str] = []
        for text_of in remedies:
            lines = text_of.split("\n")
            # How one begins is said once, not for each thing anew.
            yield from _remedy(lines, _alike(before, lines), width, paint)
            before = lines


def _alike(before: list[str], lines: list[str]) -> int:
    """With how many lines both begin."""
    same = (one == other for one, other in zip(before, lines, strict=False))
    return next(
        (number for number, each in enumerate(same) if not each), min(len(before), len(lines))
    )


def _remedy(lines: list[str], said: int, width: int, paint: Paint) -> Iterator[str]:
    for number, line in enumerate(lines):
        if number < said:
            continue
        if line.startswith("run: "):
            # A command stays on its line, so that it can be copied whole.
            yield " " * _INDENT + paint("$ " + line.removeprefix("run: "), "cyan", False)
        else:
            yield from _wrapped(f"do: {line}" if number == 0 else line, width, _INDENT)


def _unknown(audit: Audit, width: int, paint: Paint) -> Iterator[str]:
    rows = [each for each in audit.results if each.status == UNKNOWN]
    if not rows:
        return
    yield paint("Could not be told", "yellow", True)
    reasons: dict[str, list[Row]] = {}
    for each in rows:
        reasons.setdefault(each.evidence, []).append(each)
    for why, alike in reasons.items():
        names = list(dict.fromkeys(each.check for each in alike))
        yield from _wrapped(f"{', '.join(names)}: {why}", width, 2)
    if audit.asks:
        yield ""
        yield from _wrapped("ask an administrator for this policy, then run it again:", width, 2)
        yield from (f"  {line}" for line in policy(audit.asks).split("\n"))
    yield ""


def _change(audit: Audit, checks: dict[str, CheckRow], width: int, paint: Paint) -> Iterator[str]:
    change = audit.change
    if change is None or not (change.worse or change.better):
        return
    day = f"{_local(change.since):%Y-%m-%d}"
    yield paint(f"Since the audit of {day}", "", True)
    for keys, word, colour in ((change.worse, "worse", "red"), (change.better, "better", "green")):
        for check, region, resource in keys[:_MOST]:
            title = checks[check].title if check in checks else check
            name = resource.rpartition(":")[2] + (f" [{region}]" if region else "")
            text = _wrapped(f"{title}: {name}", width, 12)
            yield f"    {paint(f'{word:<7}', colour, False)} {text[0].lstrip()}"
            yield from text[1:]
        if len(keys) > _MOST:
            yield f"            and {len(keys) - _MOST} more {word}"
    yield ""


def _summary(audit: Audit, paint: Paint) -> str:
    found = counts(audit)
    words = {FAIL: "wrong", UNKNOWN: "not told", WAIVED: "waived", PASS: "well", NA: "no concern"}
    parts = [
        paint(f"{found[status]} {word}", _COLOURS[status], status == FAIL)
        for status, word in words.items()
        if found[status]
    ]
    return ", ".join(parts) or "nothing was checked"


def _wrapped(text: str, width: int, indent: int) -> list[str]:
    wrapped = textwrap.wrap(
        text, max(20, width - indent), break_long_words=False, break_on_hyphens=False
    )
    return [" " * indent + line for line in wrapped] or [""]


def stats_text(audit: Audit) -> str:
    """How many requests it took, operation by operation."""
    lines = [f"{audit.calls} requests in {audit.took:.1f} s"]
    lines += [f"  {number:>5}  {name}" for name, number in sorted(audit.calls_by.items())]
    return "\n".join(lines) + "\n"
