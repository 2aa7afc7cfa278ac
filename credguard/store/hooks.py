"""Table hook: where git hooks were installed and what stood there before."""

import sqlite3
from dataclasses import dataclass

GLOBAL = "--global"
TEMPLATE = "--template"


@dataclass(frozen=True, slots=True)
class Hook:
    """`repository`: absolute git folder, GLOBAL or TEMPLATE; `previous`: git's setting before.

    None: there was none.
    """

    repository: str
    hooks_path: str
    previous: str | None


def add(connection: sqlite3.Connection, hook: Hook, now: float) -> None:
    """Remember `hook`; for one already known, `previous` stays what it was at first."""
    connection.execute(
        "INSERT INTO hook VALUES (?,?,?,?) ON CONFLICT (repository) DO UPDATE SET"
        " hooks_path=excluded.hooks_path",
        (hook.repository, hook.hooks_path, hook.previous, now),
    )


def get(connection: sqlite3.Connection, repository: str) -> Hook | None:
    """What is known of `repository`; None: nothing installed."""
    row = connection.execute("SELECT * FROM hook WHERE repository = ?", (repository,)).fetchone()
    return Hook(row["repository"], row["hooks_path"], row["previous"]) if row else None


def installed(connection: sqlite3.Connection) -> list[Hook]:
    """Every installation, oldest first."""
    rows = connection.execute("SELECT * FROM hook ORDER BY added, repository")
    return [Hook(r["repository"], r["hooks_path"], r["previous"]) for r in rows]


def remove(connection: sqlite3.Connection, repository: str) -> None:
    """Forget `repository`; absent is not an error."""
    connection.execute("DELETE FROM hook WHERE repository = ?", (repository,))
