"""Table exported: the files that credguard itself wrote a key into, at a person's word."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Exported:
    """`path`: absolute, symlinks resolved, bytes that are not UTF-8 escaped; `at`: Unix seconds.

    `key_id`: the access key id that stands in the file, of a session a temporary one.
    """

    path: str
    key_id: str
    at: float


def add(connection: sqlite3.Connection, path: str, key_id: str, now: float) -> None:
    """Remember it, before the file is written: one that is not there yet does no harm."""
    connection.execute(
        "INSERT INTO exported VALUES (?,?,?) ON CONFLICT (path, key_id) DO UPDATE SET"
        " at=excluded.at",
        (_stored(path), key_id, now),
    )


def of_path(connection: sqlite3.Connection, path: str) -> list[Exported]:
    """What was ever written to `path`, newest first."""
    rows = connection.execute(
        "SELECT * FROM exported WHERE path = ? ORDER BY at DESC", (_stored(path),)
    )
    return [Exported(row["path"], row["key_id"], row["at"]) for row in rows]


def every(connection: sqlite3.Connection) -> list[Exported]:
    """Every file ever written, newest first; some may be gone."""
    rows = connection.execute("SELECT * FROM exported ORDER BY at DESC, path")
    return [Exported(row["path"], row["key_id"], row["at"]) for row in rows]


def forget(connection: sqlite3.Connection, path: str) -> None:
    """Drop what was written to `path`. Absent is not an error."""
    connection.execute("DELETE FROM exported WHERE path = ?", (_stored(path),))


def _stored(path: str) -> str:
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
