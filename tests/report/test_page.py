"""The report's page: what it tells, that it holds nothing of others, and how a browser shows it."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from credguard.report.history import KINDS, Found, History, KeyLine, Rotation, Use
from credguard.report.overview import Audit
from credguard.report.page import page
from credguard.report.plots import _ticks
from tests.report.test_screen import DAY, EMPTY, FULL, NOW, key
from tests.support import samples

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


def key_id(number: int) -> str:
    return samples.aws_key_id(number)


def line(name: str, first: int) -> KeyLine:
    """A key a month for half a year; when the first was made is not known."""
    uses = [
        Use(key_id(first + n), NOW - (180 - 30 * n) * DAY, NOW - (150 - 30 * n) * DAY,
            NOW - (180 - 30 * n) * DAY, n > 0)
        for n in range(5)
    ]  # fmt: skip
    start = NOW - 30 * DAY
    return KeyLine(name, f"aws/1/{name}", [*uses, Use(key_id(first + 5), start, None, start, True)])


BARE = History(NOW - 180 * DAY, "0.1.0", EMPTY, None, [], [], [], 0, "", [])
RICH = History(
    since=NOW - 180 * DAY,
    version="0.1.0",
    status=replace(FULL, keys=[key("work"), key("unaged", age=None, due=None)]),
    max_age=30 * DAY,
    keys=[line("ada", 10), line("<b>bob & co</b>", 20), KeyLine("carl", "aws/1/carl", [])],
    rotations=[
        Rotation(NOW - (150 - 10 * n) * DAY, "ada", kind, key_id(10), key_id(11), "<i>why</i>")
        for n, kind in enumerate(KINDS)
    ],
    findings=[
        Found(
            NOW - (170 - 3 * n) * DAY,
            NOW - (160 - 3 * n) * DAY if n % 3 else None,
            ("", "resolved", "allowed")[n % 3],
        )
        for n in range(50)
    ],
    in_commits=3,
    home="/home/ada",
    audits=[Audit(NOW - (100 - 20 * n) * DAY, 20 - n, n, 1) for n in range(5)],
)


class Checker(HTMLParser):
    """Every element closed, in order; what could send a request."""

    VOID = ("meta", "input", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("history", [BARE, RICH], ids=["bare", "rich"])
def test_it_is_whole_and_asks_nobody_for_anything(history: History) -> None:
    text = page(history)
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    assert not checker.tags & {"script", "link", "img", "iframe", "object", "image", "use", "form"}
    assert not checker.attributes & {"src", "href", "xlink:href", "srcset", "action", "onclick"}
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'; style-src 'unsafe-inline'" in text


def test_names_are_escaped_and_key_ids_shortened() -> None:
    text = page(RICH)
    assert "<b>bob" not in text
    assert "<i>why" not in text
    assert "&lt;b&gt;bob &amp; co&lt;/b&gt;" in text
    for number in range(30):
        assert key_id(number) not in text
    assert f"{key_id(10)[:4]}…{key_id(10)[-4:]}" in text
    assert "~/src/a/rather" in text
    assert "/home/ada" not in text


def test_what_is_not_known_is_said() -> None:
    text = page(BARE)
    assert "UNKNOWN: no folder is watched" in text
    assert "None was made in this time" in text
    text = page(RICH)
    assert "Dotted: when that key was made is not known" in text
    assert '<b class="warn word">UNKNOWN</b><span>the oldest</span>' in text
    assert "33 went: 17 edited out, 16 allowed." in text
    assert "3 in commits came past the hooks" in text
    unread = page(replace(BARE, status=replace(EMPTY, unreadable=["the settings & more"])))
    assert "the settings &amp; more" in unread


@pytest.mark.parametrize("days", [1, 3, 10, 40, 90, 180, 400, 2000, 9000])
@pytest.mark.parametrize("most", [4, 10])
def test_marks_of_time_are_few_and_in_order(days: int, most: int) -> None:
    found = [at for at, _ in _ticks(NOW - days * DAY, NOW, most)]
    assert found == sorted(found)
    assert len(found) <= most + 2
    assert len(found) >= 2 or days < 3


def looked(folder: Path, width: int, *, dark: bool = False, history: History = RICH) -> dict:  # type: ignore[type-arg]
    """What the browser makes of the page at `width`; its policy is taken out for the question."""
    script = """
    const shown=e=>getComputedStyle(e).display!=="none";
    const say={wide:0,slim:0,overlaps:[],outside:[],page:document.documentElement.scrollWidth,
      window:innerWidth,background:getComputedStyle(document.body).backgroundColor};
    for(const name of ["wide","slim"])
      say[name]=[...document.querySelectorAll("div."+name)].filter(shown).length;
    for(const svg of document.querySelectorAll("svg:not(.mark)")){
      if(!shown(svg.parentElement))continue;
      const frame=svg.getBoundingClientRect();
      const texts=[...svg.querySelectorAll("text")];
      const boxes=texts.map(e=>e.getBoundingClientRect());
      boxes.forEach((a,i)=>{
        if(a.left<frame.left-1||a.right>frame.right+1||a.bottom>frame.bottom+1||a.top<frame.top-1)
          say.outside.push(texts[i].textContent);
        boxes.slice(i+1).forEach((b,j)=>{
          if(a.left<b.right&&b.left<a.right&&a.top+2<b.bottom&&b.top+2<a.bottom)
            say.overlaps.push(texts[i].textContent+" / "+texts[i+1+j].textContent);});});}
    say.cut=[...document.querySelectorAll("ul.counts li")].filter(e=>e.scrollWidth>e.clientWidth)
      .map(e=>e.textContent);
    document.title=JSON.stringify(say);
    """
    file = folder / "page.html"
    text = re.sub(r"<meta http-equiv=[^>]*>", "", page(history))
    # A window has a least width of its own; a frame has not.
    inner = text.replace("</body>", f"<script>{script}</script></body>")
    (folder / "inner.html").write_text(inner, encoding="utf-8")
    file.write_text(
        f'<iframe src="inner.html" style="width:{width}px;height:3000px;border:0"></iframe>'
        "<script>onload=()=>{document.body.append(frames[0].document.title)}</script>"
    )
    done = subprocess.run(
        [
            str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu",
            "--disable-dev-shm-usage", f"--user-data-dir={folder / 'profile'}",
            "--allow-file-access-from-files", "--window-size=1400,1000",
            *(["--blink-settings=preferredColorScheme=0"] if dark else []),
            "--virtual-time-budget=3000", "--dump-dom", file.as_uri(),
        ],
        capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    found = re.search(r"\{.*\}", done.stdout.rpartition("</script>")[2], re.DOTALL)
    assert found, done.stdout[-2000:]
    return dict(json.loads(found[0].replace("&lt;", "<").replace("&gt;", ">")))


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
@pytest.mark.parametrize(("width", "dark"), [(700, False), (360, True)])
def test_a_browser_shows_all_of_it_in_both_schemes(tmp_path: Path, width: int, dark: bool) -> None:
    found = looked(tmp_path, width, dark=dark)
    assert (found["wide"], found["slim"]) == ((4, 0) if width > 640 else (0, 4))
    assert found["page"] <= found["window"] == width
    assert found["overlaps"] == []
    assert found["outside"] == found["cut"] == []
    lightness = sum(int(part) for part in re.findall(r"\d+", found["background"])[:3])
    assert (lightness < 150) is dark


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
def test_it_prints_on_some_pages(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(page(RICH), encoding="utf-8")
    subprocess.run(
        [
            str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu",
            "--disable-dev-shm-usage", f"--user-data-dir={tmp_path / 'profile'}",
            f"--print-to-pdf={tmp_path / 'page.pdf'}", (tmp_path / "page.html").as_uri(),
        ],
        capture_output=True, timeout=100, check=True,
    )  # fmt: skip
    pages = len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "page.pdf").read_bytes()))
    assert 2 <= pages <= 6
