"""Table event: what happened and when; the material of the log and of `status`."""

import json
import sqlite3
from dataclasses import dataclass

from credguard.store import chain


@dataclass(frozen=True, slots=True)
class Event:
    """`at`: Unix seconds; `kind` such as 'rotation.switched'; `detail` holds no secret."""

    at: float
    kind: str
    subject: str
    detail: dict[str, object]
    id: int = 0


def record(
    connection: sqlite3.Connection, now: float, kind: str, subject: str, **detail: object
) -> None:
    """Append one event. Raises TypeError for a detail that JSON has not, such as a Secret."""
    row = (float(now), kind, subject, json.dumps(detail, sort_keys=True))
    chain.append(connection, "event", row)


def recent(
    connection: sqlite3.Connection,
    limit: int = 50,
    *,
    families: frozenset[str] | None = None,
    subjects: frozenset[str] | None = None,
    key_id: str | None = None,
    since: float | None = None,
    until: float | None = None,
    after_id: int = 0,
) -> list[Event]:
    """The newest events, newest first.

    `families`: kinds, or what stands before their dot; `subjects`: of the kinds about a key, so
    not a stored secret or SSH key that happens to be called the same; `key_id`: in any detail;
    `since`, before `until`: Unix seconds; `after_id`: recorded after that one. None: all.
    """
    where, values = ["id > ?"], [after_id]  # type: tuple[list[str], list[object]]
    if families is not None:
        marks = ", ".join("?" * len(families))
        where.append(f"(kind IN ({marks}) OR substr(kind, 1, instr(kind, '.') - 1) IN ({marks}))")
        values += [*sorted(families), *sorted(families)]
    if subjects is not None:
        where.append(f"subject IN ({', '.join('?' * len(subjects))})")
        where.append("kind NOT GLOB 'secret.*' AND kind NOT GLOB 'ssh.*'")
        values += sorted(subjects)
    if key_id is not None:
        where.append("instr(detail, ?) > 0")
        values.append(json.dumps(key_id))
    if since is not None:
        where.append("at >= ?")
        values.append(since)
    if until is not None:
        where.append("at < ?")
        values.append(until)
    rows = connection.execute(
        f"SELECT * FROM event WHERE {' AND '.join(where)}"  # noqa: S608 - our own conditions
        " ORDER BY at DESC, id DESC LIMIT ?",
        (*values, limit),
    )
    return [Event(r["at"], r["kind"], r["subject"], json.loads(r["detail"]), r["id"]) for r in rows]


def families(connection: sqlite3.Connection) -> set[str]:
    """What stands before the dot of every kind recorded here."""
    rows = connection.execute("SELECT DISTINCT kind FROM event")
    return {row["kind"].split(".")[0] for row in rows}
