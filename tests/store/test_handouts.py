import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from credguard import paths
from credguard.errors import StoreError
from credguard.store import chain, db, handouts, profiles

WHO = handouts.Asker(12, "/usr/bin/tool", 3.5)
ROOT = Path(__file__).parents[2]


def add(connection: sqlite3.Connection, at: float, key: str = "KEY", profile: str = "p") -> None:
    handouts.record(connection, at, profile, key, "exec", WHO)


def test_what_was_recorded_comes_back_newest_first() -> None:
    connection = db.connect()
    add(connection, 1)
    add(connection, 2, "OTHER", "q")
    newest, oldest = handouts.recent(db.connect())
    assert newest == handouts.Handout(2, "q", "OTHER", "exec", WHO, 2)
    assert oldest.at == 1
    assert [each.id for each in handouts.recent(connection, 1)] == [2]
    assert [each.id for each in handouts.recent(connection, profile="p")] == [1]
    assert [each.id for each in handouts.recent(connection, key_id="OTHER")] == [2]
    assert [each.id for each in handouts.recent(connection, since=2)] == [2]
    assert [each.id for each in handouts.recent(connection, after_id=1)] == [2]


def test_the_last_end_of_a_session_is_kept_and_goes_with_its_key() -> None:
    connection = db.connect()
    assert handouts.sessions_until(connection, "KEY") == 0
    for end in (50.0, 90.0, 70.0):
        handouts.record(connection, 1, "p", "KEY", "exec", WHO, session_end=end)
    add(connection, 2)
    assert handouts.sessions_until(connection, "KEY") == 90
    assert handouts.sessions_until(connection, "OTHER") == 0
    profiles.forget_key(connection, "KEY")
    assert handouts.sessions_until(connection, "KEY") == 0


def test_when_a_key_was_last_handed_out() -> None:
    connection = db.connect()
    assert handouts.last(connection, "KEY") is None
    for at in (5, 9, 7):  # the clock went back
        add(connection, at)
    add(connection, 50, "OTHER")
    assert handouts.last(connection, "KEY") == 9


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_who_asked_is_the_parent_by_program_and_start() -> None:
    code = "from credguard.store import handouts; print(repr(handouts.parent()))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert f"pid={os.getpid()}, program={os.readlink('/proc/self/exe')!r}" in done.stdout
    started = handouts.asker(os.getpid()).started
    assert started is not None
    # Told apart from a child's, and the same at each look.
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    later = handouts.asker(child.pid).started
    child.communicate(b"\n")
    assert later is not None
    assert started < later < time.time() + 1
    assert abs(started - (handouts.asker(os.getpid()).started or 0)) < 0.1


def test_a_process_that_is_gone_is_unknown() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert handouts.asker(child.pid) == handouts.Asker(child.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="file names that are not UTF-8")
def test_a_program_whose_name_is_not_utf_8(tmp_path: Path) -> None:
    program = os.fsencode(tmp_path) + b"/caf\xe9 ) 1"
    with open(program, "wb") as file, open("/bin/sleep", "rb") as sleep:
        file.write(sleep.read())
    os.chmod(program, 0o700)
    child = subprocess.Popen([program, "60"])
    try:
        while True:  # until the exec has happened
            who = handouts.asker(child.pid)
            if who.program and "caf" in who.program:
                break
    finally:
        child.kill()
        child.wait()
    assert who.program.endswith("/caf\\xe9 ) 1")
    # The name in /proc/PID/stat, brackets and all, shifts no field.
    before = handouts.asker(os.getpid()).started
    assert before is not None
    assert who.started is not None
    assert before < who.started < time.time() + 1
    handouts.record(db.connect(), 1, "p", "K", "exec", who)


WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from credguard.store import db, handouts
handouts.WAIT_S = 60.0  # a busy machine must not decide the test
for number in range(20):
    connection = db.connect_to_hand_out(handouts.WAIT_S)
    handouts.note(connection, "p", "KEY", "exec", sys.stderr.write)
    connection.close()
"""


def test_many_processes_lose_no_row_and_break_no_chain() -> None:
    # No database yet, and over PRUNE_EVERY rows: making it and pruning race too.
    children = [
        subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", WRITER, str(ROOT)], stderr=subprocess.PIPE, text=True
        )
        for _ in range(30)
    ]
    said = [child.communicate(timeout=100)[1] for child in children]
    assert said == [""] * 30
    assert [child.returncode for child in children] == [0] * 30
    connection = db.connect()
    assert chain.verify(connection, "handout") == chain.Verdict(600, 0, None)
    assert len({each.asker.pid for each in handouts.recent(connection, 600)}) == 1


def test_another_writer_is_not_waited_for_long_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handouts, "WAIT_S", 0.05)
    other = db.connect()
    connection = db.connect()
    said: list[str] = []
    with db.transaction(other):
        handouts.note(connection, "p", "KEY", "exec", lambda text: said.append(text) or 0)
    (line,) = said
    assert line.startswith("credguard: cannot log that key KEY was handed out: ")
    assert line.count("\n") == 1
    assert handouts.recent(connection) == []
    # What the connection does afterwards is as durable and as patient as before.
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert connection.execute("PRAGMA busy_timeout").fetchone()[0] == db.BUSY_S * 1000


def test_a_closed_standard_error_keeps_no_key_back() -> None:
    def broken(text: str) -> int:
        raise BrokenPipeError

    connection = db.connect()
    connection.execute("DROP TABLE handout")
    handouts.note(connection, "p", "KEY", "exec", broken)


def test_a_database_that_cannot_be_written_is_read() -> None:
    writer = db.connect()
    add(writer, 1)
    for reader in (db._reader(paths.database_file(), 1), None):
        if reader is None:  # the last writer is gone, and with it the -wal file
            writer.close()
            reader = db._reader(paths.database_file(), 1)
        assert reader is not None
        assert handouts.last(reader, "KEY") == 1
        with pytest.raises(StoreError, match="cannot be written"):
            add(reader, 2)
        reader.close()


def test_a_damaged_or_newer_database_is_not_read_around() -> None:
    db.connect().execute("PRAGMA user_version=999")
    with pytest.raises(StoreError, match="newer"):
        db.connect_to_hand_out(1)
    Path(paths.database_file()).write_bytes(b"no database" * 500)
    with pytest.raises(StoreError):
        db.connect_to_hand_out(1)


def small(monkeypatch: pytest.MonkeyPatch, rows: int = 20, every: int = 5) -> None:
    monkeypatch.setattr(handouts, "KEEP_ROWS", rows)
    monkeypatch.setattr(handouts, "PRUNE_EVERY", every)


def test_no_more_rows_are_kept_than_said(monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    connection = db.connect()
    for number in range(100):
        add(connection, number)
        assert len(handouts.recent(connection, 1000)) < 20 + 5
    kept = [each.at for each in handouts.recent(connection, 1000)]
    assert kept == list(range(99, 79, -1))
    assert chain.verify(connection, "handout") == chain.Verdict(20, 0, None)


def test_old_rows_go(monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    connection = db.connect()
    for number in range(5):
        add(connection, number)
    for number in range(10):
        add(connection, 100 + handouts.KEEP_S + number)
    assert [each.id for each in handouts.recent(connection)] == list(range(15, 5, -1))
    assert chain.verify(connection, "handout").broken_at is None


def test_a_clock_that_leaps_empties_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    connection = db.connect()
    for number in range(1, 15):
        add(connection, number if number != 10 else 9e9)
    assert len(handouts.recent(connection)) == 14


def test_a_prune_that_cannot_be_done_is_not_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, every=1)
    connection = db.connect()
    connection.execute("DROP TABLE pruned")
    for number in range(30):
        add(connection, number)
    assert len(handouts.recent(connection, 100)) == 30
