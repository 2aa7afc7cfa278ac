"""Table finding: secrets seen in watched files, each once, masked; the value is never stored.

States: OPEN, it is there; RESOLVED, the file was edited or is gone; ALLOWED, a person, a mark, the
repository's settings or its baseline let it pass; ROTATED, it is there and the key is not valid any
more.
"""

import sqlite3
from dataclasses import dataclass

OPEN, RESOLVED, ALLOWED, ROTATED = "open", "resolved", "allowed", "rotated"
STATES = (OPEN, RESOLVED, ALLOWED, ROTATED)
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class StoredFinding:
    """One secret in one file. Times in Unix seconds; `notified` None: nobody was told yet.

    `last_seen`: for one that is resolved, when that was noticed. `value`: names the value alone;
    `item`: of the vault, empty: not an own secret; `reason`: why it is allowed.
    """

    fingerprint: str
    path: str
    line: int
    rule_id: str
    masked: str
    first_seen: float
    last_seen: float
    state: str
    notified: float | None
    value: str = ""
    item: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is stored of one secret in a file, see StoredFinding. `allowed`: why it passes."""

    fingerprint: str
    line: int
    rule_id: str
    masked: str
    value: str = ""
    item: str = ""
    allowed: str = ""


def observe(connection: sqlite3.Connection, now: float, path: str, seen: Seen) -> bool:
    """Store that the finding is in the file `path` now; True when a person is to be told of it.

    Not told: one that was told before, whatever became of it meanwhile; one that is allowed, or a
    key that was replaced; and one whose value was told elsewhere in the last day, such as a file
    that was renamed.
    """
    known = connection.execute(
        "SELECT state, reason, notified FROM finding WHERE fingerprint = ?", (seen.fingerprint,)
    ).fetchone()
    if known is None:
        if seen.allowed:
            return False  # nobody was ever bothered with it: there is nothing to keep
        state, reason, notified = _inherited(connection, now, path, seen)
    else:
        state, reason, notified = known["state"], known["reason"], known["notified"]
        if seen.allowed:
            state, reason = ALLOWED, seen.allowed
        elif state == RESOLVED or (state == ALLOWED and not reason.startswith(BY_PERSON)):
            state, reason = OPEN, ""
    connection.execute(
        "INSERT INTO finding (fingerprint, path, line, rule_id, masked, first_seen, last_seen,"
        " state, notified, value, item, reason) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
        " ON CONFLICT (fingerprint) DO UPDATE SET line=excluded.line, last_seen=excluded.last_seen,"
        " state=excluded.state, value=excluded.value, reason=excluded.reason,"
        " item=CASE excluded.item WHEN '' THEN item ELSE excluded.item END",
        (
            seen.fingerprint, path, seen.line, seen.rule_id, seen.masked, now, now, state, notified,
            seen.value, seen.item, reason,
        ),
    )  # fmt: skip
    return notified is None and state == OPEN


BY_PERSON = "a person"
"""How the `reason` begins of one that a person allowed: no edit of the file takes that back."""


def _inherited(
    connection: sqlite3.Connection, now: float, path: str, seen: Seen
) -> tuple[str, str, float | None]:
    """State, reason and time told, for a finding seen the first time."""
    if not seen.value:
        return OPEN, "", None
    same = connection.execute(
        "SELECT path, state, reason, notified FROM finding WHERE value = ?", (seen.value,)
    ).fetchall()
    for row in same:
        # Another rule finds it now, as when the vault does not hold the key any more.
        if row["path"] == path and row["state"] in (ALLOWED, ROTATED):
            return row["state"], row["reason"], row["notified"]
    told = [row["notified"] for row in same if row["notified"] is not None]
    recent = [at for at in told if 0 <= now - at < _DAY_S]
    return OPEN, "", max(recent, default=None)


def mark_notified(connection: sqlite3.Connection, now: float, fingerprints: list[str]) -> None:
    """Remember that a person was told of these findings."""
    connection.executemany(
        "UPDATE finding SET notified = ? WHERE fingerprint = ?",
        [(now, fingerprint) for fingerprint in fingerprints],
    )


def resolve_gone(connection: sqlite3.Connection, path: str, present: set[str], now: float) -> int:
    """Set the findings of file `path` that are not in `present` to resolved; how many were open."""
    rows = connection.execute(
        "SELECT fingerprint, state FROM finding WHERE path = ? AND state != ?", (path, RESOLVED)
    ).fetchall()
    gone = [row for row in rows if row["fingerprint"] not in present]
    _resolve(connection, [row["fingerprint"] for row in gone], now)
    return sum(row["state"] == OPEN for row in gone)


def resolve_below(connection: sqlite3.Connection, folder: str, now: float) -> set[str]:
    """Set every finding below `folder` (it is gone) to resolved; the paths of their files."""
    prefix = folder.rstrip("/") + "/"
    rows = connection.execute(
        "SELECT fingerprint, path FROM finding WHERE path >= ? AND path < ? AND state != ?",
        (prefix, prefix[:-1] + "0", RESOLVED),
    ).fetchall()
    _resolve(connection, [row["fingerprint"] for row in rows], now)
    return {row["path"] for row in rows}


def _resolve(connection: sqlite3.Connection, fingerprints: list[str], now: float) -> None:
    # What a person allowed stays so when it comes back: only its being here ends.
    connection.executemany(
        "UPDATE finding SET last_seen = ?, state = CASE WHEN state = ? AND reason LIKE ?"
        " THEN state ELSE ? END WHERE fingerprint = ?",
        [(now, ALLOWED, BY_PERSON + "%", RESOLVED, fingerprint) for fingerprint in fingerprints],
    )


def allow(connection: sqlite3.Connection, fingerprints: list[str], why: str) -> None:
    """A person let these pass; `why` in the person's words, perhaps empty."""
    reason = f"{BY_PERSON}: {why}" if why else BY_PERSON
    connection.executemany(
        "UPDATE finding SET state = ?, reason = ? WHERE fingerprint = ?",
        [(ALLOWED, reason, fingerprint) for fingerprint in fingerprints],
    )


def reopen(connection: sqlite3.Connection, fingerprints: list[str]) -> None:
    """Take back what `allow` did."""
    connection.executemany(
        "UPDATE finding SET state = ?, reason = '' WHERE fingerprint = ? AND state = ?",
        [(OPEN, fingerprint, ALLOWED) for fingerprint in fingerprints],
    )


def set_rotated(connection: sqlite3.Connection, item: str, now: float) -> int:
    """The vault's `item` is not valid any more: its findings are no danger; how many were open."""
    cursor = connection.execute(
        "UPDATE finding SET state = ?, last_seen = ? WHERE item = ? AND state = ?",
        (ROTATED, now, item, OPEN),
    )
    return cursor.rowcount


def open_findings(connection: sqlite3.Connection) -> list[StoredFinding]:
    """The findings still there, oldest first."""
    return in_state(connection, OPEN)


def in_state(connection: sqlite3.Connection, *states: str) -> list[StoredFinding]:
    """The findings in any of `states` (none: in any), oldest first."""
    wanted = states or STATES
    rows = connection.execute(
        f"SELECT * FROM finding WHERE state IN ({', '.join('?' * len(wanted))})"  # noqa: S608
        " ORDER BY first_seen, path, line",
        wanted,
    )
    return [StoredFinding(**dict(row)) for row in rows]


def paths_below(connection: sqlite3.Connection, folder: str) -> list[str]:
    """The files at and below `folder` with findings that are not resolved, sorted."""
    prefix = folder.rstrip("/") + "/"
    rows = connection.execute(
        "SELECT DISTINCT path FROM finding WHERE (path = ? OR (path >= ? AND path < ?))"
        " AND state != ? ORDER BY path",
        (folder, prefix, prefix[:-1] + "0", RESOLVED),
    )
    return [row["path"] for row in rows]


def any_in(connection: sqlite3.Connection, path: str) -> bool:
    """Whether the file `path` has findings that are not resolved."""
    row = connection.execute(
        "SELECT 1 FROM finding WHERE path = ? AND state != ? LIMIT 1", (path, RESOLVED)
    ).fetchone()
    return row is not None
