"""A damaged state database is kept aside, and a new one made of what can still be read of it."""

import contextlib
import errno
import io
import json
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from credguard.atomic import locked, remove, sync_dir
from credguard.errors import Busy, DatabaseReplaced, StoreError
from credguard.store import db
from credguard.store.schema import MIGRATIONS

# What SQLite locks of a database file (sqlite.org/src/file/src/os.h). Whoever has one open that
# keeps a write-ahead log holds the part of readers.
_LOCKS = (0x40000000, 512)
_PAGE = 4096  # SQLite's own choice; the log says which it is
_BUSY = "another process uses the damaged state database"
_HINT = (
    "end it (fuser -v {file} names it; the agent: credguard agent stop; the service does it by"
    " itself when it starts: credguard service restart), then run: credguard vault recover"
)
_ASIDE, _STAMP = ".damaged-", "%Y%m%d-%H%M%S"
# What is being made, the copy that is kept when it is, and the one that is read from.
_MAKING, _KEPT, _READ = ".rebuilding", ".rebuilding-kept", ".rebuilding-read"
_LOGS = ("-wal", "-journal")
_NO_MEMORY = "no memory is left"
# What SQLite says of bytes that are wrong (sqlite.org/rescode.html; ERROR: of a table that is not
# found). All else, such as no space, memory or descriptor being left, says nothing of the bytes.
_DAMAGE = frozenset(
    {
        sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH,
    }
)  # fmt: skip
# What a column of a declared type gives back. Whole numbers here are counts, lines and ids, real
# ones seconds: what is larger cannot be ours, and the largest id of all leaves no next one.
_KINDS = {"TEXT": str, "INTEGER": int, "REAL": float, "BLOB": bytes}
_MOST = {"INTEGER": 1 << 53, "REAL": 253402214400}  # the second: nearly the end of the year 9999
# Journals are not among these: one that cannot be read stops what it is of, and that is told.
_JSON = {
    ("event", "detail"): dict, ("remote_tips", "tips"): list, ("audit_run", "regions"): list,
    ("audit_run", "statuses"): list, ("audit_fix", "before"): object,
    ("audit_fix", "after"): object,
}  # fmt: skip
_Settle = Callable[[sqlite3.Connection, "Salvaged"], None]


@dataclass(frozen=True, slots=True)
class Salvaged:
    """`aside`: where the damaged file is now. `rows`: how many were carried over.

    `unfit`: how many were read, but left out, since they break the schema. `torn`: the tables of
    which some may be missing; a lost end of the write-ahead log does not show, so that even a table
    that was read whole may be as it was a moment earlier.
    """

    aside: str
    rows: int
    unfit: int
    torn: frozenset[str]


def which(file: str) -> tuple[int, int]:
    """What tells the file from another of that name: device, inode; zeros: none.

    Raises StoreError.
    """
    try:
        status = os.stat(file)
    except FileNotFoundError:
        return 0, 0
    except OSError as exc:
        raise StoreError(
            f"cannot look at {file}: {exc.strerror}", hint="check the modes of its folder"
        ) from exc
    return status.st_dev, status.st_ino


def rebuild(
    file: str, now: float, settle: _Settle, seen: tuple[int, int] | None = None
) -> Salvaged:
    """Put a database of what can be read of `file` in its place; the damaged one stays beside it.

    `settle` is called with the new one before it takes the place. `seen`: which one was found
    damaged; None: whatever stands there. This process has no connection to
    `file`. A crash midway leaves the damaged one, or the new one once the next `db.connect` comes.
    Raises Busy (another process has it open), DatabaseReplaced (by another one), StoreError (of a
    newer credguard; no space, memory or descriptor left); then nothing new stands beside `file`.
    """
    file = os.path.realpath(file)  # SQLite keeps the log where a symlink leads
    try:
        with locked(file + ".lock", busy=_BUSY), _nobody_else(file) as opened:
            check(file, seen)
            if os.path.exists(file + db.REBUILT):  # of a rebuild that a crash ended
                os.unlink(file + db.REBUILT)
            _clear(file + _MAKING)  # also of one
            with _aside(file, now) as aside:
                _copy(opened, file + _KEPT)
                _copy_logs(file, file + _KEPT)
                done = _made(file, aside, settle)
                _put_aside(file + _KEPT, aside)
                os.rename(file + _MAKING, file + db.REBUILT)
            sync_dir(os.path.dirname(file))
            db.swap(file)
    except OSError as exc:
        error = _stopped(file, exc.strerror or str(exc))
        if exc.errno == errno.EIO:
            error.hint = "the disk is failing: see the system's log (journalctl -k), smartctl -a"
        raise error from exc
    except MemoryError as exc:
        raise _stopped(file, _NO_MEMORY) from exc
    return done


def check(file: str, seen: tuple[int, int] | None) -> None:
    """Raise DatabaseReplaced where `file` is not the one that was `seen`; StoreError."""
    if seen is not None and which(file) != seen:
        raise DatabaseReplaced(
            f"another process made the state database {file} anew", hint="run it again"
        )


def kept(file: str) -> list[float]:
    """When those that stand aside beside `file` were damaged, Unix seconds. Raises OSError."""
    file = os.path.realpath(file)
    start = os.path.basename(file) + _ASIDE
    times = []
    for name in os.listdir(os.path.dirname(file)):
        if name.startswith(start) and not name.endswith(db.BESIDE):
            with contextlib.suppress(ValueError, OverflowError):  # a name that a person gave
                stamp = name.removeprefix(start)[: len("20261126-093000")]
                times.append(time.mktime(time.strptime(stamp, _STAMP)))
    return times


def _stopped(file: str, what: str) -> StoreError:
    return StoreError(
        f"cannot make {file} anew: {what}",
        hint="nothing was changed; free what is missing, then run: credguard vault recover",
    )


@contextlib.contextmanager
def _aside(file: str, now: float) -> Iterator[str]:
    """A free name for the copy of `file`; when something is raised, what was made is deleted.

    The service tries again and again: what each try left would fill the disk.
    """
    named = file + _ASIDE + time.strftime(_STAMP, time.localtime(now))
    aside, number = named, 1
    while any(os.path.lexists(aside + each) for each in ("", *_LOGS)):
        number += 1
        aside = f"{named}-{number}"
    try:
        yield aside
    except BaseException:
        if not os.path.exists(file + db.REBUILT):
            with contextlib.suppress(OSError, StoreError):
                _clear(file + _MAKING)
                for each in ("", *_LOGS):
                    remove(aside + each)
        raise


def _put_aside(copy: str, aside: str) -> None:
    """Give the copy its name, now that it is soon the only one: `kept` counts the names."""
    for each in (*_LOGS, ""):
        with contextlib.suppress(FileNotFoundError):
            os.rename(copy + each, aside + each)
    sync_dir(os.path.dirname(aside))


def _clear(beginning: str) -> None:
    """Delete the files whose paths begin so. Raises OSError, StoreError."""
    folder, start = os.path.split(beginning)
    for name in os.listdir(folder):
        if name.startswith(start):
            remove(os.path.join(folder, name))


@contextlib.contextmanager
def _nobody_else(file: str) -> Iterator[BinaryIO]:
    """`file` while nobody has it open; who opens it meanwhile waits as for a writer. Raises Busy.

    Nothing else may open and close it here meanwhile: that would drop the lock (fcntl(2)). One that
    is gone is empty; who wants to make it waits for the lock file.
    """
    if not os.path.exists(file):
        yield io.BytesIO()
        return
    with open(file, "r+b") as opened:
        if sys.platform != "win32":  # there a file that is open cannot be replaced
            import fcntl

            try:
                fcntl.lockf(opened, fcntl.LOCK_EX | fcntl.LOCK_NB, _LOCKS[1], _LOCKS[0])
            except BlockingIOError:
                raise Busy(_BUSY, hint=_HINT.format(file=file)) from None
        yield opened


def _copy(source: BinaryIO, to: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(to, flags, 0o600), "wb") as target:
        shutil.copyfileobj(source, target)
        target.flush()
        os.fsync(target.fileno())  # soon it is the only one


def _copy_logs(file: str, to: str) -> None:
    for each in _LOGS:
        with contextlib.suppress(FileNotFoundError), open(file + each, "rb") as source:
            _copy(source, to + each)


def _made(file: str, aside: str, settle: _Settle) -> Salvaged:
    fresh, copy = file + _MAKING, file + _READ
    with open(file + _KEPT, "rb") as source:
        _copy(source, copy)
    _copy_logs(file + _KEPT, copy)  # SQLite writes them into what it reads
    if os.path.getsize(copy) == 0:
        os.truncate(copy, _PAGE)  # beside an empty one SQLite deletes the log
    old = _Damaged(copy, file)
    try:
        version = _version(old, file)
        with contextlib.closing(db.empty(fresh, version)) as new:
            with db.transaction(new):
                done = _carry(old, new, aside)
            db.upgrade(new, fresh)
            with db.transaction(new):
                settle(new, done)
            found = new.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise StoreError(f"cannot make {file} anew: {found}")
            db.use_wal(new)
    finally:
        old.close()
    _clear(copy)
    return done


class _Unreadable(Exception):
    """The bytes are wrong from here on."""


class _Damaged:
    """The copy of the damaged database."""

    def __init__(self, copy: str, file: str) -> None:
        """`file`: what it is a copy of, for the messages. Raises StoreError."""
        self._file = file
        try:
            self._connection = sqlite3.connect(copy, isolation_level=None)
        except sqlite3.Error as exc:
            raise _stopped(file, str(exc)) from exc
        # A text that is none any more can then not be stored, and is missed.
        self._connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Row by row. Raises _Unreadable: damaged; StoreError: something else is missing."""
        try:
            yield from self._connection.execute(sql)
        except sqlite3.Error as exc:
            code = getattr(exc, "sqlite_errorcode", 0)
            if code & 0xFF in _DAMAGE or code == sqlite3.SQLITE_IOERR_SHORT_READ:
                raise _Unreadable from exc
            raise _stopped(self._file, str(exc)) from exc

    def close(self) -> None:
        """Close it."""
        self._connection.close()


def _version(old: _Damaged, file: str) -> int | None:
    """The damaged one's schema; None: it cannot be told. Raises StoreError: of a newer one."""
    try:
        ((version,),) = old.rows("PRAGMA user_version")
        ((tables,),) = old.rows("SELECT count(*) FROM sqlite_master")
    except _Unreadable:
        return None
    if version > len(MIGRATIONS) and tables:
        raise StoreError(
            f"{file} is damaged, and was written by a newer credguard",
            hint="install the newer one again: git pull, then ./install.sh",
        )
    return version if 0 < version <= len(MIGRATIONS) else None


def _carry(old: _Damaged, new: sqlite3.Connection, aside: str) -> Salvaged:
    made = {
        row["name"]: row["sql"]
        for row in new.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
        if not row["name"].startswith("sqlite_")
    }
    rows, unfit, torn = 0, 0, set()
    for name in sorted(made, key=lambda name: name != "key"):  # profiles refer to keys
        kept, left_out, whole = _carry_table(old, new, name)
        rows += kept
        unfit += left_out
        torn |= set() if whole else {name}
    torn |= _carry_sequence(old, new, [each for each in made if "AUTOINCREMENT" in made[each]])
    return Salvaged(aside, rows, unfit, frozenset(torn))


def _carry_sequence(old: _Damaged, new: sqlite3.Connection, tables: list[str]) -> set[str]:
    """Carry over the highest number ever given, so that log rows that were lost at the end are
    missed; gives the tables of which it cannot be told.
    """
    said: dict[Any, list[Any]] = {}
    with contextlib.suppress(_Unreadable):
        for name, highest in old.rows("SELECT name, seq FROM sqlite_sequence"):
            said.setdefault(name, []).append(highest)
    torn = set()
    for name in tables:
        last = new.execute(f"SELECT coalesce(max(id), 0) FROM {name}").fetchone()[0]  # noqa: S608
        given = said.get(name, [0])
        if all(type(each) is int and last <= each < _MOST["INTEGER"] for each in given):
            last = max(given)
        else:
            torn.add(name)
        new.execute("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
        new.execute("INSERT INTO sqlite_sequence VALUES (?,?)", (name, last))
    return torn


def _carry_table(old: _Damaged, new: sqlite3.Connection, table: str) -> tuple[int, int, bool]:
    """How many rows were carried over and left out, and whether the first are all."""
    columns = new.execute(f"PRAGMA table_info({table})").fetchall()
    listed = ", ".join(column["name"] for column in columns)
    insert = f"INSERT INTO {table} ({listed}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
    tests = [_fitting(table, *column) for column in columns]
    kept, unfit, whole, last = 0, 0, True, None
    # From both ends to the damage. By the rows' own numbers: an index may be damaged too.
    for way in ("ASC", "DESC"):
        select = f"SELECT rowid, {listed} FROM {table} NOT INDEXED ORDER BY rowid {way}"  # noqa: S608
        try:
            for number, *values in old.rows(select):
                if way == "DESC" and last is not None and number <= last:
                    return kept, unfit, False
                try:
                    if not all(test(value) for test, value in zip(tests, values, strict=True)):
                        raise ValueError
                    new.execute(insert, values)
                    kept += 1
                # ValueError: also a text that is none, and JSON that is none.
                except (sqlite3.IntegrityError, ValueError, RecursionError):
                    unfit += 1
                if way == "ASC":
                    last = number
            return kept, unfit, whole and not unfit
        except _Unreadable:
            whole = False
    return kept, unfit, whole


def _fitting(
    table: str, _number: int, name: str, kind: str, needed: int, _default: object, key: int
) -> Callable[[Any], bool]:
    """Whether a value can stand in that column, as PRAGMA table_info has it: SQLite checks little.

    A primary key takes NULL there, for one.
    """
    most, within = _MOST.get(kind), _JSON.get((table, name))
    type_: Any = _KINDS[kind]

    def fits(value: Any) -> bool:
        if value is None:
            return not needed and not key
        if type(value) is not type_ or (most is not None and abs(value) >= most):
            return False
        if within is not None:
            return isinstance(json.loads(value), within)  # raises ValueError
        return kind != "TEXT" or "\0" not in value

    return fits
