import csv
import io
import json
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credguard.app.findings import FORMATS, rendered
from credguard.report.lines import findings_text
from credguard.report.model import Report, Row, RuleFacts, row, uri
from credguard.scan.model import HIGH, LOW, MEDIUM, Finding
from tests.support import samples

RULES = {
    "rule-id": RuleFacts("A rule", "critical", "high", "https://example.com/rule"),
    "never-fired": RuleFacts("Another rule", "low", "low", "notes of a person"),
}
NASTY = [
    b"a/b", b"./a", b"/abs/a b", b"a\nb\x1b[31m\xff", b"=cmd()", b"a,b:c%d\r\n::error::x",
    b"<i>&\"'", "käse/ж".encode(), b"-rf", b"]]>", b"a\x00b", b"zip.zip!a/b",
]  # fmt: skip


def finding(path: bytes = b"a/b", value: str = "", confidence: int = MEDIUM) -> Finding:
    secret = (value or samples.aws_secret()).encode()
    return Finding(path, 3, 4, 3, "rule-id", "A rule", confidence, secret)


def report(*paths: bytes, hidden: str = "", rules: dict[str, RuleFacts] = RULES) -> Report:
    rows = [
        row(finding(path), rules, "00ff", status="active", status_detail="of x") for path in paths
    ]
    made = Report(rows, "1.2.3", rules, scanned=7)
    if hidden:
        made.hidden = [row(finding(), rules, "00ff", hidden=hidden)]
    return made


def shown(made: Report, style: str) -> str:
    return rendered(made, style, started=0.0, ended=1.0)


@pytest.mark.parametrize("style", FORMATS)
@pytest.mark.parametrize("path", NASTY)
def test_no_format_shows_the_value_or_lets_a_name_break_out(style: str, path: bytes) -> None:
    text = shown(report(path, hidden="a mark"), style)
    value = samples.aws_secret()
    assert not any(value[at : at + 6] in text for at in range(len(value) - 5))
    assert "\x1b" not in text
    assert "\x00" not in text
    if style in ("text", "jsonl", "github"):
        assert text.count("\n") == (2 if style == "text" else 1)
    if style in ("json", "sarif", "gitlab"):
        json.loads(text)
    if style == "junit":
        ElementTree.fromstring(text)


@given(st.text(st.characters(exclude_characters="*", codec="utf-8"), min_size=1, max_size=200))
def test_a_mask_shows_at_most_four_characters_and_a_fifth(value: str) -> None:
    visible = finding(value=value).masked().rstrip("*")
    assert value.startswith(visible)
    assert len(visible) <= min(4, len(value) // 5)


def test_text_in_a_pipe_is_one_line_each() -> None:
    text = "".join(findings_text(report(b"a/b", b"c")))
    assert text.splitlines()[0].startswith("a/b:3:4  rule-id  medium  ")
    assert text.splitlines()[0].endswith("  A rule; active (of x)")
    assert list(findings_text(report())) == []


@pytest.mark.parametrize("width", [40, 57, 80, 200])
def test_text_on_a_terminal_keeps_its_width(width: int) -> None:
    made = report(b"a/" + b"long-name/" * 20 + b"b", hidden="credguard:allow, line 3")
    plain = "".join(findings_text(made, width=width))
    assert max(map(len, plain.splitlines())) <= width
    coloured = "".join(findings_text(made, width=width, colour=True))
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    assert coloured != plain


def test_jsonl_has_at_least_what_is_promised() -> None:
    (line,) = shown(report(b"./a"), "jsonl").splitlines()
    found = json.loads(line)
    assert found["path"] == "./a"
    assert (found["line"], found["end"], found["column"]) == (3, 3, 4)
    assert (found["rule"], found["confidence"], found["fingerprint"]) == (
        "rule-id",
        "medium",
        "00ff",
    )
    assert found["masked"].startswith(samples.aws_secret()[:4] + "*")
    assert (found["severity"], found["via"]) == ("critical", "")


def test_json_has_the_version_what_was_not_read_and_what_was_let_pass() -> None:
    made = report(b"\xff", hidden="a mark")
    made.unread = [("gone", "no such file")]
    made.known = 2
    found = json.loads(shown(made, "json"))
    assert (found["version"], found["scanned"], found["known"]) == (1, 7, 2)
    assert found["findings"][0]["path"] == "\\xff"
    assert found["findings"][0]["end_line"] == 3
    assert found["unread"] == [{"path": "gone", "why": "no such file"}]
    assert found["allowed"][0]["allowed_by"] == "a mark"


def test_csv_is_read_back_and_runs_no_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(shown(report(b"=cmd()", b'a,"b'), "csv"), newline="")))
    assert [each["path"] for each in rows] == ["'=cmd()", 'a,"b']
    assert rows[0]["rule"] == "rule-id"


def test_csv_of_many_rows_has_each_in_its_place() -> None:
    paths = [b"=%d" % number if number % 7 == 0 else b"%d" % number for number in range(1203)]
    rows = list(csv.DictReader(io.StringIO(shown(report(*paths), "csv"), newline="")))
    wanted = [path.decode() for path in paths]
    assert [each["path"].lstrip("'") for each in rows] == wanted
    assert {each["path"][0] for each in rows if "=" in each["path"]} == {"'"}


def test_junit_counts_and_names() -> None:
    made = report(b"a", b"b")
    made.unread = [("gone", "why")]
    root = ElementTree.fromstring(shown(made, "junit"))
    assert root.attrib | {"name": ""} == {"name": "", "tests": "3", "failures": "2", "errors": "1"}
    assert len(root.findall("./testsuite/testcase/failure")) == 2
    clean = ElementTree.fromstring(shown(report(), "junit"))
    assert clean.find("./testsuite/testcase/failure") is None
    assert clean.attrib["tests"] == "1"


def test_github_commands_are_escaped() -> None:
    (line,) = shown(report(b"./a,b:c%d"), "github").splitlines()
    assert line.startswith("::error file=a%2Cb%3Ac%25d,line=3,endLine=3,col=4,endColumn=44,title=")
    made = report()
    made.unread = [("gone", "a\nb")]
    assert shown(made, "github") == "::warning file=gone::not read: a%0Ab\n"


def test_where_decoding_was_needed_no_end_column_is_claimed() -> None:
    each: Row = row(finding(value="a\nb"), RULES)
    assert each.end_column == 0
    assert row(finding(), RULES).end_column == 44


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (b"./a b", "a%20b"), (b"/a", "file:///a"), (b"\xff%", "%FF%25"), (b"../x", "../x"),
        (b"a:b", "a%3Ab"), (b".//a", "a"),
    ],
)  # fmt: skip
def test_paths_as_uris(path: bytes, said: str) -> None:
    assert uri(path) == said


def test_html_is_one_page_that_asks_nothing_of_the_net() -> None:
    made = report(b"<script>alert(1)</script>", hidden="x")
    made.unread = [("<b>", "<u>")]
    text = shown(made, "html")
    assert "<script>alert" not in text
    assert "<b>: " not in text
    assert text.count("<script") == 1
    assert "default-src 'none'" in text
    assert not re.search(r"(?:src|href)\s*=|url\(|@import|https?:", text)
    assert "Nothing was found" in shown(report(), "html")


@pytest.mark.parametrize("confidence", [LOW, MEDIUM, HIGH])
def test_every_format_takes_every_confidence_and_an_unknown_rule(confidence: int) -> None:
    rows = [row(finding(confidence=confidence), {})]
    for style in FORMATS:
        assert shown(Report(rows, "1", {}), style)


def test_why_is_told_in_words_or_signal_by_signal() -> None:
    each = finding()
    each.signals = ("name:password", "words:0", "evenness:9", "entropy:3.5", "digits:0")
    words = row(each, RULES).why
    assert set(words.split(", ")) == {
        "named like a password", "no words in it", "as even as a random value",
    }  # fmt: skip
    full = row(each, RULES, all_signals=True).why
    assert re.fullmatch(r"([+-]\d+\.\d\d [a-z:0-9.]+(, )?){5}", full), full
    assert row(finding(), RULES).why == ""
    assert "rule-id" in row(finding(), RULES, all_signals=True).why


def test_every_signal_that_is_put_into_words_exists() -> None:
    from credguard.report.why import _WORDS
    from credguard.scan.general.weights import WEIGHTS

    groups = {name.partition(":")[0] for name in WEIGHTS}
    assert {each for each in _WORDS if each not in WEIGHTS and each not in groups} == set()
