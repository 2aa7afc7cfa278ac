import contextlib
import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from credguard import paths
from credguard.errors import StoreError
from credguard.store import (
    db,
    events,
    findings,
    hooks,
    journal,
    notices,
    profiles,
    schedule,
    secrets,
    ssh,
)
from credguard.store import watches as watches_table


def test_the_file_is_private() -> None:
    db.connect()
    assert stat.S_IMODE(os.stat(paths.database_file()).st_mode) == 0o600


def test_a_newer_schema_is_refused() -> None:
    db.connect().execute("PRAGMA user_version=999")
    with pytest.raises(StoreError, match="newer credguard"):
        db.connect()


def test_a_damaged_file_is_one_clear_error() -> None:
    paths.private_dir(paths.state_dir())
    with open(paths.database_file(), "wb") as file:
        file.write(b"no database" * 500)
    with pytest.raises(StoreError, match="cannot use the state database"):
        db.connect()


def test_a_transaction_is_all_or_nothing() -> None:
    connection = db.connect()
    with pytest.raises(sqlite3.IntegrityError), db.transaction(connection):  # noqa: PT012
        connection.execute("INSERT INTO secret_name VALUES ('a', 1)")
        connection.execute("INSERT INTO secret_name VALUES ('a', 1)")
    assert connection.execute("SELECT count(*) FROM secret_name").fetchone()[0] == 0


_KEY = profiles.Key("AKIDEXAMPLE", "aws", "1" * 12, "u", "U", 1.0, "add")
_SSH = ssh.SshKey("k", "ed25519", "p", "f", "/p", "o", 1.0)
# Every function of the package that runs a statement.
EVERY: list[Callable[[sqlite3.Connection], object]] = [
    lambda c: events.record(c, 1, "a", "s"),
    lambda c: events.recent(c),
    lambda c: findings.observe(c, 1, "/p", findings.Seen("f", 1, "r", "m")),
    lambda c: findings.mark_notified(c, 1, ["f"]),
    lambda c: findings.resolve_gone(c, "/p", set(), 1),
    lambda c: findings.resolve_below(c, "/p", 1),
    lambda c: findings.open_findings(c),
    lambda c: findings.allow(c, ["f"], ""),
    lambda c: findings.reopen(c, ["f"]),
    lambda c: findings.set_rotated(c, "i", 1),
    lambda c: findings.paths_below(c, "/p"),
    lambda c: findings.any_in(c, "/p"),
    lambda c: hooks.add(c, hooks.Hook("r", "h", None), 1),
    lambda c: hooks.get(c, "r"),
    lambda c: hooks.installed(c),
    lambda c: hooks.remove(c, "r"),
    lambda c: journal.write(c, "i", {}, 1),
    lambda c: journal.read(c, "i"),
    lambda c: journal.identities(c),
    lambda c: journal.remove(c, "i"),
    lambda c: profiles.profiles(c),
    lambda c: profiles.profile(c, "p"),
    lambda c: profiles.keys(c),
    lambda c: profiles.add_key(c, _KEY, 1),
    lambda c: profiles.forget_key(c, "x"),
    lambda c: profiles.add_profile(c, "p", _KEY, 1, consent=False),
    lambda c: profiles.remove_profile(c, "p"),
    lambda c: profiles.set_consent(c, "p"),
    lambda c: profiles.switch(c, "x", "y"),
    lambda c: schedule.get(c, "t"),
    lambda c: schedule.put(c, "t", schedule.Entry(1, 2)),
    lambda c: secrets.names(c),
    lambda c: secrets.add(c, "n", 1),
    lambda c: secrets.remove(c, "n"),
    lambda c: ssh.keys(c),
    lambda c: ssh.key(c, "k"),
    lambda c: ssh.add_key(c, _SSH),
    lambda c: ssh.add_registration(c, ssh.Registration("k", "1", "r", 1)),
    lambda c: ssh.registrations(c, "k"),
    lambda c: notices.add(c, 1, "t", "b"),
    lambda c: notices.waiting(c),
    lambda c: notices.remove(c, 1),
    lambda c: watches_table.looked(c),
    lambda c: watches_table.set_looked(c, "/p", 1, 1),
    lambda c: watches_table.roots(c),
    lambda c: watches_table.add(c, "/p", 1),
    lambda c: watches_table.remove(c, "/p"),
]


@pytest.mark.parametrize("call", EVERY)
def test_a_database_that_breaks_while_open_is_a_store_error(
    call: Callable[[sqlite3.Connection], object],
) -> None:
    connection = db.connect()
    for table in ("a", "b"):
        watches_table.add(connection, table, 1)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(paths.database_file(), "r+b") as file:
        file.seek(100)
        file.write(b"\xff" * (os.path.getsize(paths.database_file()) - 100))
    connection.execute("PRAGMA shrink_memory")
    with pytest.raises(StoreError, match="it is damaged") as caught:
        call(connection)
    assert "vault recover" in caught.value.hint


def test_damage_met_only_while_fetching_is_a_store_error() -> None:
    connection = db.connect()
    for number in range(3000):
        if number % 1000 == 0:
            connection.execute("BEGIN")
        events.record(connection, number, "kind", "x" * 100)
        if number % 1000 == 999:
            connection.execute("COMMIT")
    connection.execute("DROP INDEX event_at")  # nearly every page is now one of the table
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    last = connection.execute("PRAGMA page_count").fetchone()[0] * 3 // 4
    size = connection.execute("PRAGMA page_size").fetchone()[0]
    connection.close()
    with open(paths.database_file(), "r+b") as file:
        file.seek(last * size)
        file.write(b"\xff" * size)
    again = db.connect()
    rows = again.execute("SELECT * FROM event")
    rows.fetchone()
    with pytest.raises(StoreError, match="damaged"):
        list(rows)
    rows = again.execute("SELECT * FROM event")
    with pytest.raises(StoreError, match="damaged"):
        rows.fetchall()
    rows = again.execute("SELECT * FROM event")
    with pytest.raises(StoreError, match="damaged"):
        list(iter(rows.fetchone, None))


def test_another_that_keeps_it_locked() -> None:
    connection = db.connect(wait=0.01)
    other = db.connect()
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another process keeps it locked"):
        watches_table.add(connection, "/p", 1)
    with pytest.raises(StoreError, match="another process"), db.transaction(connection):
        pass
    other.execute("ROLLBACK")
    assert watches_table.add(connection, "/p", 1)


def test_a_full_disk_keeps_what_was_and_says_so() -> None:
    connection = db.connect()
    watches_table.add(connection, "/kept", 1)
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreError, match="no space is left"), db.transaction(connection):  # noqa: PT012
        watches_table.add(connection, "/lost", 1)
        events.record(connection, 1, "a", "s" * 100_000)
    assert watches_table.roots(connection) == ["/kept"]
    assert not connection.in_transaction


def test_one_that_cannot_be_written() -> None:
    connection = db.connect()
    connection.execute("PRAGMA query_only=ON")
    with pytest.raises(StoreError, match="cannot be written"):
        watches_table.add(connection, "/p", 1)
    assert watches_table.roots(connection) == []


def test_a_folder_in_its_place() -> None:
    os.makedirs(paths.database_file(), mode=0o700)
    with pytest.raises(StoreError, match="cannot be opened"):
        db.connect()


def test_a_failed_commit_is_rolled_back() -> None:
    connection = db.connect()
    connection.execute(
        "CREATE TABLE child (x REFERENCES key(key_id) DEFERRABLE INITIALLY DEFERRED)"
    )
    with pytest.raises(sqlite3.IntegrityError), db.transaction(connection):  # noqa: PT012
        watches_table.add(connection, "/lost", 1)
        connection.execute("INSERT INTO child VALUES ('none')")
    assert not connection.in_transaction
    assert watches_table.roots(connection) == []


def _no_shared_memory() -> None:
    # What a full or read-only disk does: the file beside the database cannot be made.
    os.symlink("/absent/folder/file", paths.database_file() + "-shm")


def test_a_look_needs_no_room_on_the_disk() -> None:
    connection = db.connect()
    watches_table.add(connection, "/p", 1)
    connection.close()
    _no_shared_memory()
    with pytest.raises(StoreError, match="cannot be opened"):
        db.connect()
    before = sorted(os.listdir(paths.state_dir()))
    with contextlib.closing(db.connect_to_hand_out(1.0)) as found:
        assert watches_table.roots(found) == ["/p"]
        with pytest.raises(StoreError, match="cannot be written"):
            watches_table.add(found, "/q", 1)
    assert sorted(os.listdir(paths.state_dir())) == before


def test_a_look_is_not_taken_past_newer_data() -> None:
    db.connect().close()
    _no_shared_memory()
    with open(paths.database_file() + "-wal", "wb") as newer:
        newer.write(b"x")
    with pytest.raises(StoreError, match="cannot be opened"):
        db.connect_to_hand_out(1.0)


def test_a_look_where_a_symlink_leads_sees_the_log_there(tmp_path: Path) -> None:
    db.connect().close()
    link, target = Path(paths.database_file()), tmp_path / "elsewhere.db"
    os.rename(link, target)
    link.symlink_to(target)
    with contextlib.closing(db.connect()) as writer:
        watches_table.add(writer, "/p", 1)  # only the log has it
        found = db.reader(1.0)
        assert found is not None
        with contextlib.closing(found):
            assert watches_table.roots(found) == ["/p"]


def test_a_look_is_not_taken_amid_a_write_that_a_crash_ended() -> None:
    db.connect().close()
    Path(paths.database_file() + "-journal").write_bytes(b"x")
    assert db.reader(1.0) is None


class Refusing:
    """Answers `errors` one after the other, then goes well."""

    def __init__(self, *codes: int) -> None:
        self.errors = list(codes)

    def execute(self, statement: str) -> None:
        if self.errors:
            cause = sqlite3.OperationalError("refused")
            cause.sqlite_errorcode = self.errors.pop(0)
            raise StoreError("refused") from cause


def test_several_that_make_the_database_at_once_take_turns() -> None:
    busy = Refusing(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY)
    db.use_wal(busy, 60)  # type: ignore[arg-type]
    assert busy.errors == []
    for wait, code in ((60, sqlite3.SQLITE_FULL), (-1, sqlite3.SQLITE_BUSY)):
        with pytest.raises(StoreError):
            db.use_wal(Refusing(code), wait)  # type: ignore[arg-type]
