"""How the pages of audits look: one file each, no request, light, dark and on paper."""

import hashlib
from base64 import b64encode
from html import escape

_STYLE = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--text:#1a1f27;--soft:#5b6573;--line:#e0e4ea;
--fail:#b3261e;--unknown:#8a6100;--pass:#1a7f4b;--waived:#2c5f8a;--na:#8b95a3;--focus:#2563eb;
--code:#eef1f5}
@media(prefers-color-scheme:dark){:root{--bg:#12151a;--card:#1a1f26;--text:#e8ebef;--soft:#9aa5b3;
--line:#2c333d;--fail:#ff8a80;--unknown:#e8bf5a;--pass:#63cf97;--waived:#7db8ea;--na:#6b7684;
--focus:#7aa7ff;--code:#232a33}}
@media print{:root{--bg:#fff;--card:#fff;--text:#000;--soft:#444;--line:#bbb;--fail:#b3261e;
--unknown:#8a6100;--pass:#1a7f4b;--waived:#2c5f8a;--na:#777;--code:#f2f2f2}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:15px/1.5 system-ui,sans-serif}
main{max-width:1120px;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.6rem;margin:0 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:2rem 0 .5rem;display:flex;gap:.6rem;align-items:baseline;flex-wrap:wrap}
h2 small{color:var(--soft);font-weight:400;font-size:.85rem}
p{margin:.25rem 0 .75rem}p.about{color:var(--soft);margin:0 0 1.25rem;overflow-wrap:anywhere}
ul.counts{list-style:none;display:flex;flex-wrap:wrap;gap:.75rem;padding:0;margin:0 0 1rem}
ul.counts li{background:var(--card);border:1px solid var(--line);border-radius:10px;
padding:.6rem 1rem;min-width:7rem;flex:1 1 7rem}
ul.counts b{display:block;font-size:1.5rem;line-height:1.2}
ul.counts span{color:var(--soft);font-size:.85rem}
.fail{color:var(--fail)}.unknown{color:var(--unknown)}.pass{color:var(--pass)}
.waived{color:var(--waived)}.na{color:var(--na)}.soft{color:var(--soft)}
svg{display:block;width:100%;height:auto}svg text{fill:var(--soft);font:11px system-ui,sans-serif}
svg.bar{height:12px;border-radius:6px;margin:0 0 1.25rem}
rect.fail{fill:var(--fail)}rect.unknown{fill:var(--unknown)}rect.pass{fill:var(--pass)}
rect.waived{fill:var(--waived)}rect.na{fill:var(--na)}.grid{stroke:var(--line)}
.card,details{background:var(--card);border:1px solid var(--line);border-radius:10px;
margin:0 0 .6rem;overflow:clip}
.card{padding:1rem 1.1rem}details>div{padding:0 1.1rem 1rem}
summary{cursor:pointer;padding:.7rem 1.1rem;display:flex;gap:.75rem;align-items:baseline;
flex-wrap:wrap;list-style:none}
summary::-webkit-details-marker{display:none}
summary::after{content:"\\203a";margin-left:auto;color:var(--soft);transition:transform .1s}
details[open]>summary::after{transform:rotate(90deg)}
summary b{min-width:5.2rem}summary .title{font-weight:600;flex:1 1 16rem}
summary .ids{color:var(--soft);font-size:.85rem}
summary:focus-visible,input:focus-visible,select:focus-visible{outline:2px solid var(--focus);
outline-offset:-2px;border-radius:10px}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}
th.nowrap{min-width:4.5rem}
th,td{text-align:left;padding:.4rem .8rem .4rem 0;border-bottom:1px solid var(--line);
vertical-align:top}
th{font-size:.85rem;color:var(--soft);font-weight:600;white-space:nowrap}
tbody tr:last-child td{border-bottom:0}td.number{text-align:right;font-variant-numeric:tabular-nums}
th.number{text-align:right}td.name{overflow-wrap:anywhere;min-width:11rem}
td.nowrap{white-space:nowrap}
.do{border-left:3px solid var(--focus);padding:0 0 0 .9rem;margin:0 0 .75rem}
.do p{margin:.15rem 0}details p{overflow-wrap:anywhere}
pre{background:var(--code);border-radius:8px;padding:.7rem .9rem;overflow-x:auto;margin:.5rem 0;
font:13px/1.45 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
code{font:13px ui-monospace,monospace}
form{display:flex;gap:.6rem;flex-wrap:wrap;margin:0 0 1rem}
input,select{font:inherit;padding:.5rem .75rem;border-radius:8px;border:1px solid var(--line);
background:var(--card);color:inherit}input{flex:1 1 14rem}
@media(max-width:640px){main{padding:1.25rem .75rem 3rem}ul.counts b{font-size:1.2rem}
svg text{font-size:20px}summary::after{display:none}}
@media print{main{max-width:none;padding:0}form{display:none}details,.card{break-inside:avoid}
body,svg{print-color-adjust:exact;-webkit-print-color-adjust:exact}summary::after{display:none}}
"""
# The search and the choice of a status hide what does not match; print opens everything.
_SCRIPT = """
"use strict";
const form=document.querySelector("form");
if(form){
const box=form.querySelector("input"),choice=form.querySelector("select");
const show=()=>{const wanted=box.value.toLowerCase();
for(const each of document.querySelectorAll("details[data-status]"))
each.hidden=!(each.textContent.toLowerCase().includes(wanted)
&&(!choice.value||each.dataset.status.split(" ").includes(choice.value)));
for(const each of document.querySelectorAll("section.tip"))
each.hidden=!each.querySelector("details:not([hidden])");};
form.hidden=false;form.addEventListener("submit",event=>event.preventDefault());
box.addEventListener("input",show);choice.addEventListener("change",show);
}
addEventListener("beforeprint",()=>{
for(const each of document.querySelectorAll("details"))each.open=true;});
"""


def document(title: str, body: str) -> str:
    """The page. Its policy forbids every request and every script but its own."""
    script = b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{script}'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body><main>"
        f"{body}</main><script>{_SCRIPT}</script></body></html>\n"
    )


def cards(rows: list[tuple[str, str, str]]) -> str:
    """Big numbers: (number, what it is, class)."""
    items = "".join(
        f'<li><b class="{style}">{escape(number)}</b><span>{escape(name)}</span></li>'
        for number, name, style in rows
    )
    return f'<ul class="counts">{items}</ul>'


def table(heads: list[tuple[str, str]], rows: list[list[str]]) -> str:
    """A table. `heads`: (name, class of its column); cells are HTML already."""
    head = "".join(f'<th scope="col" class="{style}">{escape(name)}</th>' for name, style in heads)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="{style}">{cell}</td>'
            for (_, style), cell in zip(heads, row, strict=True)
        )
        + "</tr>\n"
        for row in rows
    )  # fmt: skip
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody>'
        "</table></div>"
    )


def bar(parts: list[tuple[int, str]], label: str) -> str:
    """One bar of parts, (number, class), as wide as the page."""
    whole = sum(number for number, _ in parts)
    if not whole:
        return ""
    shapes, at = [], 0.0
    for number, style in parts:
        width = 1000 * number / whole
        shapes.append(f'<rect class="{style}" x="{at:.1f}" width="{width:.1f}" height="12"/>')
        at += width
    return (
        f'<svg class="bar" viewBox="0 0 1000 12" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(label)}">{"".join(shapes)}</svg>'
    )
