"""Table event: what happened and when; the material of the log and of `status`."""

import json
import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """`at`: Unix seconds; `kind` such as 'rotation.switched'; `detail` holds no secret."""

    at: float
    kind: str
    subject: str
    detail: dict[str, object]


def record(
    connection: sqlite3.Connection, now: float, kind: str, subject: str, **detail: object
) -> None:
    """Append one event."""
    connection.execute(
        "INSERT INTO event (at, kind, subject, detail) VALUES (?,?,?,?)",
        (now, kind, subject, json.dumps(detail, sort_keys=True)),
    )


def recent(connection: sqlite3.Connection, limit: int = 50) -> list[Event]:
    """The newest events, newest first."""
    rows = connection.execute("SELECT * FROM event ORDER BY id DESC LIMIT ?", (limit,))
    return [Event(r["at"], r["kind"], r["subject"], json.loads(r["detail"])) for r in rows]
