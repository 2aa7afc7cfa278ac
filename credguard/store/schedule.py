"""Table schedule: when each periodic task ran and runs next; survives restarts and power loss."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """Unix seconds; None: never."""

    last_run: float | None
    next_run: float | None


def get(connection: sqlite3.Connection, name: str) -> Entry:
    """The times of task `name`; both None for one that never ran."""
    row = connection.execute("SELECT * FROM schedule WHERE name = ?", (name,)).fetchone()
    return Entry(row["last_run"], row["next_run"]) if row else Entry(None, None)


def remove(connection: sqlite3.Connection, name: str) -> None:
    """Forget task `name`; absent is not an error."""
    connection.execute("DELETE FROM schedule WHERE name = ?", (name,))


def put(connection: sqlite3.Connection, name: str, entry: Entry) -> None:
    """Remember the times of task `name`."""
    connection.execute(
        "INSERT INTO schedule VALUES (?,?,?) ON CONFLICT (name) DO UPDATE SET"
        " last_run=excluded.last_run, next_run=excluded.next_run",
        (name, entry.last_run, entry.next_run),
    )
