"""Tables console_password and password_change: numbers and times, never a value."""

import json
import sqlite3
from dataclasses import dataclass

from credguard.errors import StoreError


@dataclass(frozen=True, slots=True)
class Password:
    """The console password that credguard set last. `changed`: Unix seconds."""

    identity: str
    generation: int
    changed: float


def passwords(connection: sqlite3.Connection) -> list[Password]:
    """Every password, by identity."""
    rows = connection.execute("SELECT * FROM console_password ORDER BY identity")
    return [Password(row["identity"], row["generation"], row["changed"]) for row in rows]


def password(connection: sqlite3.Connection, identity: str) -> Password | None:
    """The password of `identity`; None: credguard never changed one."""
    return next((each for each in passwords(connection) if each.identity == identity), None)


def point(connection: sqlite3.Connection, identity: str, generation: int, now: float) -> None:
    """The password of `identity` is `generation`, changed at `now`."""
    connection.execute(
        "INSERT INTO console_password VALUES (?,?,?) ON CONFLICT (identity) DO UPDATE SET"
        " generation=excluded.generation, changed=excluded.changed",
        (identity, generation, now),
    )


def write_change(
    connection: sqlite3.Connection, identity: str, record: dict[str, object], now: float
) -> None:
    """Put `record` in place of the identity's earlier one; durable on return (StoreError)."""
    try:
        connection.execute(
            "INSERT INTO password_change VALUES (?,?,?) ON CONFLICT (identity) DO UPDATE SET"
            " record=excluded.record, updated=excluded.updated",
            (identity, json.dumps(record, sort_keys=True), now),
        )
    except sqlite3.Error as exc:
        raise StoreError(f"cannot write the password journal of {identity}: {exc}") from exc


def changes(connection: sqlite3.Connection) -> dict[str, dict[str, object]]:
    """Identity -> record of every change on the way; {} for a damaged one. Raises StoreError."""
    rows = connection.execute("SELECT * FROM password_change ORDER BY identity")
    return {row["identity"]: _object(row["record"]) for row in rows}


def _object(text: str) -> dict[str, object]:
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError):
        return {}


def end_change(connection: sqlite3.Connection, identity: str) -> None:
    """End the change of `identity`; absent is not an error. Raises StoreError."""
    try:
        connection.execute("DELETE FROM password_change WHERE identity = ?", (identity,))
    except sqlite3.Error as exc:
        raise StoreError(f"cannot write the password journal of {identity}: {exc}") from exc


def rename(connection: sqlite3.Connection, identity: str, to: str) -> None:
    """What stands under `identity` stands under `to` now, which has none. In a transaction."""
    connection.execute(
        "UPDATE console_password SET identity = ? WHERE identity = ?", (to, identity)
    )
    record = changes(connection).get(identity)
    connection.execute("UPDATE password_change SET identity = ? WHERE identity = ?", (to, identity))
    if record:  # a damaged one stays as it is
        text = json.dumps(record | {"identity": to}, sort_keys=True)
        connection.execute("UPDATE password_change SET record = ? WHERE identity = ?", (text, to))
