import os
import sqlite3
import stat

import pytest

from credguard import paths
from credguard.errors import StoreError
from credguard.store import db


def test_an_empty_file_is_brought_to_the_newest_schema() -> None:
    paths.private_dir(paths.state_dir())
    with open(paths.database_file(), "wb"):
        pass
    version = db.connect().execute("PRAGMA user_version").fetchone()[0]
    assert version == len(db._MIGRATIONS)
    assert db.connect().execute("SELECT count(*) FROM finding").fetchone()[0] == 0


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


class Refusing:
    """Answers `errors` one after the other, then goes well."""

    def __init__(self, *codes: int) -> None:
        self.errors = []
        for code in codes:
            error = sqlite3.OperationalError("refused")
            error.sqlite_errorcode = code
            self.errors.append(error)

    def execute(self, statement: str) -> None:
        if self.errors:
            raise self.errors.pop(0)


def test_several_that_make_the_database_at_once_take_turns() -> None:
    busy = Refusing(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY)
    db._use_wal(busy, 60)  # type: ignore[arg-type]
    assert busy.errors == []
    for wait, code in ((60, sqlite3.SQLITE_FULL), (-1, sqlite3.SQLITE_BUSY)):
        with pytest.raises(sqlite3.OperationalError):
            db._use_wal(Refusing(code), wait)  # type: ignore[arg-type]
