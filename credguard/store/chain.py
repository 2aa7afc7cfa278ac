"""A hash chain over the rows of an append-only table: each row's digest covers the one before.

It shows an accident or a crude edit: a row changed, taken out, put in, or cut off the end by
anything but credguard. It does not stop whoever can write the file and computes the chain anew;
no key could be hidden from code that runs as the same user, so none is used.
"""

# Up here, not where they are used: `digest` runs under the write lock, where an import is long.
import hashlib
import json
import sqlite3
from dataclasses import dataclass

# What a digest covers, in order. Adding a column here breaks the chain of existing rows.
TABLES = {
    "event": ("at", "kind", "subject", "detail"),
    "handout": ("at", "profile", "key_id", "how", "pid", "program", "started"),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`checked`: rows whose digest is right; `unchained`: older rows, from before the chain.

    `broken_at`: the id of the first row that does not fit; None: intact.
    """

    checked: int
    unchained: int
    broken_at: int | None


def digest(previous: bytes | None, *values: object) -> bytes:
    """SHA-256 over the previous row's digest and this row's values as JSON."""
    return hashlib.sha256((previous or b"") + json.dumps(values).encode()).digest()


def append(connection: sqlite3.Connection, table: str, values: tuple[object, ...]) -> int:
    """Add one row, and give its id; `values` as TABLES lists them, of the columns' own types.

    One statement, so that two processes cannot chain to the same row. Raises StoreError.
    """
    columns = ", ".join(TABLES[table])
    marks = ", ".join(f"?{number + 1}" for number in range(len(values)))
    # The names are this module's own; `chained` is `digest`, which db.connect() registers.
    cursor = connection.execute(
        f"INSERT INTO {table} ({columns}, digest) VALUES ({marks},"  # noqa: S608
        f" chained((SELECT digest FROM {table} ORDER BY id DESC LIMIT 1), {marks}))",
        values,
    )
    return cursor.lastrowid or 0


def prune(connection: sqlite3.Connection, table: str, last_id: int) -> None:
    """Drop the rows up to `last_id`, keeping what the rest is chained to. Raises StoreError.

    Inside a transaction only.
    """
    connection.execute(
        "INSERT OR REPLACE INTO pruned (name, last_id, digest) SELECT ?, id, digest"  # noqa: S608
        f" FROM {table} WHERE id <= ? ORDER BY id DESC LIMIT 1",
        (table, last_id),
    )
    connection.execute(f"DELETE FROM {table} WHERE id <= ?", (last_id,))  # noqa: S608


def verify(connection: sqlite3.Connection, table: str) -> Verdict:
    """Follow the chain from its oldest row to the newest. Raises StoreError."""
    connection.execute("BEGIN")  # one snapshot: rows may be added or pruned meanwhile
    try:
        return _follow(connection, table)
    finally:
        connection.execute("ROLLBACK")


def _follow(connection: sqlite3.Connection, table: str) -> Verdict:
    cut = connection.execute("SELECT * FROM pruned WHERE name = ?", (table,)).fetchone()
    newest = connection.execute(
        "SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)
    ).fetchone()
    expected_id: int = cut["last_id"] + 1 if cut else 1
    previous: bytes | None = cut["digest"] if cut else None
    checked = unchained = 0
    for row in connection.execute(f"SELECT * FROM {table} ORDER BY id"):  # noqa: S608
        if row["id"] != expected_id:
            return Verdict(checked, unchained, expected_id)
        expected_id += 1
        if row["digest"] is None and previous is None:
            unchained += 1
            continue
        if row["digest"] != digest(previous, *(row[column] for column in TABLES[table])):
            return Verdict(checked, unchained, row["id"])
        previous = row["digest"]
        checked += 1
    # SQLite keeps the highest id ever given, so rows cut off the end are missed.
    cut_off = newest is not None and newest["seq"] >= expected_id
    return Verdict(checked, unchained, expected_id if cut_off else None)
