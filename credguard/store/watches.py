"""Table watch_root: the folders that the background service watches."""

import sqlite3


def roots(connection: sqlite3.Connection) -> list[str]:
    """Every watched folder, absolute, sorted."""
    return [row["path"] for row in connection.execute("SELECT path FROM watch_root ORDER BY path")]


def add(connection: sqlite3.Connection, path: str, now: float) -> bool:
    """Watch `path` from now on; False when it was watched already."""
    cursor = connection.execute("INSERT OR IGNORE INTO watch_root VALUES (?,?)", (path, now))
    return cursor.rowcount > 0


def remove(connection: sqlite3.Connection, path: str) -> bool:
    """Stop watching `path`; False when it was not watched."""
    return connection.execute("DELETE FROM watch_root WHERE path = ?", (path,)).rowcount > 0
