"""The page in a real browser, where there is one; its structure is checked in test_findings.py."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from credguard.app.findings import rendered
from tests.report.test_findings import report

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium here")


def opened(tmp_path: Path, page: str) -> str:
    """The document after the browser ran it."""
    file = tmp_path / "page.html"
    file.write_text(page, encoding="utf-8")
    done = subprocess.run(
        [
            str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu",
            "--disable-dev-shm-usage", f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=3000", "--dump-dom",
            file.as_uri(),
        ],
        capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    return done.stdout


def page() -> str:
    made = report(b"b", b"c", b"a")
    made.rows[1] = made.rows[1]._replace(severity="low", line=10)
    return rendered(made, "html")


def order(dom: str) -> list[str]:
    return re.findall(r'<td class="path"[^>]*>([^<:]*):', dom)


def test_its_script_runs_under_its_own_policy(tmp_path: Path) -> None:
    dom = opened(tmp_path, page())
    assert '<form class="filter">' in dom  # the script shows what only works with it
    assert order(dom) == ["b", "c", "a"]


def steered(tmp_path: Path, steps: str) -> str:
    """The page with `steps` run in it; its policy, which would forbid them, is taken out."""
    text = re.sub(r"<meta http-equiv=[^>]*>", "", page())
    return opened(tmp_path, text.replace("</body>", f"<script>{steps}</script></body>"))


def test_a_click_sorts_and_another_turns_it_round(tmp_path: Path) -> None:
    click = 'document.querySelectorAll("th button")[%d].click();'
    assert order(steered(tmp_path, click % 1)) == ["a", "b", "c"]
    assert order(steered(tmp_path, click % 1 * 2)) == ["c", "b", "a"]
    assert order(steered(tmp_path, click % 0 * 2))[0] == "c"


def test_the_filter_hides_rows(tmp_path: Path) -> None:
    steps = (
        'const box=document.querySelector("input");box.value="c:10";'
        'box.dispatchEvent(new Event("input"));'
    )
    dom = steered(tmp_path, steps)
    assert len(re.findall(r"<tr hidden", dom)) == 2
