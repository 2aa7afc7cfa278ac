"""Tables audit_run and audit_fix: what each audit said, and what was put right."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

_KEPT = 400
Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Run:
    """One audit. `at`: Unix seconds; `statuses`: by (check, region, resource)."""

    account: str
    scope: str
    at: float
    passed: int
    failed: int
    unknown: int
    waived: int
    calls: int
    seconds: float
    regions: tuple[str, ...]
    statuses: Mapping[Key, str]


def add(connection: sqlite3.Connection, run: Run) -> None:
    """Remember `run`; of one account and scope the newest 400 are kept."""
    rows = [[*key, status] for key, status in run.statuses.items()]
    connection.execute(
        "INSERT INTO audit_run (account, scope, at, passed, failed, unknown, waived, calls,"
        " seconds, regions, statuses) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
        (
            run.account, run.scope, run.at, run.passed, run.failed, run.unknown, run.waived,
            run.calls, run.seconds, json.dumps(run.regions), json.dumps(rows),
        ),
    )  # fmt: skip
    connection.execute(
        "DELETE FROM audit_run WHERE account = ? AND scope = ? AND id NOT IN (SELECT id FROM"
        " audit_run WHERE account = ? AND scope = ? ORDER BY at DESC, id DESC LIMIT ?)",
        (run.account, run.scope, run.account, run.scope, _KEPT),
    )


def last(connection: sqlite3.Connection, account: str, scope: str) -> Run | None:
    """The newest audit of the account; None: there is none."""
    found = recent(connection, account, scope, 1)
    return found[0] if found else None


def recent(connection: sqlite3.Connection, account: str, scope: str, limit: int = 100) -> list[Run]:
    """The newest audits of the account, newest first: the material of a trend."""
    rows = connection.execute(
        "SELECT * FROM audit_run WHERE account = ? AND scope = ? ORDER BY at DESC, id DESC LIMIT ?",
        (account, scope, limit),
    )
    return [_run(row) for row in rows]


def newest(connection: sqlite3.Connection) -> Run | None:
    """The newest audit; None: none was made from here.

    Of an account that a key in the vault is of, where there is one: an organization's other
    accounts may have been audited after it.
    """
    row = connection.execute(
        "SELECT * FROM audit_run ORDER BY account IN (SELECT account FROM key) DESC,"
        " at DESC, id DESC LIMIT 1"
    ).fetchone()
    return None if row is None else _run(row)


def _run(row: sqlite3.Row) -> Run:
    return Run(
        row["account"], row["scope"], row["at"], row["passed"], row["failed"], row["unknown"],
        row["waived"], row["calls"], row["seconds"], tuple(json.loads(row["regions"])),
        {(check, region, name): status for check, region, name, status in
         json.loads(row["statuses"])},
    )  # fmt: skip


BEGUN, DONE, UNDONE = "begun", "done", "undone"


@dataclass(frozen=True, slots=True)
class Fixed:
    """One thing put right. `before`, `after`: as AWS had it; `state`: begun, done, undone."""

    id: int
    at: float
    account: str
    fix: str
    resource: str
    region: str
    before: dict[str, object]
    after: dict[str, object]
    state: str


def begin(
    connection: sqlite3.Connection, now: float, account: str, fix: str, resource: str, region: str,
    before: Mapping[str, object], after: Mapping[str, object],
) -> int:  # fmt: skip
    """Write down what is going to be changed, before it is; gives its number."""
    cursor = connection.execute(
        "INSERT INTO audit_fix (at, account, fix, resource, region, before, after, state)"
        " VALUES (?,?,?,?,?,?,?,?)",
        (now, account, fix, resource, region, json.dumps(before), json.dumps(after), BEGUN),
    )
    return int(cursor.lastrowid or 0)


def mark(connection: sqlite3.Connection, number: int, state: str) -> None:
    """The state of a fix, as it is now."""
    connection.execute("UPDATE audit_fix SET state = ? WHERE id = ?", (state, number))


def fixes(connection: sqlite3.Connection) -> list[Fixed]:
    """What was put right, in any account, newest first."""
    rows = connection.execute("SELECT * FROM audit_fix ORDER BY id DESC")
    return [
        Fixed(
            row["id"], row["at"], row["account"], row["fix"], row["resource"], row["region"],
            json.loads(row["before"]), json.loads(row["after"]), row["state"],
        )
        for row in rows
    ]  # fmt: skip
