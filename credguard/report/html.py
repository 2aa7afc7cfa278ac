"""One self-contained page: no request leaves it, no script but its own, light and dark."""

import hashlib
from base64 import b64encode
from collections.abc import Collection, Iterator
from html import escape

from credguard.report.model import Report, Row

_RANK = {"critical": 0, "high": 1, "medium": 2, "low": 3}
_STYLE = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--text:#1a1f27;--soft:#5b6573;--line:#e0e4ea;
--critical:#a3123b;--high:#c2410c;--medium:#8a6100;--low:#2c5f8a;--focus:#2563eb}
@media(prefers-color-scheme:dark){:root{--bg:#12151a;--card:#1a1f26;--text:#e8ebef;--soft:#9aa5b3;
--line:#2c333d;--critical:#ff7a9c;--high:#ff9d66;--medium:#e8bf5a;--low:#7db8ea;--focus:#7aa7ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:15px/1.5 system-ui,sans-serif}
main{max-width:1200px;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.6rem;margin:0 0 .25rem}p.about{color:var(--soft);margin:0 0 1.5rem}
ul.counts{list-style:none;display:flex;flex-wrap:wrap;gap:.75rem;padding:0;margin:0 0 1.5rem}
ul.counts li{background:var(--card);border:1px solid var(--line);border-radius:10px;
padding:.6rem 1rem;min-width:7rem}
ul.counts b{display:block;font-size:1.5rem;line-height:1.2}
ul.counts span{color:var(--soft);font-size:.85rem}
.critical{color:var(--critical)}.high{color:var(--high)}.medium{color:var(--medium)}
.low{color:var(--low)}
label{color:var(--soft);font-size:.85rem;display:block;margin:0 0 .25rem}
input{font:inherit;width:min(100%,28rem);padding:.5rem .75rem;margin:0 0 1rem;border-radius:8px;
border:1px solid var(--line);background:var(--card);color:inherit}
.wide{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:10px}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.55rem .8rem;border-bottom:1px solid var(--line);vertical-align:top}
tbody tr:last-child td{border-bottom:0}
th{padding:0;font-size:.85rem}
th button{all:unset;cursor:pointer;padding:.6rem .8rem;color:var(--soft);display:block}
th button:focus-visible,input:focus-visible{outline:2px solid var(--focus);outline-offset:-2px}
th[aria-sort=ascending] button::after{content:" \\2191"}
th[aria-sort=descending] button::after{content:" \\2193"}
td.path{font-family:ui-monospace,monospace;font-size:.85rem;overflow-wrap:anywhere;min-width:14rem}
code{font-family:ui-monospace,monospace;font-size:.85rem;white-space:nowrap}
td small{color:var(--soft);display:block}
td .sev{font-weight:600}
.clean{padding:2.5rem;text-align:center;font-size:1.1rem}
h2{font-size:1.1rem;margin:2rem 0 .5rem}
@media print{body{background:#fff;color:#000}form{display:none}}
"""
_SCRIPT = """
"use strict";
const body=document.querySelector("tbody");
if(body){
const heads=[...document.querySelectorAll("th")];
const key=(row,at)=>row.cells[at].dataset.key||row.cells[at].textContent;
heads.forEach((head,at)=>head.firstElementChild.addEventListener("click",()=>{
const up=head.getAttribute("aria-sort")!=="ascending";
heads.forEach(other=>other.setAttribute("aria-sort","none"));
head.setAttribute("aria-sort",up?"ascending":"descending");
const rows=[...body.rows];
rows.sort((a,b)=>key(a,at).localeCompare(key(b,at),undefined,{numeric:true})*(up?1:-1));
body.append(...rows);}));
const form=document.querySelector("form");form.hidden=false;
form.addEventListener("submit",event=>event.preventDefault());
const box=document.querySelector("input");
box.addEventListener("input",()=>{const wanted=box.value.toLowerCase();
for(const row of body.rows)row.hidden=!row.textContent.toLowerCase().includes(wanted);});
}
"""


def findings_html(report: Report) -> Iterator[str]:
    """The page. Its policy forbids every request and every script but the one it holds."""
    script = b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{script}'"
    counts = dict.fromkeys(_RANK, 0)
    for each in report.rows:
        counts[each.severity] += 1
    noun = "secret" if len(report.rows) == 1 else "secrets"
    title = f"{len(report.rows)} {noun} found" if report.rows else "No secrets found"
    cards = "".join(
        f'<li><b class="{name}">{number}</b><span>{name}</span></li>'
        for name, number in counts.items()
    )
    cards += f"<li><b>{report.scanned}</b><span>files scanned</span></li>"
    if report.known:
        cards += f"<li><b>{report.known}</b><span>known, in the baseline</span></li>"
    if report.hidden:
        cards += f"<li><b>{len(report.hidden)}</b><span>allowed</span></li>"
    yield (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>credguard: {title}</title><style>{_STYLE}</style></head>\n<body><main>"
        f'<h1>{title}</h1><p class="about">credguard {escape(report.version)}. '
        "Values are masked: no more than four characters of each are shown.</p>"
        f'<ul class="counts">{cards}</ul>\n'
    )
    yield from _table(report.rows)
    yield f"{_unread(report)}</main><script>{_SCRIPT}</script></body></html>\n"


def _table(rows: Collection[Row]) -> Iterator[str]:
    if not rows:
        yield '<div class="wide clean">Nothing was found.</div>'
        return
    heads = "".join(
        f'<th scope="col" aria-sort="none"><button type="button">{name}</button></th>'
        for name in ("Severity", "Place", "What it is", "Value", "Confidence")
    )
    yield (
        '<form class="filter" hidden><label for="filter">Show only rows that contain</label>'
        '<input id="filter" type="search" autocomplete="off"></form>'
        f'<div class="wide"><table><thead><tr>{heads}</tr></thead>\n<tbody>'
    )
    for each in rows:
        yield _cells(each)
    yield "</tbody></table></div>"


def _cells(each: Row) -> str:
    rank = {"high": 0, "medium": 1, "low": 2}[each.confidence]
    notes = [each.rule]
    if each.via:
        notes.append(f"found in {each.via}")
    if each.why:
        notes.append(each.why)
    if each.status:
        notes.append(f"its service says: {each.status}")
    place = escape(f"{each.path}:{each.line}:{each.column}")
    return (
        f'<tr><td data-key="{_RANK[each.severity]}"><span class="sev {each.severity}">'
        f"{each.severity}</span></td>"
        f'<td class="path" data-key="{place}">{place}</td>'
        f"<td>{escape(each.title)}<small>{escape('; '.join(notes))}</small></td>"
        f"<td><code>{escape(each.masked)}</code></td>"
        f'<td data-key="{rank}">{each.confidence}</td></tr>\n'
    )


def _unread(report: Report) -> str:
    if not report.unread:
        return ""
    items = "".join(f"<li>{escape(path)}: {escape(why)}</li>" for path, why in report.unread)
    return f"<h2>Not read, so nothing can be told</h2><ul>{items}</ul>"
