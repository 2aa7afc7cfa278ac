"""Table handout: every time a key left the vault for a tool, and who asked. Loaded on a hot path.

Of who asked it keeps the process id, the program's path and its start, never a command line or
an environment, which may hold secrets.
"""

import os
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass

from credguard.errors import StoreError
from credguard.store import chain, db

# How long a tool may keep a long-term key before it asks again. 20 minutes ahead at least: botocore
# asks again within 15 minutes of the end. An hour keeps a long-running process from using a retired
# key for longer than the grace.
LIFETIME_S = 3600
# Longer than any of our own writes takes, short enough for a person to wait for a key.
WAIT_S = 1.0
KEEP_ROWS = 100_000
KEEP_S = 400 * 86400
# One insert in so many prunes too: the cost of it is spread.
PRUNE_EVERY = 500


@dataclass(frozen=True, slots=True)
class Asker:
    """The process that asked. `started`: Unix seconds, to tell a reused id. None: not known."""

    pid: int | None = None
    program: str | None = None
    started: float | None = None


@dataclass(frozen=True, slots=True)
class Handout:
    """`at`: Unix seconds; `how`: credential_process, exec, shell, env or export."""

    at: float
    profile: str
    key_id: str
    how: str
    asker: Asker
    id: int


def parent() -> Asker:
    """Who started this process; without its program when it ended meanwhile."""
    pid = os.getppid()
    found = asker(pid)
    return found if os.getppid() == pid else Asker(pid)


def asker(pid: int) -> Asker:
    """What the system says of process `pid` now. Reads its program's path and start only."""
    program = started = None
    if sys.platform == "linux":
        program, started = _linux_program(pid), _linux_started(pid)
    elif sys.platform == "darwin":
        program = _mac_program(pid)
    return Asker(pid, program, started)


def parent_of(pid: int) -> int | None:
    """The parent of process `pid` now; None: not known (not on Linux, or it ended)."""
    if sys.platform != "linux":
        return None
    # proc_pid_stat(5): field 4, the second after the name in brackets.
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1]) or None
    except (OSError, ValueError, IndexError):
        return None


def _linux_program(pid: int) -> str | None:
    try:
        path = os.readlink(f"/proc/{pid}/exe")
    except OSError:  # another user's, or not dumpable
        return None
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _linux_started(pid: int) -> float | None:
    import time

    # proc_pid_stat(5): field 22 is the start in clock ticks since boot; field 2, the name in
    # brackets, may hold anything. /proc/stat's boot time would cost a long read.
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        return round(boot + ticks / os.sysconf("SC_CLK_TCK"), 2)
    except (OSError, ValueError, IndexError):
        return None


def _mac_program(pid: int) -> str | None:
    # proc_pidpath of libproc.h; its buffer is at most 4 * MAXPATHLEN.
    try:
        import ctypes

        buffer = ctypes.create_string_buffer(4096)
        length = ctypes.CDLL("/usr/lib/libproc.dylib").proc_pidpath(pid, buffer, len(buffer))
    except (ImportError, OSError, AttributeError):
        return None
    return buffer.value.decode("utf-8", "backslashreplace") if length > 0 else None


def record(
    connection: sqlite3.Connection,
    now: float,
    profile: str,
    key_id: str,
    how: str,
    who: Asker,
    *,
    session_end: float | None = None,
) -> None:
    """Append one hand-out, outside any transaction; waits about a second for another writer.

    `session_end`: of the session that was got with the key, Unix seconds; None: it is the key.
    synchronous=NORMAL: it survives a crash of the process; the last ones may be lost with power.
    Raises StoreError when it cannot be written.
    """
    row = (float(now), profile, key_id, how, who.pid, who.program, who.started)
    try:
        connection.execute(f"PRAGMA busy_timeout={int(WAIT_S * 1000)}")
        connection.execute("PRAGMA synchronous=NORMAL")
        try:
            if session_end is not None:  # first: the row alone would count for an hour only
                connection.execute(
                    "INSERT INTO session_end VALUES (?,?) ON CONFLICT (key_id) DO UPDATE"
                    " SET until = excluded.until WHERE until < excluded.until",
                    (key_id, session_end),
                )
            if chain.append(connection, "handout", row) % PRUNE_EVERY == 0:
                _prune_if_free(connection, now)
        finally:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(f"PRAGMA busy_timeout={int(db.BUSY_S * 1000)}")
    except (StoreError, sqlite3.Error) as exc:  # whatever it is: it must not keep the key back
        raise StoreError(f"cannot log that key {key_id} was handed out: {exc}") from exc


def note(
    connection: sqlite3.Connection,
    profile: str,
    key_id: str,
    how: str,
    tell: Callable[[str], int],
    *,
    session_end: float | None = None,
) -> None:
    """Record a hand-out to this process's parent; a failure never keeps the key back.

    It becomes one line given to `tell` (standard error's write). `session_end`: see record.
    """
    import time

    try:
        record(connection, time.time(), profile, key_id, how, parent(), session_end=session_end)
    except StoreError as error:
        try:
            tell(f"credguard: {error}; the key is handed out all the same\n")
        except OSError:  # nobody reads standard error: still no reason to keep the key
            return


def _prune_if_free(connection: sqlite3.Connection, now: float) -> None:
    try:
        prune(connection, now)
    except StoreError:  # the row itself is written; the next round prunes
        return


def prune(connection: sqlite3.Connection, now: float) -> None:
    """Drop what is older than KEEP_S or beyond KEEP_ROWS, oldest first.

    A clock that is wrong for a while must not empty the log: age counts from the oldest of the
    newest PRUNE_EVERY rows. Raises StoreError.
    """
    with db.transaction(connection):
        newest = connection.execute("SELECT max(id) FROM handout").fetchone()[0]
        if newest is None:
            return
        ages = "SELECT min(at) FROM handout WHERE id > ?"
        today = min(now, connection.execute(ages, (newest - PRUNE_EVERY,)).fetchone()[0])
        young = "SELECT id FROM handout WHERE at >= ? ORDER BY id LIMIT 1"
        first = connection.execute(young, (today - KEEP_S,)).fetchone()
        last_id = max(newest - KEEP_ROWS, first["id"] - 1 if first else 0)
        if last_id > 0:
            chain.prune(connection, "handout", last_id)


def last(connection: sqlite3.Connection, key_id: str) -> float | None:
    """When `key_id` was last handed out, Unix seconds; None: never, or longer ago than is kept.

    Whoever got it may use it later than that: an `exec` as long as its command runs.
    """
    found: float | None = connection.execute(
        "SELECT max(at) FROM handout WHERE key_id = ?", (key_id,)
    ).fetchone()[0]
    return found


def count(connection: sqlite3.Connection, key_id: str, since: float) -> int:
    """How often `key_id` was handed out from `since` (Unix seconds) on, as far as is kept."""
    sql = "SELECT count(*) FROM handout WHERE key_id = ? AND at >= ?"
    return int(connection.execute(sql, (key_id, since)).fetchone()[0])


def sessions_until(connection: sqlite3.Connection, key_id: str) -> float:
    """When the last session ends that was got with `key_id` and handed out; 0.0: there was none."""
    row = connection.execute("SELECT until FROM session_end WHERE key_id = ?", (key_id,)).fetchone()
    return 0.0 if row is None else float(row["until"])


def recent(
    connection: sqlite3.Connection,
    limit: int = 50,
    *,
    profile: str | None = None,
    key_id: str | None = None,
    since: float | None = None,
    until: float | None = None,
    after_id: int = 0,
) -> list[Handout]:
    """The newest hand-outs, newest first. `since`, before `until`: Unix seconds. None: all."""
    where, values = ["id > ?"], [after_id]  # type: tuple[list[str], list[object]]
    for condition, value in (
        ("profile = ?", profile),
        ("key_id = ?", key_id),
        ("at >= ?", since),
        ("at < ?", until),
    ):
        if value is not None:
            where.append(condition)
            values.append(value)
    rows = connection.execute(
        f"SELECT * FROM handout WHERE {' AND '.join(where)}"  # noqa: S608 - our own conditions
        " ORDER BY at DESC, id DESC LIMIT ?",
        (*values, limit),
    )
    return [
        Handout(
            r["at"], r["profile"], r["key_id"], r["how"],
            Asker(r["pid"], r["program"], r["started"]), r["id"],
        )
        for r in rows
    ]  # fmt: skip
