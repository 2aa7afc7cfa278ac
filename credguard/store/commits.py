"""Tables commit_since, commit_seen and commit_finding: commits looked at after they were made.

Each finding once, masked; the value is never stored.
"""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CommitFinding:
    """One secret in one commit. `pushed`: a remote-tracking branch had the commit when found."""

    fingerprint: str
    repository: str
    oid: str
    path: str
    line: int
    rule_id: str
    masked: str
    first_seen: float
    pushed: bool
    notified: float | None


def since(connection: sqlite3.Connection, git_dir: str, default: float) -> float:
    """From when on the commits of `git_dir` are looked at; `default`, kept, at the first call."""
    connection.execute(
        "INSERT INTO commit_since VALUES (?,?) ON CONFLICT (git_dir) DO NOTHING", (git_dir, default)
    )
    row = connection.execute("SELECT since FROM commit_since WHERE git_dir = ?", (git_dir,))
    found: float = row.fetchone()["since"]
    return found


def unseen(connection: sqlite3.Connection, repository: str, oids: list[str]) -> list[str]:
    """Those of `oids` that were not looked at yet, in their order."""
    known = connection.execute("SELECT oid FROM commit_seen WHERE repository = ?", (repository,))
    seen = {row["oid"] for row in known}
    return [oid for oid in dict.fromkeys(oids) if oid not in seen]


def mark_seen(connection: sqlite3.Connection, repository: str, oids: list[str], now: float) -> None:
    """The commits were looked at."""
    connection.executemany(
        "INSERT INTO commit_seen VALUES (?,?,?) ON CONFLICT DO NOTHING",
        [(repository, oid, now) for oid in oids],
    )


def forget_before(connection: sqlite3.Connection, then: float) -> None:
    """Commits looked at before `then` are forgotten, and older entries of a reflog passed over."""
    connection.execute("UPDATE commit_since SET since = ? WHERE since < ?", (then, then))
    connection.execute("DELETE FROM commit_seen WHERE at < ?", (then,))


def observe(connection: sqlite3.Connection, finding: CommitFinding) -> bool:
    """Store `finding`; True when nobody has been told of it yet. The first commit stays."""
    row = connection.execute(
        "INSERT INTO commit_finding VALUES (?,?,?,?,?,?,?,?,?,NULL)"
        " ON CONFLICT (fingerprint) DO UPDATE SET pushed = max(pushed, excluded.pushed)"
        " RETURNING notified",
        (
            finding.fingerprint,
            finding.repository,
            finding.oid,
            finding.path,
            finding.line,
            finding.rule_id,
            finding.masked,
            finding.first_seen,
            int(finding.pushed),
        ),
    ).fetchone()
    return row["notified"] is None


def mark_notified(connection: sqlite3.Connection, now: float, fingerprints: list[str]) -> None:
    """Remember that a person was told of these findings."""
    connection.executemany(
        "UPDATE commit_finding SET notified = ? WHERE fingerprint = ?",
        [(now, fingerprint) for fingerprint in fingerprints],
    )


def found(connection: sqlite3.Connection) -> list[CommitFinding]:
    """Every finding, oldest first."""
    rows = connection.execute("SELECT * FROM commit_finding ORDER BY first_seen, path, line")
    return [CommitFinding(**{**dict(row), "pushed": bool(row["pushed"])}) for row in rows]
