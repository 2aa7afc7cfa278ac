import re
from pathlib import Path

import pytest

from credguard.report.log import SENTENCES, Entry, entry_json, local_time, sentence
from credguard.rotation.model import State
from credguard.rotation.password import State as Password

PACKAGE = Path(__file__).parents[2] / "credguard"
IDENTITY = "aws/123456789012/dev"


def recorded_kinds() -> set[str]:
    """Every kind that the package records: literals, and rotation's states."""
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for call in re.findall(r"events\.record\(([^)]*\)?[^)]*)\)", path.read_text()):
            found.update(re.findall(r'(?<!f)"([a-z]+\.[a-z_]+)"', call))
        for line in re.findall(r"^ +kind = .*", path.read_text(), re.MULTILINE):
            found.update(re.findall(r'(?<!f)"([a-z]+\.[a-z_]+)"', line))
    found |= {f"rotation.{state}" for state in State} | {f"password.{each}" for each in Password}
    return found | {"handout"}


def test_every_kind_that_is_recorded_has_a_sentence_and_no_other() -> None:
    assert recorded_kinds() == set(SENTENCES)


DETAIL = {
    "key_id": "KEY", "old_id": "OLD", "new_id": "NEW", "stray_id": None, "pid": 7,
    "program": "/bin/aws", "how": "exec", "regions": ["us-east-1", "eu-west-1"],
    "why": "a reason", "deleted_id": "GONE", "before": "aws/1/old",
    "what": "a thing", "source": "file", "lifetime": 3600, "path": "/out",
    "generation": 2, "place": "a:1", "rule": "jwt", "commit": "0123", "reason": "a reason",
    "repository": "/r/.git", "answer": "report", "new": "k2", "instance": "i-1",
    "region": "eu-west-1", "left": 3, "user": "ec2-user", "rows": 9,
    "line": 3, "fix": "password-policy", "number": 1, "passed": 3, "failed": 0, "unknown": 0,
}  # fmt: skip


@pytest.mark.parametrize("kind", list(SENTENCES))
def test_a_sentence_is_whole_with_its_details_and_without(kind: str) -> None:
    text = sentence(Entry(1, kind, IDENTITY, DETAIL))
    assert "{" not in text
    assert "UNKNOWN" not in text
    assert "None" not in text
    assert "{" not in sentence(Entry(1, kind, IDENTITY, {}))


def test_sentences_say_what_happened() -> None:
    assert sentence(Entry(1, "rotation.switched", IDENTITY, DETAIL)) == (
        "dev: profiles hand out NEW now; OLD still works"
    )
    assert sentence(Entry(1, "ssh.registered", "me", DETAIL)).endswith("in us-east-1, eu-west-1")
    assert sentence(Entry(1, "handout", "work", DETAIL)) == (
        "key KEY of profile work went to /bin/aws (pid 7) by exec"
    )
    unknown = {**DETAIL, "program": None, "pid": None}
    assert "went to UNKNOWN (pid UNKNOWN)" in sentence(Entry(1, "handout", "work", unknown))


def test_a_stray_key_is_named() -> None:
    detail = {**DETAIL, "stray_id": "LOST"}
    assert "key LOST" in sentence(Entry(1, "rotation.intent", IDENTITY, detail))


def test_an_unknown_kind_is_shown_raw() -> None:
    entry = Entry(1, "some.thing", "x", {"b": 1, "a": None})
    assert sentence(entry) == 'some.thing x {"a": null, "b": 1}'


@pytest.mark.parametrize("kind", ["secret.read", "handout", "new.kind"])
def test_nothing_steers_a_terminal_or_breaks_a_line(kind: str) -> None:
    hostile = "a\x1b]0;x\x07\nb\u202e{key_id}"
    for detail in ({}, {"program": hostile, "key_id": hostile, hostile: hostile}):
        assert sentence(Entry(1, kind, hostile, detail)).isprintable()


def test_times() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", local_time(1.5))
    assert entry_json(Entry(1.5, "k", "s", {}))["time"] == "1970-01-01T00:00:01.500Z"
    assert entry_json(Entry(1e30, "k", "s", {}))["time"] is None
    assert local_time(1e30) == "UNKNOWN"
