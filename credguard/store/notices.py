"""Table notice: what a periodic job has the running service tell a person, in its own time."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """Texts of a notification, masked. `urgent`: in quiet hours too."""

    id: int
    title: str
    body: str
    urgent: bool


def add(
    connection: sqlite3.Connection, now: float, title: str, body: str, *, urgent: bool = False
) -> None:
    """Have it told."""
    connection.execute(
        "INSERT INTO notice (at, title, body, urgent) VALUES (?,?,?,?)",
        (now, title, body, int(urgent)),
    )


def waiting(connection: sqlite3.Connection) -> list[Notice]:
    """Those not removed yet, oldest first. The number of one that was removed is given anew."""
    rows = connection.execute("SELECT * FROM notice ORDER BY id")
    return [Notice(row["id"], row["title"], row["body"], bool(row["urgent"])) for row in rows]


def remove(connection: sqlite3.Connection, id_: int) -> None:
    """It was told."""
    connection.execute("DELETE FROM notice WHERE id = ?", (id_,))
