"""The chain is followed over every kind of edit, enumerated."""

import sqlite3

import pytest

from credguard.store import chain, db, events, handouts

WHO = handouts.Asker(1, "/bin/a", 2.5)


def filled(count: int = 6) -> sqlite3.Connection:
    connection = db.connect()
    for number in range(count):
        handouts.record(connection, number, f"p{number}", "KEY", "exec", WHO)
        events.record(connection, number, f"k{number}", "s", number=number)
    return connection


@pytest.mark.parametrize("table", list(chain.TABLES))
def test_untouched_rows_are_intact(table: str) -> None:
    assert chain.verify(filled(), table) == chain.Verdict(6, 0, None)
    assert chain.verify(db.connect(), table).checked == 6


def test_an_empty_table_is_intact() -> None:
    assert chain.verify(db.connect(), "handout") == chain.Verdict(0, 0, None)


@pytest.mark.parametrize(
    ("table", "column"), [(t, c) for t, columns in chain.TABLES.items() for c in columns]
)
@pytest.mark.parametrize("row", [1, 3, 6])
def test_a_changed_value_is_found_where_it_is(table: str, column: str, row: int) -> None:
    connection = filled()
    connection.execute(f"UPDATE {table} SET {column} = '7' WHERE id = ?", (row,))
    assert chain.verify(connection, table).broken_at == row


@pytest.mark.parametrize("row", range(1, 7))
def test_a_row_taken_out_anywhere_is_found(row: int) -> None:
    connection = filled()
    connection.execute("DELETE FROM handout WHERE id = ?", (row,))
    assert chain.verify(connection, "handout").broken_at == row


def test_a_row_taken_out_is_found_though_the_ids_were_closed_up() -> None:
    connection = filled()
    connection.execute("DELETE FROM handout WHERE id = 3")
    connection.execute("UPDATE handout SET id = id - 1 WHERE id > 3")
    connection.execute("UPDATE sqlite_sequence SET seq = 5 WHERE name = 'handout'")
    assert chain.verify(connection, "handout").broken_at == 3


@pytest.mark.parametrize("table", list(chain.TABLES))
def test_an_emptied_table_is_found_also_after_it_goes_on(table: str) -> None:
    connection = filled()
    connection.execute(f"DELETE FROM {table}")
    assert chain.verify(connection, table).broken_at == 1
    handouts.record(connection, 9, "p", "KEY", "exec", WHO)
    events.record(connection, 9, "k", "s")
    assert chain.verify(connection, table).broken_at == 1


def test_a_row_put_in_by_hand_is_found() -> None:
    connection = filled()
    connection.execute("INSERT INTO event (at, kind, subject) VALUES (9, 'k', 's')")
    assert chain.verify(connection, "event").broken_at == 7


def test_two_rows_changed_places() -> None:
    connection = filled()
    for old, new in ((2, -1), (3, 2), (-1, 3)):
        connection.execute("UPDATE handout SET id = ? WHERE id = ?", (new, old))
    assert chain.verify(connection, "handout").broken_at == 2


def test_pruning_keeps_the_chain_and_its_start_is_still_guarded() -> None:
    connection = filled()
    with db.transaction(connection):
        chain.prune(connection, "handout", 2)
    assert chain.verify(connection, "handout") == chain.Verdict(4, 0, None)
    connection.execute("DELETE FROM handout WHERE id = 3")
    assert chain.verify(connection, "handout").broken_at == 3


def test_rows_from_before_the_chain_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(db, "_MIGRATIONS", db._MIGRATIONS[:1])
        old = db.connect()
        for number in range(3):
            old.execute("INSERT INTO event (at, kind, subject) VALUES (?, 'k', 's')", (number,))
        old.close()
    connection = db.connect()
    assert [each.at for each in events.recent(connection)] == [2, 1, 0]
    assert chain.verify(connection, "event") == chain.Verdict(0, 3, None)
    events.record(connection, 9, "k", "s")
    assert chain.verify(connection, "event") == chain.Verdict(1, 3, None)
    connection.execute("UPDATE event SET digest = NULL")
    assert chain.verify(connection, "event").checked == 0


def test_a_rolled_back_row_leaves_no_gap() -> None:
    connection = filled()
    with pytest.raises(ZeroDivisionError), db.transaction(connection):  # noqa: PT012
        events.record(connection, 1, "k", "s")
        raise ZeroDivisionError
    events.record(connection, 1, "k", "s")
    assert chain.verify(connection, "event") == chain.Verdict(7, 0, None)
