"""Table finding: secrets seen in watched files, each once, masked; the value is never stored."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoredFinding:
    """One secret in one file. Times in Unix seconds; `notified` None: nobody was told yet."""

    fingerprint: str
    path: str
    line: int
    rule_id: str
    masked: str
    first_seen: float
    last_seen: float
    state: str
    notified: float | None


def observe(
    connection: sqlite3.Connection,
    now: float,
    fingerprint: str,
    *,
    path: str,
    line: int,
    rule_id: str,
    masked: str,
) -> bool:
    """Store that the finding is there now; True when nobody has been told of it yet."""
    row = connection.execute(
        "INSERT INTO finding (fingerprint, path, line, rule_id, masked, first_seen, last_seen)"
        " VALUES (?,?,?,?,?,?,?) ON CONFLICT (fingerprint) DO UPDATE SET"
        " line=excluded.line, last_seen=excluded.last_seen,"
        " state=CASE state WHEN 'resolved' THEN 'open' ELSE state END RETURNING notified",
        (fingerprint, path, line, rule_id, masked, now, now),
    ).fetchone()
    return row["notified"] is None


def mark_notified(connection: sqlite3.Connection, now: float, fingerprints: list[str]) -> None:
    """Remember that a person was told of these findings."""
    connection.executemany(
        "UPDATE finding SET notified = ? WHERE fingerprint = ?",
        [(now, fingerprint) for fingerprint in fingerprints],
    )


def resolve_gone(connection: sqlite3.Connection, path: str, present: set[str], now: float) -> int:
    """Set the open findings of file `path` that are not in `present` to resolved; their number."""
    rows = connection.execute(
        "SELECT fingerprint FROM finding WHERE path = ? AND state = 'open'", (path,)
    ).fetchall()
    gone = [row["fingerprint"] for row in rows if row["fingerprint"] not in present]
    _resolve(connection, gone, now)
    return len(gone)


def resolve_below(connection: sqlite3.Connection, folder: str, now: float) -> set[str]:
    """Set every open finding below `folder` (it is gone) to resolved; the paths of their files."""
    prefix = folder.rstrip("/") + "/"
    rows = connection.execute(
        "SELECT fingerprint, path FROM finding WHERE substr(path, 1, ?) = ? AND state = 'open'",
        (len(prefix), prefix),
    ).fetchall()
    _resolve(connection, [row["fingerprint"] for row in rows], now)
    return {row["path"] for row in rows}


def _resolve(connection: sqlite3.Connection, fingerprints: list[str], now: float) -> None:
    connection.executemany(
        "UPDATE finding SET state = 'resolved', last_seen = ? WHERE fingerprint = ?",
        [(now, fingerprint) for fingerprint in fingerprints],
    )


def open_findings(connection: sqlite3.Connection) -> list[StoredFinding]:
    """The findings still there, oldest first."""
    rows = connection.execute(
        "SELECT * FROM finding WHERE state = 'open' ORDER BY first_seen, path, line"
    )
    return [StoredFinding(**dict(row)) for row in rows]
