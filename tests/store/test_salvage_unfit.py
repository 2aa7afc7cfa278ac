"""Rows that SQLite gives out of a damaged database, but that no credguard can have put in."""

import itertools
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from credguard import paths
from credguard.store import chain, db, events, salvage
from credguard.store.schema import MIGRATIONS

_JSON = {
    "detail": "{}",
    "tips": "[]",
    "regions": "[]",
    "statuses": "[]",
    "before": "1",
    "after": "1",
}
_WRONG: dict[str, tuple[object, ...]] = {
    "TEXT": (b"x", 1, 1.5, "a\0b"),
    "INTEGER": (b"x", "x", 1.5, 1 << 53, -(1 << 62)),
    "REAL": (b"x", "x", 1, float("inf"), -1e300),
    "BLOB": ("x", 1, 1.5),
}


def tables(connection: sqlite3.Connection) -> dict[str, list[tuple[str, str, bool]]]:
    """Table -> columns: name, type, whether NULL can stand there."""
    names = [
        row[0]
        for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if not row[0].startswith("sqlite_")
    ]
    return {
        name: [
            (column[1], column[2], not (column[3] or column[5]))
            for column in connection.execute(f"PRAGMA table_info({name})")
        ]
        for name in names
    }


def rows_of(
    table: str, columns: list[tuple[str, str, bool]], number: Iterator[int]
) -> Iterator[tuple[bool, list[object]]]:
    """A row that fits, then one for each column and wrong value; and whether it fits."""

    def good() -> list[object]:
        many = next(number)
        kinds = {"TEXT": f"x{many}", "INTEGER": many, "REAL": many + 0.5, "BLOB": b"x"}
        return [
            "x1" if (table, name) == ("profile", "key_id") else _JSON.get(name, kinds[kind])
            for name, kind, _ in columns
        ]

    yield True, good()
    for place, (name, kind, may_miss) in enumerate(columns):
        if name == "id":  # the row's own number, which SQLite keeps whole
            continue
        for wrong in (*_WRONG[kind], *(("no json",) if name in _JSON else ()), None):
            row = good()
            row[place] = wrong
            yield wrong is None and may_miss, row


def test_what_breaks_the_schema_is_left_out_and_counted() -> None:
    db.connect().close()
    typed = tables(sqlite3.connect(paths.database_file()))
    file = Path(paths.database_file())
    file.unlink()
    loose = sqlite3.connect(file, isolation_level=None)  # takes anything anywhere
    for script in MIGRATIONS:
        # A column's type, and no word else: a row's own number stays one.
        bare = re.sub(r"\b(TEXT|REAL|BLOB|INTEGER(?! PRIMARY))\b( NOT NULL)?", "", script)
        loose.executescript(re.sub(r"REFERENCES key\(key_id\)", "", bare))
    loose.execute(f"PRAGMA user_version={len(MIGRATIONS)}")
    fit: dict[str, list[list[object]]] = {}
    unfit = 0
    loose.execute("BEGIN")
    for table, columns in typed.items():
        number = itertools.count(1)
        for fits, row in rows_of(table, columns, number):
            loose.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", row)
            if fits:
                fit.setdefault(table, []).append(row)
            else:
                unfit += 1
    loose.execute("COMMIT")
    loose.close()
    done = salvage.rebuild(str(file), 0.0, lambda _db, _done: None)
    new = db.connect()
    for table in typed:
        found = [list(row) for row in new.execute(f"SELECT * FROM {table} ORDER BY rowid")]
        assert found == fit[table], table
    assert (done.rows, done.unfit) == (sum(map(len, fit.values())), unfit)
    assert unfit > 700
    assert done.torn == set(typed)


def filled(many: int = 5) -> None:
    connection = db.connect()
    for number in range(many):
        events.record(connection, number, "kind", "x", number=number)
    connection.close()


def change(*statements: str) -> None:
    connection = sqlite3.connect(paths.database_file(), isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


_NAME = "WHERE name = 'event'"


@pytest.mark.parametrize(
    "statement",
    [
        f"DELETE FROM sqlite_sequence {_NAME}",
        f"UPDATE sqlite_sequence SET seq = 'x' {_NAME}",
        f"UPDATE sqlite_sequence SET seq = NULL {_NAME}",
        f"UPDATE sqlite_sequence SET seq = 4.5 {_NAME}",
        f"UPDATE sqlite_sequence SET seq = 3 {_NAME}",
        f"UPDATE sqlite_sequence SET seq = -1 {_NAME}",
        f"UPDATE sqlite_sequence SET seq = {(1 << 63) - 1} {_NAME}",
        f"UPDATE sqlite_sequence SET name = x'ff' {_NAME}",
        "INSERT INTO sqlite_sequence VALUES ('event', 'y')",
    ],
)
def test_a_damaged_sequence_is_made_from_the_rows_and_the_log_called_incomplete(
    statement: str,
) -> None:
    filled()
    change(statement)
    done = salvage.rebuild(paths.database_file(), 0.0, lambda _db, _done: None)
    assert done.torn == {"event"}
    new = db.connect()
    events.record(new, 9.0, "kind", "next")
    assert events.recent(new)[0].id == 6
    assert chain.verify(new, "event").broken_at is None
    assert [tuple(row) for row in new.execute(f"SELECT * FROM sqlite_sequence {_NAME}")] == [
        ("event", 6)
    ]


@pytest.mark.parametrize("lost", ["id > 3", "1"])
def test_rows_lost_at_the_end_are_missed_still(lost: str) -> None:
    filled()
    change(f"DELETE FROM event WHERE {lost}")
    done = salvage.rebuild(paths.database_file(), 0.0, lambda _db, _done: None)
    assert done.torn == set()  # a person's deed, not the damage's
    assert chain.verify(db.connect(), "event").broken_at == (4 if lost != "1" else 1)


def test_a_row_with_the_largest_number_does_not_end_the_log() -> None:
    filled()
    change(
        f"INSERT INTO event (id, at, kind, subject) VALUES ({(1 << 63) - 1}, 1, 'a', 'b')",
    )
    done = salvage.rebuild(paths.database_file(), 0.0, lambda _db, _done: None)
    assert done.unfit == 1
    new = db.connect()
    events.record(new, 9.0, "kind", "next")
    assert events.recent(new)[0].id == 6
