"""An audit as one page: what is wrong first, what to do, what changed, the audits before."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

from credguard.audit.model import FAIL, NA, PASS, UNKNOWN, WAIVED
from credguard.report.audit import Audit, CheckRow, Row, counts, policy
from credguard.report.audit_style import bar, cards, document, table
from credguard.report.overview import Audit as AuditRow

WORDS = {FAIL: "wrong", UNKNOWN: "not told", WAIVED: "waived", PASS: "well", NA: "no concern"}
STYLES = {FAIL: "fail", UNKNOWN: "unknown", WAIVED: "waived", PASS: "pass", NA: "na"}
ORDER = (FAIL, UNKNOWN, WAIVED, PASS, NA)
_MOST, _OPEN = 200, 8
_RANK = {"critical": 0, "high": 1, "medium": 2, "low": 3}


def audit_html(audit: Audit, trend: Sequence[AuditRow] = ()) -> str:
    """The page. `trend`: the audits of the same account, oldest first; it is left out below two."""
    found = counts(audit)
    whose = (
        f"your own user in {audit.account}" if audit.scope == "self" else f"account {audit.account}"
    )
    title = f"Audit of {whose}"
    number = len(audit.regions)
    where = ", ".join(audit.regions) if number <= 4 else f"{number} regions"
    about = f"{moment(audit.at)}, as {audit.caller}; {where}. credguard {audit.credguard}."
    body = [
        f'<h1>{escape(title)}</h1><p class="about">{escape(about)}</p>',
        cards([(str(found[each]), WORDS[each], STYLES[each]) for each in ORDER]),
        bar([(found[each], STYLES[each]) for each in ORDER], _spoken(found)),
        "".join(f'<p class="card">{escape(note)}</p>' for note in audit.notes),
        _changed(audit),
        _trend(trend),
        _asks(audit),
        _filter(),
        *_sections(audit),
    ]
    return document(f"credguard: {title}", "\n".join(body))


def moment(at: float) -> str:
    """Unix seconds as a date and a time in UTC, which the page says."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _spoken(found: dict[str, int]) -> str:
    return ", ".join(f"{found[each]} {WORDS[each]}" for each in ORDER)


def _changed(audit: Audit) -> str:
    change = audit.change
    if change is None:
        return ""
    titles = {each.id: each.title for each in audit.checks}
    rows = [
        [
            f'<b class="{style}">{word}</b>',
            escape(titles.get(check, check)),
            escape(resource + (f" [{region}]" if region else "")),
        ]
        for keys, word, style in (
            (change.worse, "worse", "fail"),
            (change.better, "better", "pass"),
        )
        for check, region, resource in keys[:_MOST]
    ]
    left = len(change.worse) + len(change.better) - len(rows)
    heading = f"<h2>Since the audit before <small>{moment(change.since)}</small></h2>"
    if not rows:
        return f'{heading}<p class="card">Nothing changed.</p>'
    more = f"<p>and {left} more</p>" if left else ""
    said = f"{len(change.worse)} got worse, {len(change.better)} got better"
    return (
        f"{heading}<details{' open' if len(rows) <= _OPEN else ''}><summary>"
        f'<span class="title">{said}</span></summary><div>'
        f"{table([('', 'nowrap'), ('Check', ''), ('Thing', 'name')], rows)}{more}</div></details>"
    )


def _trend(trend: Sequence[AuditRow]) -> str:
    """The audits over time as a plot and its numbers, a part of a page; "" below two audits."""
    if len(trend) < 2:
        return ""
    points = trend[-60:]
    rows = [
        [
            escape(moment(each.at)), str(each.failed), str(each.unknown), str(each.passed),
            str(each.worse), str(each.better),
        ]
        for each in reversed(points[-12:])
    ]  # fmt: skip
    heads = [
        ("Audit", "nowrap"), ("Wrong", "number"), ("Not told", "number"), ("Well", "number"),
        ("Got worse", "number"), ("Got better", "number"),
    ]  # fmt: skip
    return (
        f'<h2>Over time <small>{len(trend)} audits</small></h2><div class="card">{_plot(points)}'
        f"{table(heads, rows)}</div>"
    )


def _plot(points: Sequence[AuditRow]) -> str:
    width, height, left, bottom = 760.0, 170.0, 34.0, 18.0
    most = max(each.failed + each.unknown for each in points) or 1
    slot = (width - left) / len(points)
    shapes = []
    for part in (0.0, 0.5, 1.0):
        y = height - bottom - part * (height - bottom - 10)
        shapes.append(f'<line class="grid" x1="{left}" x2="{width}" y1="{y:.1f}" y2="{y:.1f}"/>')
        label = most * part
        shown = f"{label:.0f}" if label == int(label) else ""
        shapes.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{shown}</text>')
    for number, each in enumerate(points):
        x, base = left + number * slot + slot * 0.15, height - bottom
        for count, style in ((each.failed, "fail"), (each.unknown, "unknown")):
            tall = count / most * (height - bottom - 10)
            base -= tall
            tip = f"{moment(each.at)}: {count} {WORDS[FAIL if style == 'fail' else UNKNOWN]}"
            shapes.append(
                f'<rect class="{style}" x="{x:.1f}" y="{base:.1f}" height="{tall:.1f}"'
                f' width="{min(slot * 0.7, 40):.1f}"><title>{tip}</title></rect>'
            )
    for number, anchor in ((0, "start"), (len(points) - 1, "end")):
        x = left if number == 0 else width
        day = moment(points[number].at)[:10]
        shapes.append(f'<text x="{x}" y="{height - 3}" text-anchor="{anchor}">{day}</text>')
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="Wrong and not told,'
        f' audit by audit">{"".join(shapes)}</svg>'
    )


def _asks(audit: Audit) -> str:
    if not audit.asks:
        return ""
    return (
        '<h2>To ask an administrator for</h2><details><summary><span class="title">This policy lets'
        " the audit read what it could not</span></summary><div>"
        f"<pre>{escape(policy(audit.asks))}</pre></div></details>"
    )


def _filter() -> str:
    options = "".join(f'<option value="{STYLES[each]}">{WORDS[each]}</option>' for each in ORDER)
    return (
        '<form hidden><input type="search" autocomplete="off" aria-label="Show only checks that'
        ' contain" placeholder="Show only checks that contain ..."><select aria-label="Status">'
        f'<option value="">every status</option>{options}</select></form>'
    )


def _sections(audit: Audit) -> list[str]:
    by_check: dict[str, list[Row]] = {}
    for each in audit.results:
        by_check.setdefault(each.check, []).append(each)
    tips: dict[str, list[CheckRow]] = {}
    for check in audit.checks:
        if check.id in by_check:
            tips.setdefault(check.tip_title, []).append(check)
    made = []
    for title, checks in tips.items():
        rows = [row for check in checks for row in by_check[check.id]]
        said = ", ".join(
            f'<span class="{STYLES[each]}">{number} {WORDS[each]}</span>'
            for each in ORDER
            if (number := sum(row.status == each for row in rows))
        )
        checks.sort(key=lambda check: (_worst(by_check[check.id]), _RANK.get(check.severity, 9)))
        parts = "".join(_check(check, by_check[check.id]) for check in checks)
        made.append(
            f'<section class="tip"><h2>{escape(title)} <small>{said}</small></h2>{parts}</section>'
        )
    return made


def _worst(rows: list[Row]) -> int:
    return min(ORDER.index(each.status) for each in rows)


def _check(check: CheckRow, rows: list[Row]) -> str:
    status = ORDER[_worst(rows)]
    rows = sorted(rows, key=lambda each: ORDER.index(each.status))
    has = " ".join(STYLES[each] for each in ORDER if any(row.status == each for row in rows))
    ids = " ".join([check.id, *check.security_hub])
    failed = [each for each in rows if each.status == FAIL]
    cells = [
        [
            f'<span class="{STYLES[each.status]}">{each.status}</span>',
            escape(each.evidence + (f" (waived {each.waiver})" if each.waiver else ""))
            + f'<br><span class="soft">{escape(each.resource)}</span>',
            escape(each.region),
        ]
        for each in rows[:_MOST]
    ]
    more = f"<p>and {len(rows) - _MOST} more: see the JSON</p>" if len(rows) > _MOST else ""
    cis = f'<p class="soft">CIS AWS Foundations Benchmark {escape(check.cis)}</p>'
    return (
        f'<details data-status="{has}"{" open" if status == FAIL else ""}><summary>'
        f'<b class="{STYLES[status]}">{status}</b><span class="title">{escape(check.title)}</span>'
        f'<span class="ids">{escape(check.severity)}, {escape(ids)}</span></summary><div>'
        f"<p>{escape(check.why)}</p>{''.join(_remedies(failed))}"
        f"{table([('', 'nowrap'), ('What', 'name'), ('Region', 'nowrap')], cells)}{more}"
        f"{cis if check.cis else ''}</div></details>\n"
    )


def _remedies(failed: list[Row]) -> list[str]:
    """Each remedy once, its commands ready to be copied."""
    made = []
    for remedy in list(dict.fromkeys(each.remedy for each in failed))[:_MOST]:
        lines: list[str] = []
        for line in remedy:
            if line.startswith("run: "):
                lines.append(f"<pre>{escape(line.removeprefix('run: '))}</pre>")
            else:
                lines.append(f"<p>{escape(line)}</p>")
        made.append(f'<div class="do"><b>What to do</b>{"".join(lines)}</div>')
    return made
