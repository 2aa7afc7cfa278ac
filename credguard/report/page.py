"""The report as one page: inline SVG, no script, no request, light, dark and on paper."""

from html import escape

from credguard.report import plots
from credguard.report.cells import Look
from credguard.report.history import KINDS, History
from credguard.report.overview import UNKNOWN
from credguard.report.screen import needs, users
from credguard.report.text import printable
from credguard.report.when import later, minute

_DAY = 86400.0
_ROWS = 100
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
# Categorical colours: Okabe and Ito, Color Universal Design, 2008; lighter ones on dark.
_STYLE = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--text:#1a1f27;--soft:#5b6573;--line:#e0e4ea;
--good:#1a7f4b;--warn:#8a6100;--bad:#b3261e;--c0:#0072b2;--c1:#c05a00;--c2:#00805f;--c3:#a34e82;
--c4:#7a6a00;--c5:#3a7ca5}
@media(prefers-color-scheme:dark){:root{--bg:#12151a;--card:#1a1f26;--text:#e8ebef;--soft:#9aa5b3;
--line:#2c333d;--good:#63cf97;--warn:#e8bf5a;--bad:#ff8a80;--c0:#5ab4f0;--c1:#ff9d52;--c2:#4fd1a5;
--c3:#e59ac8;--c4:#d8c74a;--c5:#8fc7e8}}
@media print{:root{--bg:#fff;--card:#fff;--text:#000;--soft:#444;--line:#bbb;--good:#1a7f4b;
--warn:#8a6100;--bad:#b3261e;--c0:#0072b2;--c1:#c05a00;--c2:#00805f;--c3:#a34e82;--c4:#7a6a00;
--c5:#3a7ca5}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:15px/1.5 system-ui,sans-serif}
main{max-width:1120px;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.6rem;margin:0 0 .25rem}h2{font-size:1.1rem;margin:0 0 .5rem}
p.about{color:var(--soft);margin:0 0 1.5rem}
ul.counts{list-style:none;display:flex;flex-wrap:wrap;gap:.75rem;padding:0;margin:0 0 1.5rem}
ul.counts li{background:var(--card);border:1px solid var(--line);border-radius:10px;
padding:.6rem 1rem;min-width:7rem;flex:1 1 8.5rem}
ul.counts b{display:block;font-size:1.5rem;line-height:1.2}
ul.counts b.word{font-size:1.05rem;line-height:1.8rem}
ul.counts span{color:var(--soft);font-size:.85rem}
.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1rem 1.1rem;
margin:0 0 1.25rem;break-inside:avoid}
section p{color:var(--soft);margin:.25rem 0 .75rem}
ul.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;padding:0;margin:0 0 .5rem;
font-size:.85rem;color:var(--soft)}
ul.legend li{display:flex;align-items:center;gap:.4rem}
i.swatch{width:1rem;height:.25rem;border-radius:2px;background:currentColor;display:inline-block}
i.block{height:.7rem}
svg{display:block;width:100%;height:auto}
svg.mark{width:16px;flex:none}
svg text{fill:var(--soft);font:11px system-ui,sans-serif}
.slim{display:none}
.grid{stroke:var(--line)}.tick,.zero{stroke:var(--soft)}
.line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round}
.again{stroke-dasharray:7 3}.unsure{stroke-dasharray:2 4}.dot{fill:currentColor}
line.limit{stroke:var(--bad);stroke-dasharray:6 4}
svg text.limit{fill:var(--bad);paint-order:stroke;stroke:var(--card);
stroke-width:4px}
.c0{color:var(--c0)}.c1{color:var(--c1)}.c2{color:var(--c2)}.c3{color:var(--c3)}
.c4{color:var(--c4)}.c5{color:var(--c5)}
.k0{fill:var(--good)}.k1{fill:var(--bad)}.k2{fill:var(--warn)}.k3{fill:var(--c0)}.k4{fill:var(--c3)}
.came{fill:var(--c1)}.went{fill:var(--c2)}.open{color:var(--text);stroke-width:1.5}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.45rem .8rem .45rem 0;border-bottom:1px solid var(--line);
vertical-align:top}
th{font-size:.85rem;color:var(--soft);font-weight:600}
tbody tr:last-child td{border-bottom:0}
td.path{font-family:ui-monospace,monospace;font-size:.85rem;overflow-wrap:anywhere;min-width:12rem}
td.date{white-space:nowrap}
code{font-family:ui-monospace,monospace;font-size:.85rem;white-space:nowrap}
@media(max-width:640px){main{padding:1.25rem .75rem 3rem}.wide{display:none}.slim{display:block}
ul.counts b{font-size:1.2rem}th,td,td code{font-size:.8rem}th,td{padding-right:.5rem}
td.path{min-width:6rem}td code{white-space:normal;overflow-wrap:anywhere}}
@media print{main{max-width:none;padding:0}body,svg{print-color-adjust:exact;
-webkit-print-color-adjust:exact}.wide{display:block}.slim{display:none}.scroll{overflow:visible}}
"""


def page(history: History) -> str:
    """The page. Its policy forbids every request and every script; values are masked."""
    now = history.status.now
    span = f"{_day(history.since)} to {_day(now)}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>credguard: {span}</title><style>{_STYLE}</style></head>\n<body><main>"
        f'<h1>Keys and findings</h1><p class="about">{span}. credguard {escape(history.version)}. '
        "No secret is on this page: key ids are shortened, found values masked.</p>"
        f"{_cards(history)}\n{_unread(history)}{_ages(history)}\n{_found(history)}\n"
        f"{_rotations(history)}\n{_audits(history)}\n{_key_table(history)}\n"
        f"{_rotation_table(history)}\n{_finding_table(history)}</main></body></html>\n"
    )


def _cards(history: History) -> str:
    status = history.status
    keys = {each.key_id: each for each in status.keys}.values()
    ages = [each.age_days for each in keys if each.age_days is not None]
    limit = None if history.max_age is None else history.max_age / _DAY
    oldest, style = UNKNOWN if keys else "-", "warn" if keys else ""
    if ages and len(ages) == len(keys):
        oldest = f"{max(ages):.0f} d"
        style = "bad" if limit is not None and max(ages) >= limit else "good"
    done = sum(each.kind in ("replaced", "emergency") for each in history.rotations)
    rows = [
        (str(len(keys)), "keys" if len(keys) != 1 else "key", ""),
        (oldest, "the oldest", style),
        (str(done), "rotations" if done != 1 else "rotation", ""),
        (
            str(len(status.open_findings)),
            "open findings" if len(status.open_findings) != 1 else "open finding",
            "bad" if status.open_findings else "good",
        ),
        (str(len(needs(status))), "to look at", "warn" if needs(status) else "good"),
    ]
    cells = "".join(
        f'<li><b class="{style}{" word" if number == UNKNOWN else ""}">{escape(number)}</b>'
        f"<span>{name}</span></li>"
        for number, name, style in rows
    )
    return f'<ul class="counts">{cells}</ul>'


def _unread(history: History) -> str:
    if not history.status.unreadable:
        return ""
    rows = "".join(f"<li>{_text(each)}</li>" for each in history.status.unreadable)
    title = "Not readable, so nothing can be told"
    return f'<section><h2 class="bad">{title}</h2><ul>{rows}</ul></section>'


def _section(title: str, about: str, legend: str, body: str) -> str:
    listed = f'<ul class="legend">{legend}</ul>' if legend else ""
    return f"<section><h2>{title}</h2><p>{about}</p>{listed}{body}</section>"


def _ages(history: History) -> str:
    if not history.keys:
        return _section("Key ages", "No key is in the vault, and none was.", "", "")
    legend = "".join(
        f'<li class="c{number % plots.COLOURS}"><i class="swatch"></i><span>{_text(line.name)}'
        "</span></li>"
        for number, line in enumerate(history.keys)
    )
    about = "How old the key in use was. A rotation takes it back to zero."
    if any(not use.sure for line in history.keys for use in line.uses):
        about += " Dotted: when that key was made is not known, so it may be older."
    return _section("Key ages", about, legend, plots.both(plots.ages, history))


def _found(history: History) -> str:
    came = sum(each.opened >= history.since for each in history.findings)
    went = sum(each.closed is not None for each in history.findings)
    about = f"Secrets seen in watched files: {came} came, {went} went."
    words = {
        "resolved": "edited out",
        "allowed": "allowed",
        "rotated": "of a key that was replaced",
    }
    ways = [
        (sum(each.how == how for each in history.findings), word) for how, word in words.items()
    ]
    if any(number for number, _ in ways):
        about = about[:-1] + ": " + ", ".join(f"{n} {word}" for n, word in ways if n) + "."
    if history.in_commits:
        about += f" {history.in_commits} in commits came past the hooks."
    if not history.status.watched and not history.findings:
        return _section("Findings", "UNKNOWN: no folder is watched.", "", "")
    legend = (
        '<li><i class="swatch block" style="background:var(--c1)"></i>came</li>'
        '<li><i class="swatch block" style="background:var(--c2)"></i>went</li>'
        '<li><i class="swatch" style="background:var(--text)"></i>open</li>'
    )
    return _section("Findings", about, legend, plots.both(plots.found, history))


def _rotations(history: History) -> str:
    if not history.rotations:
        return _section("Rotations", "No key was replaced in this time.", "", "")
    kinds = [kind for kind in KINDS if any(each.kind == kind for each in history.rotations)]
    legend = "".join(f"<li>{plots.legend_mark(kind)}{kind}</li>" for kind in kinds)
    about = "Each mark tells more under the pointer; the table below has all of it."
    return _section("Rotations", about, legend, plots.both(plots.rotations, history))


def _audits(history: History) -> str:
    if not history.audits:
        return _section("Account audits", "None was made in this time.", "", "")
    legend = (
        '<li class="c0"><i class="swatch"></i>failed</li>'
        '<li class="c1"><i class="swatch"></i>could not be told</li>'
    )
    last = history.audits[-1]
    about = f"The last one: {last.passed} passed, {last.failed} failed"
    if len(history.audits) > 1:
        about += f"; since the one before {last.worse} got worse, {last.better} better"
    title = f"Audits of account {escape(last.account)}" if last.account else "Account audits"
    return _section(title, about + ".", legend, plots.both(plots.audits, history))


def _table(title: str, heads: tuple[str, ...], rows: list[str], more: int = 0) -> str:
    if not rows:
        return ""
    cells = "".join(f'<th scope="col">{head}</th>' for head in heads)
    left = f"<p>and {more} more</p>" if more > 0 else ""
    return (
        f'<section><h2>{title}</h2><div class="scroll"><table><thead><tr>{cells}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{left}</section>"
    )


def _key_table(history: History) -> str:
    rows, called = [], users(history.status)
    for key in history.status.keys:
        age = UNKNOWN if key.age_days is None else f"{key.age_days:.0f} d"
        due = UNKNOWN
        if key.due_in_days is not None:
            due = later(key.due_in_days * _DAY)
        if not key.consent:
            due += ", needs a yes"
        rows.append(
            f"<tr><td>{_text(key.profile)}</td><td>{_text(called[key.identity])}</td>"
            f"<td><code>{_text(plots.short(key.key_id))}</code></td><td>{age}</td>"
            f"<td>{_text(key.state)}</td><td>{due}</td></tr>"
        )
    heads = ("Profile", "IAM user", "Key", "Age", "State", "Next rotation")
    return _table("Keys now", heads, rows)


def _rotation_table(history: History) -> str:
    newest = history.rotations[::-1]
    rows = [
        f'<tr><td class="date">{minute(each.at)}</td><td>{_text(each.name)}</td>'
        f"<td>{each.kind}</td>"
        f"<td><code>{_text(plots.short(each.old_id) if each.old_id else '-')}</code></td>"
        f"<td><code>{_text(plots.short(each.new_id) if each.new_id else '-')}</code></td>"
        f"<td>{_text(each.why)}</td></tr>"
        for each in newest[:_ROWS]
    ]
    heads = ("When", "IAM user", "What", "Key", "New key", "Why")
    return _table("Every rotation", heads, rows, len(newest) - _ROWS)


def _finding_table(history: History) -> str:
    found, look = history.status.open_findings, Look(0, home=history.home)
    rows = [
        f'<tr><td class="path">{_text(look.tilde(each.path))}:{each.line}</td>'
        f"<td>{_text(each.rule_id)}</td>"
        f"<td><code>{_text(each.masked)}</code></td>"
        f'<td class="date">{_day(each.first_seen)}</td></tr>'
        for each in found[:_ROWS]
    ]
    heads = ("Place", "What", "Value", "Since")
    return _table("Open findings", heads, rows, len(found) - _ROWS)


def _day(at: float) -> str:
    return minute(at)[:10]


def _text(text: str) -> str:
    return escape(printable(text))
