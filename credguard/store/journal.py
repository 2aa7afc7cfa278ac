"""Table rotation: the journal, one record an identity. Key ids only, never a secret."""

import json
import sqlite3

from credguard.errors import StoreError


def write(
    connection: sqlite3.Connection, identity: str, record: dict[str, object], now: float
) -> None:
    """Put `record` in place of the identity's earlier one; durable on return (StoreError)."""
    connection.execute(
        "INSERT INTO rotation VALUES (?,?,?) ON CONFLICT (identity) DO UPDATE SET"
        " record=excluded.record, updated=excluded.updated",
        (identity, json.dumps(record, sort_keys=True), now),
    )


def read(connection: sqlite3.Connection, identity: str) -> dict[str, object] | None:
    """The record of `identity`; None: no rotation is on the way. Raises StoreError."""
    row = connection.execute(
        "SELECT record FROM rotation WHERE identity = ?", (identity,)
    ).fetchone()
    try:
        return None if row is None else dict(json.loads(row["record"]))
    except (ValueError, TypeError) as exc:
        raise StoreError(f"cannot read the journal of {identity}: {exc}") from exc


def identities(connection: sqlite3.Connection) -> list[str]:
    """Every identity with a rotation on the way, sorted. Raises StoreError."""
    rows = connection.execute("SELECT identity FROM rotation ORDER BY identity")
    return [row["identity"] for row in rows]


def remove(connection: sqlite3.Connection, identity: str) -> None:
    """End the rotation of `identity`; absent is not an error. Raises StoreError."""
    connection.execute("DELETE FROM rotation WHERE identity = ?", (identity,))


def rename(connection: sqlite3.Connection, identity: str, to: str) -> None:
    """The rotation of `identity` is that of `to` now; none is fine. Raises StoreError."""
    row = read(connection, identity)
    if row is None:
        return
    row["identity"] = to
    connection.execute(
        "UPDATE rotation SET identity = ?, record = ? WHERE identity = ?",
        (to, json.dumps(row, sort_keys=True), identity),
    )
