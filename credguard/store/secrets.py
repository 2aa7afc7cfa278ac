"""Table secret_name: which named secrets the vault holds (it has no list of its own)."""

import sqlite3


def names(connection: sqlite3.Connection) -> list[str]:
    """Every name, sorted."""
    return [row["name"] for row in connection.execute("SELECT name FROM secret_name ORDER BY name")]


def add(connection: sqlite3.Connection, name: str, now: float) -> None:
    """Remember `name`; safe to repeat."""
    connection.execute("INSERT OR IGNORE INTO secret_name VALUES (?,?)", (name, now))


def remove(connection: sqlite3.Connection, name: str) -> None:
    """Forget `name`; absent is not an error."""
    connection.execute("DELETE FROM secret_name WHERE name = ?", (name,))
