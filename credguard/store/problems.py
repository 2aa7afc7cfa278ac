"""Table problem: what does not work now, each thing once, and whether a person was told."""

import sqlite3
from dataclasses import dataclass, replace

from credguard.store import events


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that does not work now. `since`: Unix seconds; `told`: a person was notified."""

    subject: str
    kind: str
    what: str
    hint: str
    since: float
    told: bool


def present(connection: sqlite3.Connection) -> list[Problem]:
    """What was raised and not solved since, oldest first."""
    rows = connection.execute("SELECT * FROM problem ORDER BY since, subject")
    return [_problem(row) for row in rows]


def of(connection: sqlite3.Connection, subject: str) -> Problem | None:
    """The problem of `subject`; None: there is none."""
    row = connection.execute("SELECT * FROM problem WHERE subject = ?", (subject,)).fetchone()
    return None if row is None else _problem(row)


def _problem(row: sqlite3.Row) -> Problem:
    return Problem(
        row["subject"], row["kind"], row["what"], row["hint"], row["since"], bool(row["told"])
    )


def put(
    connection: sqlite3.Connection, now: float, subject: str, kind: str, what: str, hint: str = ""
) -> Problem:
    """Remember that `subject` has a problem; one of the same `kind` stays as it was first said."""
    known = of(connection, subject)
    if known is not None and known.kind == kind:
        return known
    connection.execute(
        "INSERT OR REPLACE INTO problem VALUES (?,?,?,?,?,0)", (subject, kind, what, hint, now)
    )
    events.record(connection, now, "problem.raised", subject, error=kind, what=what)
    return Problem(subject, kind, what, hint, now, told=False)


def mark_told(connection: sqlite3.Connection, subject: str) -> Problem | None:
    """A person was notified of the problem of `subject`; gives it, None: there is none."""
    connection.execute("UPDATE problem SET told = 1 WHERE subject = ?", (subject,))
    known = of(connection, subject)
    return None if known is None else replace(known, told=True)


def solve(connection: sqlite3.Connection, now: float, subject: str) -> bool:
    """The problem of `subject` is over; False when there was none."""
    if not drop(connection, subject):
        return False
    events.record(connection, now, "problem.solved", subject)
    return True


def replaced(connection: sqlite3.Connection, now: float, subject: str) -> None:
    """The problem of `subject` stays, but matters no more: something else took its place."""
    if drop(connection, subject):
        events.record(connection, now, "problem.replaced", subject)


def drop(connection: sqlite3.Connection, subject: str) -> bool:
    """Forget the problem of `subject` without a word; False: there was none."""
    return connection.execute("DELETE FROM problem WHERE subject = ?", (subject,)).rowcount > 0


@dataclass(frozen=True, slots=True)
class Told:
    """What a person was told of something, and when, Unix seconds."""

    what: str
    at: float


def told(connection: sqlite3.Connection, subject: str) -> Told | None:
    """What was told of `subject` last; None: nothing, or it is forgotten."""
    row = connection.execute("SELECT what, at FROM told WHERE subject = ?", (subject,)).fetchone()
    return None if row is None else Told(row["what"], row["at"])


def untell(connection: sqlite3.Connection, subject: str) -> None:
    """Forget what was told of `subject`."""
    connection.execute("DELETE FROM told WHERE subject = ?", (subject,))


def first_time(connection: sqlite3.Connection, now: float, subject: str, what: str) -> bool:
    """Whether a person was not told `what` of `subject` yet; it counts as told from now on."""
    cursor = connection.execute(
        "INSERT INTO told VALUES (?,?,?) ON CONFLICT (subject) DO UPDATE SET"
        " what = excluded.what, at = excluded.at WHERE what != excluded.what",
        (subject, what, now),
    )
    return cursor.rowcount > 0
