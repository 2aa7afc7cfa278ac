import json

from credguard.report.jsonv1 import findings_json
from credguard.report.text import findings_text
from credguard.scan.model import MEDIUM, Finding
from tests.support import samples


def _finding(path: bytes = b"a/b") -> Finding:
    return Finding(path, 3, 4, 5, "rule-id", "A rule", MEDIUM, samples.aws_secret().encode())


def test_text_is_one_masked_line_each() -> None:
    text = findings_text([_finding(), _finding()])
    assert text.count("\n") == 2
    assert text.startswith("a/b:3:4  rule-id  medium  ")
    assert samples.aws_secret() not in text
    assert findings_text([]) == ""


def test_a_path_cannot_steer_the_terminal() -> None:
    text = findings_text([_finding(b"a\nb\x1b[31m\xff")])
    assert text.count("\n") == 1
    assert "\x1b" not in text
    assert "\\xff" in text


def test_json_has_the_version_and_no_value() -> None:
    text = findings_json([_finding(b"\xff")], [(b"gone", "no such file")], 7)
    assert samples.aws_secret() not in text
    found = json.loads(text)
    assert found["version"] == 1
    assert found["scanned"] == 7
    assert found["findings"][0]["path"] == "\\xff"
    assert found["findings"][0]["confidence"] == "medium"
    assert found["unread"] == [{"path": "gone", "why": "no such file"}]
