"""Use case: a damaged state database is made anew from what can still be read of it.

What was on its way between two steps is not gone on with: a journal that comes out of a damaged
file may be older than what was done. It is kept, marked so that nothing reads it as whole, and a
person decides: `rotate --rebuild` looks at IAM and at the vault.
"""

import json
import os
import sqlite3
from dataclasses import dataclass

from credguard import paths
from credguard.app.context import Context
from credguard.errors import DatabaseDamaged, DatabaseReplaced, RebuiltTooOften, StoreError
from credguard.store import db, events, notices, problems, salvage
from credguard.store.salvage import Salvaged

SUBJECT = "state database"
TITLE = "credguard: the state database was damaged"
MOST = 3
"""How often within a day it is made anew: what damages it again and again is not mended so."""
_DAY_S = 86400
_MARK = "uncertain: "
# Table -> what a person calls what is in it; others are marks that come again by themselves.
_WORDS = {
    "key": "keys", "profile": "profiles", "rotation": "rotations on the way",
    "console_password": "console passwords", "password_change": "console passwords",
    "secret_name": "names of secrets", "watch_root": "watched folders", "finding": "findings",
    "commit_finding": "findings", "hook": "installed hooks", "ssh_key": "SSH keys",
    "ssh_registration": "SSH keys", "ssh_rotation": "SSH keys", "ssh_revocation": "SSH keys",
    "event": "the log", "handout": "the log", "exported": "exported files", "leak": "leaks",
    "leak_place": "leaks", "audit_run": "audits", "audit_fix": "audits", "mfa_step": "MFA codes",
}  # fmt: skip
_AGAIN = {
    "watch_root": "choose folders again: credguard watch add PATH",
    "hook": "git hooks: credguard hook status",
}
# Journals whose steps go by what they say, and who may have one.
_USERS = (
    "SELECT DISTINCT partition || '/' || account || '/' || user_name AS identity"
    " FROM key JOIN profile USING (key_id)"
)
_JOURNALS = (("rotation", _USERS), ("password_change", "SELECT identity FROM console_password"))
_KIND = {"rotation": "the rotation", "password_change": "the change of the console password"}


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """In words: what was done, and what a person types next."""

    what: str
    hint: str


def if_damaged(ctx: Context) -> Rebuilt | None:
    """Rebuild the state database where SQLite finds it damaged; None: not so, or there is none.

    Nothing of `ctx.db` is in use; it is opened anew on its next use. Raises Busy, StoreError.
    """
    if not db.there():
        return None
    seen = which()
    try:
        if ctx.db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok":
            return None
    except DatabaseDamaged:
        pass
    try:
        return rebuild(ctx, seen)
    except DatabaseReplaced:
        return None


def which() -> tuple[int, int]:
    """See salvage.which. Raises StoreError."""
    return salvage.which(paths.database_file())


def rebuild(ctx: Context, seen: tuple[int, int] | None = None) -> Rebuilt:
    """Rebuild it, whatever SQLite says. See if_damaged. Raises RebuiltTooOften.

    `seen`: which one was found damaged. Raises DatabaseReplaced: another process was faster.
    """
    ctx.close()
    file, now = paths.database_file(), ctx.now()
    salvage.check(file, seen)
    before = _within_a_day(file, now)
    if before >= MOST:
        raise RebuiltTooOften(
            f"the state database {file} was damaged {before} times within a day, and is again; it"
            " is not made anew any more",
            hint="the disk, its file system or another program is at fault: see the system's log"
            " (journalctl -k) and smartctl -a; once that is mended, move"
            f" {os.path.realpath(file)}.damaged-* elsewhere and run: credguard vault recover",
        )
    said: list[Rebuilt] = []

    def settle(connection: sqlite3.Connection, done: Salvaged) -> None:
        said.append(_settle(connection, done, ctx.now(), last=before + 1 == MOST))

    salvage.rebuild(file, now, settle, seen)
    return said[0]


def _within_a_day(file: str, now: float) -> int:
    """How many damaged ones of the day before `now` stand aside; a clock may have been set back."""
    try:
        return sum(abs(now - at) < _DAY_S for at in salvage.kept(file))
    except OSError as exc:
        raise StoreError(f"cannot look beside {file}: {exc.strerror}") from exc


def recovered(ctx: Context) -> None:
    """A person had keys and names looked for again: the rebuild is no problem any more."""
    problems.solve(ctx.db, ctx.now(), SUBJECT)


def _settle(connection: sqlite3.Connection, done: Salvaged, now: float, *, last: bool) -> Rebuilt:
    stopped = [each for table in _JOURNALS for each in _stop(connection, *table, done.torn, now)]
    lost = sorted({_WORDS[table] for table in done.torn if table in _WORDS})
    what = "the state database was damaged; it was made anew from what could be read of it, "
    what += f"{done.rows} rows" if done.rows else "which was nothing"
    if lost and done.rows:
        what += f"; missing, or some of them: {', '.join(lost)}"
    if done.unfit:
        rows = "1 row that made" if done.unfit == 1 else f"{done.unfit} rows that made"
        what += f"; {rows} no sense left out"
    if last:
        what += f"; it was damaged {MOST} times within a day, and is not made anew the next time"
    todo = ["find keys again: credguard vault recover"]
    if stopped:
        what += f"; what may have been under way is stopped: {', '.join(stopped)}"
        todo.append("go on from what IAM says: credguard rotate --rebuild PROFILE")
    todo += [how for table, how in _AGAIN.items() if table in done.torn]
    if last:
        todo.insert(0, "look at the disk: the system's log (journalctl -k), smartctl -a")
    hint = "; ".join(todo)
    notices.add(connection, now, TITLE, f"{what}. {hint}", urgent=True)
    what += f"; the damaged file: {done.aside}"  # long, and of no use in a notification
    events.record(
        connection, now, "database.rebuilt", done.aside,
        rows=done.rows, unfit=done.unfit, torn=sorted(done.torn),
    )  # fmt: skip
    problems.solve(connection, now, SUBJECT)  # an earlier one would keep its own words
    problems.put(connection, now, SUBJECT, "rebuilt", what, hint)
    problems.mark_told(connection, SUBJECT)
    return Rebuilt(what, hint)


def _stop(
    connection: sqlite3.Connection, table: str, owners: str, torn: frozenset[str], now: float
) -> list[str]:
    """Mark what `table` has on the way, or may have had; gives whose, in words."""
    rows = dict(connection.execute(f"SELECT identity, record FROM {table}").fetchall())  # noqa: S608
    if table in torn:
        for row in connection.execute(owners).fetchall():
            rows.setdefault(row["identity"], "{}")
    for identity, record in rows.items():
        try:
            marked = dict(json.loads(record))
        except (ValueError, TypeError):
            marked = {}
        state = str(marked.get("state", "lost")).removeprefix(_MARK)
        # The key ids stay: an item of the vault that only the journal names is not forgotten.
        marked |= {"identity": identity, "state": _MARK + state}
        connection.execute(
            f"INSERT OR REPLACE INTO {table} VALUES (?,?,?)",  # noqa: S608
            (identity, json.dumps(marked, sort_keys=True), now),
        )
    return [f"{_KIND[table]} of {identity}" for identity in sorted(rows)]
