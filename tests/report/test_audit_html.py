"""The page of an audit in a real browser, where there is one; its words without one."""

import re
from pathlib import Path

import pytest

from credguard.report.audit_html import audit_html
from credguard.report.overview import Audit
from tests.report import test_html
from tests.report.audits import NAMES, every, made, row
from tests.report.test_html import opened

DAY = 86400.0
TREND = [
    Audit(1767225600.0 + number * DAY, 40, 12 - number, number % 3, "1", number % 2, 1)
    for number in range(10)
]
needs_browser = pytest.mark.skipif(test_html.BROWSER is None, reason="no Chromium here")


def test_a_name_breaks_out_of_nothing_and_nothing_is_fetched() -> None:
    page = audit_html(every(), TREND)
    assert "<script>alert" not in page
    assert page.count("<script>") == 1
    assert not re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?!#)""", page)
    assert "default-src 'none'" in page


def test_it_says_what_a_person_must_do() -> None:
    audit = made(
        row("user-mfa", "FAIL"), row("user-mfa", "UNKNOWN", NAMES[2]), row("root-mfa", "PASS")
    )
    page = audit_html(audit)
    assert "Do this." in page
    assert "<pre>aws iam do --it &#x27;" in page
    assert "iam:ListUsers" in page  # the policy to ask for
    assert page.count("<details data-status") == 2
    assert page.count('<details data-status="fail unknown" open>') == 1


def test_the_trend_needs_two_audits() -> None:
    assert "Over time" not in audit_html(every(), TREND[:1])
    page = audit_html(every(), TREND)
    assert "Over time" in page
    assert page.count("<title>") == 1 + 2 * len(TREND)


@needs_browser
def test_its_script_runs_under_its_own_policy(tmp_path: Path) -> None:
    assert "<form>" in opened(tmp_path, audit_html(every()))  # it shows what only works with it


@needs_browser
def test_its_filter_and_its_search_hide_checks_and_paper_shows_all(tmp_path: Path) -> None:
    audit = made(
        row("user-mfa", "FAIL"), row("root-mfa", "PASS"), row("s3-bucket-public", "UNKNOWN")
    )
    steps = """
    const choice=document.querySelector("select"),box=document.querySelector("input");
    const left=()=>document.querySelectorAll("section.tip:not([hidden])").length;
    const choose=value=>{choice.value=value;choice.dispatchEvent(new Event("change"));};
    const seen=[left()];
    for(const each of ["fail","waived",""]){choose(each);seen.push(left());}
    box.value="USER-MFA";box.dispatchEvent(new Event("input"));seen.push(left());
    seen.push(document.querySelectorAll("details:not([open])").length);
    dispatchEvent(new Event("beforeprint"));
    seen.push(document.querySelectorAll("details:not([open])").length);
    document.title=seen.join();
    """
    # Its policy, which would forbid the steps, is taken out.
    page = re.sub(r"<meta http-equiv=[^>]*>", "", audit_html(audit))
    dom = opened(tmp_path, page.replace("</body>", f"<script>{steps}</script></body>"))
    assert "<title>3,1,0,3,1,3,0</title>" in dom
