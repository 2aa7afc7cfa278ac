"""Tables watch_root and watch_health: what the background service watches, and what it saw."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """The last look at all of a watched folder. `at`: Unix seconds, its end."""

    folders: int
    files: int
    at: float


def health(connection: sqlite3.Connection) -> dict[str, Health]:
    """What the service saw in each watched folder; one that it did not look at yet is left out."""
    rows = connection.execute("SELECT path, folders, files, at FROM watch_health")
    return {row["path"]: Health(row["folders"], row["files"], row["at"]) for row in rows}


def looked(connection: sqlite3.Connection, path: str, seen: Health) -> None:
    """The service looked at all of the watched folder `path`."""
    connection.execute(
        "INSERT INTO watch_health VALUES (?,?,?,?) ON CONFLICT (path) DO UPDATE SET"
        " folders=excluded.folders, files=excluded.files, at=excluded.at",
        (path, seen.folders, seen.files, seen.at),
    )


def roots(connection: sqlite3.Connection) -> list[str]:
    """Every watched folder, absolute, sorted."""
    return [row["path"] for row in connection.execute("SELECT path FROM watch_root ORDER BY path")]


def add(connection: sqlite3.Connection, path: str, now: float) -> bool:
    """Watch `path` from now on; False when it was watched already."""
    cursor = connection.execute("INSERT OR IGNORE INTO watch_root VALUES (?,?)", (path, now))
    return cursor.rowcount > 0


def remove(connection: sqlite3.Connection, path: str) -> bool:
    """Stop watching `path`; False when it was not watched."""
    connection.execute("DELETE FROM watch_health WHERE path = ?", (path,))
    return connection.execute("DELETE FROM watch_root WHERE path = ?", (path,)).rowcount > 0
