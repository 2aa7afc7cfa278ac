import os
import sqlite3
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from credguard import paths
from credguard.daemon.announcer import Action
from credguard.daemon.worker import Worker
from credguard.scan.model import HIGH, Finding
from credguard.sources import synced
from credguard.store import db, events, findings
from credguard.store.fingerprint_key import fingerprint_key
from tests.support import samples


class KeyScanner:
    """Finds one known value."""

    def __init__(self, value: str) -> None:
        self.value = value.encode()

    def scan(self, data: bytes, path: bytes, joined: object = None) -> list[Finding]:
        if self.value not in data:
            return []
        return [Finding(path, 1, 1, 1, "aws-secret-key", "AWS secret key", HIGH, self.value)]


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def connection() -> sqlite3.Connection:
    return db.connect()


@pytest.fixture
def worker(connection: sqlite3.Connection, told: list[str]) -> Worker:
    def tell(title: str, body: str, done: Callable[[], None], **_kinds: object) -> None:
        told.append(title + body)
        done()

    scanner = KeyScanner(samples.aws_secret())
    return Worker(scanner, connection, fingerprint_key(), max_bytes=1000, tell=tell, now=time.time)


def test_a_finding_is_stored_masked_told_once_and_resolved_by_edit(
    tmp_path: Path, worker: Worker, connection: sqlite3.Connection, told: list[str]
) -> None:
    file = tmp_path / "env"
    file.write_text(samples.aws_secret())
    worker.scan(str(file))
    worker.scan(str(file))
    (found,) = findings.open_findings(connection)
    assert found.path == str(file)
    assert found.notified is not None
    assert len(told) == 1
    dump = "".join(connection.iterdump()) + told[0]
    assert samples.aws_secret() not in dump
    file.write_text("clean")
    worker.scan(str(file))
    assert findings.open_findings(connection) == []
    file.write_text(samples.aws_secret())
    worker.scan(str(file))
    assert len(findings.open_findings(connection)) == 1
    assert len(told) == 1


def test_a_deleted_folder_resolves_what_was_below(
    tmp_path: Path, worker: Worker, connection: sqlite3.Connection
) -> None:
    file = tmp_path / "d" / "env"
    file.parent.mkdir()
    file.write_text(samples.aws_secret())
    worker.scan(str(file))
    worker.gone(str(tmp_path / "d"))
    assert findings.open_findings(connection) == []


def test_fifos_symlinks_and_large_files_are_left_alone(tmp_path: Path, worker: Worker) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "target").write_text(samples.aws_secret())
    (tmp_path / "link").symlink_to("target")
    (tmp_path / "large").write_text(samples.aws_secret() + "x" * 1000)
    for name in ("fifo", "link", "large", "absent"):
        assert worker.scan(str(tmp_path / name)) == []


def test_a_name_that_is_not_utf8_is_stored(
    tmp_path: Path, worker: Worker, connection: sqlite3.Connection
) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n")
    with open(path, "w") as file:
        file.write(samples.aws_secret())
    worker.scan(path)
    assert findings.open_findings(connection)[0].path.endswith("\\xff\n")


def test_only_what_changed_is_read_by_a_rescan(tmp_path: Path, worker: Worker) -> None:
    file = tmp_path / "f"
    file.write_text("a")
    assert worker.changed(str(file))
    worker.scan(str(file))
    assert not worker.changed(str(file))
    file.write_text("ab")
    assert worker.changed(str(file))


def test_the_fingerprint_key_stays_and_is_private() -> None:
    assert fingerprint_key() == fingerprint_key()
    mode = os.stat(os.path.join(paths.state_dir(), "fingerprint.key")).st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_renamed_file_is_not_told_again(tmp_path: Path, worker: Worker, told: list[str]) -> None:
    (tmp_path / "a").write_text(samples.aws_secret())
    worker.scan(str(tmp_path / "a"))
    (tmp_path / "a").rename(tmp_path / "b")
    worker.gone(str(tmp_path / "a"))
    assert len(worker.scan(str(tmp_path / "b"))) == 1
    assert len(told) == 1


def test_what_a_file_reads_as_while_it_changes_is_looked_at_again(
    tmp_path: Path, connection: sqlite3.Connection
) -> None:
    file = tmp_path / "f"

    class Growing(KeyScanner):
        def scan(self, data: bytes, path: bytes, joined: object = None) -> list[Finding]:
            if data == b"half":
                file.write_text(samples.aws_secret())  # in the middle of being looked at
            return super().scan(data, path)

    worker = Worker(
        Growing(samples.aws_secret()), connection, fingerprint_key(), max_bytes=1000,
        tell=lambda *_args, **_kinds: None, now=time.time,
    )  # fmt: skip
    file.write_text("half")
    assert worker.scan(str(file)) == []
    assert worker.changed(str(file))
    assert len(worker.scan(str(file))) == 1
    assert not worker.changed(str(file))


def test_a_finding_stays_open_while_the_file_is_on_a_server_alone(
    tmp_path: Path, worker: Worker, connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "env"
    file.write_text(samples.aws_secret())
    worker.scan(str(file))
    monkeypatch.setattr(synced, "elsewhere", lambda _status: True)
    assert worker.scan(str(file)) == []
    assert len(findings.open_findings(connection)) == 1


def test_a_button_shows_the_file_by_its_real_name_and_one_lets_it_pass_in_the_log_too(
    tmp_path: Path, connection: sqlite3.Connection
) -> None:
    buttons: dict[str, Action] = {}

    def tell(*_words: object, actions: tuple[Action, ...] = (), **_kinds: object) -> None:
        buttons.update({each.name: each for each in actions})

    scanner = KeyScanner(samples.aws_secret())
    worker = Worker(
        scanner, connection, fingerprint_key(), max_bytes=1000, tell=tell, now=time.time
    )
    file = os.path.join(tmp_path, os.fsdecode(b"\xff"))
    Path(file).write_text(samples.aws_secret())
    worker.scan(file)
    assert buttons["show"].path == file
    allow = buttons["allow"].do
    assert allow is not None
    allow()
    assert findings.open_findings(connection) == []
    (event,) = events.recent(connection, families=frozenset({"finding"}))
    assert (event.kind, event.detail["reason"]) == ("finding.allowed", "by its notification")
