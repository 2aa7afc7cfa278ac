import sqlite3

import pytest

from credguard.store import db, findings
from credguard.store.findings import ALLOWED, OPEN, RESOLVED, ROTATED, Seen


@pytest.fixture
def connection() -> sqlite3.Connection:
    return db.connect()


def seen(name: str, value: str = "v", allowed: str = "", item: str = "") -> Seen:
    return Seen(name, 1, "r", "m***", value, item, allowed)


def states(connection: sqlite3.Connection) -> dict[str, str]:
    return {each.fingerprint: each.state for each in findings.in_state(connection)}


def test_a_folder_gone_resolves_only_what_lies_below_it(connection: sqlite3.Connection) -> None:
    for number, path in enumerate(("/a/x", "/ab/x", "/a/b/x")):
        findings.observe(connection, 1, path, seen(str(number)))
    assert findings.resolve_below(connection, "/a", 2) == {"/a/x", "/a/b/x"}
    assert [found.path for found in findings.open_findings(connection)] == ["/ab/x"]


def test_one_is_told_once_whatever_becomes_of_it(connection: sqlite3.Connection) -> None:
    assert findings.observe(connection, 1, "/a", seen("f"))
    findings.mark_notified(connection, 2, ["f"])
    assert findings.resolve_gone(connection, "/a", set(), 3) == 1
    assert states(connection) == {"f": RESOLVED}
    assert not findings.observe(connection, 4, "/a", seen("f"))
    assert states(connection) == {"f": OPEN}
    (found,) = findings.open_findings(connection)
    assert (found.first_seen, found.last_seen) == (1, 4)


def test_the_same_value_elsewhere_is_not_told_again_within_a_day(
    connection: sqlite3.Connection,
) -> None:
    assert findings.observe(connection, 1, "/a", seen("f"))
    assert findings.observe(connection, 1, "/c", seen("h"))  # nobody was told of the first yet
    findings.mark_notified(connection, 2, ["f", "h"])
    assert not findings.observe(connection, 3, "/b", seen("g"))
    assert findings.observe(connection, 3, "/b", seen("other", "w"))
    assert findings.observe(connection, 90_000, "/d", seen("late"))


def test_what_a_person_allowed_stays_so_and_what_a_file_allowed_ends_with_it(
    connection: sqlite3.Connection,
) -> None:
    for name in ("person", "file"):
        findings.observe(connection, 1, "/" + name, seen(name, name))
    findings.allow(connection, ["person"], "a sample")
    assert not findings.observe(connection, 2, "/file", seen("file", "file", "a mark"))
    assert states(connection) == {"person": ALLOWED, "file": ALLOWED}
    findings.resolve_gone(connection, "/person", set(), 3)
    for name in ("person", "file"):
        findings.observe(connection, 4, "/" + name, seen(name, name))
    assert states(connection) == {"person": ALLOWED, "file": OPEN}
    findings.reopen(connection, ["person"])
    assert states(connection) == {"person": OPEN, "file": OPEN}


def test_what_is_allowed_from_the_first_is_not_kept(connection: sqlite3.Connection) -> None:
    assert not findings.observe(connection, 1, "/a", seen("f", "v", "a mark"))
    assert states(connection) == {}


def test_a_key_that_was_replaced_stays_closed_when_another_rule_finds_it(
    connection: sqlite3.Connection,
) -> None:
    findings.observe(connection, 1, "/a", seen("own", "v", "", "key/x"))
    assert findings.set_rotated(connection, "key/x", 2) == 1
    assert not findings.observe(connection, 3, "/a", seen("by a rule"))
    findings.resolve_gone(connection, "/a", {"by a rule"}, 3)
    assert states(connection) == {"own": RESOLVED, "by a rule": ROTATED}
    assert not findings.observe(connection, 4, "/a", seen("by a rule"))
    assert findings.open_findings(connection) == []
