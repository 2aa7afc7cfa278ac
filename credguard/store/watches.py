"""Table watch_root: the folders that the background service watches."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Looked:
    """What the last walk over a root saw: files, and when, Unix seconds; None: none ended yet."""

    files: int | None
    at: float | None


def roots(connection: sqlite3.Connection) -> list[str]:
    """Every watched folder, absolute, sorted."""
    return [row["path"] for row in connection.execute("SELECT path FROM watch_root ORDER BY path")]


def add(connection: sqlite3.Connection, path: str, now: float) -> bool:
    """Watch `path` from now on; False when it was watched already."""
    cursor = connection.execute(
        "INSERT OR IGNORE INTO watch_root (path, added) VALUES (?,?)", (path, now)
    )
    return cursor.rowcount > 0


def remove(connection: sqlite3.Connection, path: str) -> bool:
    """Stop watching `path`; False when it was not watched."""
    return connection.execute("DELETE FROM watch_root WHERE path = ?", (path,)).rowcount > 0


def set_looked(connection: sqlite3.Connection, path: str, files: int, now: float) -> None:
    """A walk over `path` ended, over `files` files."""
    connection.execute(
        "UPDATE watch_root SET files = ?, looked = ? WHERE path = ?", (files, now, path)
    )


def looked(connection: sqlite3.Connection) -> dict[str, Looked]:
    """Every root and what the last walk over it saw."""
    rows = connection.execute("SELECT path, files, looked FROM watch_root ORDER BY path")
    return {row["path"]: Looked(row["files"], row["looked"]) for row in rows}
