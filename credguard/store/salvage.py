"""A damaged state database is kept aside, and a new one made of what can still be read of it."""

import contextlib
import io
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from credguard.atomic import locked, remove, sync_dir
from credguard.errors import Busy, StoreError
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
_Settle = Callable[[sqlite3.Connection, "Salvaged"], None]


@dataclass(frozen=True, slots=True)
class Salvaged:
    """`aside`: where the damaged file is now. `rows`: how many were carried over.

    `torn`: the tables of which some may be missing; a lost end of the write-ahead log does not
    show, so that even a table that was read whole may be as it was a moment earlier.
    """

    aside: str
    rows: int
    torn: frozenset[str]


def rebuild(file: str, now: float, settle: _Settle) -> Salvaged:
    """Put a database of what can be read of `file` in its place; the damaged one stays beside it.

    `settle` is called with the new one before it takes the place. This process has no connection to
    `file`. A crash midway leaves the damaged one, or the new one once the next `db.connect` comes.
    Raises Busy (another process has it open), StoreError (of a newer credguard; no space left);
    then nothing new stands beside `file`.
    """
    file = os.path.realpath(file)  # SQLite keeps the log where a symlink leads
    try:
        with locked(file + ".lock", busy=_BUSY), _nobody_else(file) as opened:
            if os.path.exists(file + db.REBUILT):  # of a rebuild that a crash ended
                os.unlink(file + db.REBUILT)
            with _aside(file, now) as aside:
                _copy(opened, aside)
                _copy_log(file, aside)
                sync_dir(os.path.dirname(file))
                done = _made(file, aside, settle)
                os.rename(file + ".rebuilding", file + db.REBUILT)
            sync_dir(os.path.dirname(file))
            db.swap(file)
    except OSError as exc:
        raise StoreError(f"cannot make {file} anew: {exc.strerror}") from exc
    return done


@contextlib.contextmanager
def _aside(file: str, now: float) -> Iterator[str]:
    """A free name for the copy of `file`; when something is raised, the copy is deleted.

    The service tries again and again: what each try left would fill the disk.
    """
    named = f"{file}.damaged-{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}"
    aside, number = named, 1
    while os.path.lexists(aside) or os.path.lexists(aside + "-wal"):
        number += 1
        aside = f"{named}-{number}"
    try:
        yield aside
    except BaseException:
        leftover = (aside, aside + "-wal", file + ".rebuilding", file + ".rebuilding-journal")
        for each in leftover if not os.path.exists(file + db.REBUILT) else ():
            with contextlib.suppress(OSError):
                os.unlink(each)
        raise


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


def _copy_log(file: str, to: str) -> None:
    with contextlib.suppress(FileNotFoundError), open(file + "-wal", "rb") as source:
        _copy(source, to + "-wal")


def _made(file: str, aside: str, settle: _Settle) -> Salvaged:
    fresh = file + ".rebuilding"
    for ending in ("", "-journal"):
        remove(fresh + ending)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(file)) as scratch:
        copy = os.path.join(scratch, "copy")
        with open(aside, "rb") as source:
            _copy(source, copy)
        _copy_log(aside, copy)  # SQLite writes it into what it reads
        if os.path.getsize(copy) == 0:
            os.truncate(copy, _PAGE)  # beside an empty one SQLite deletes the log
        old = sqlite3.connect(copy, isolation_level=None)
        # A text that is none any more can then not be stored, and is missed.
        old.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
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
        finally:
            old.close()
    return done


def _version(old: sqlite3.Connection, file: str) -> int | None:
    """The damaged one's schema; None: it cannot be told. Raises StoreError: of a newer one."""
    try:
        version = int(old.execute("PRAGMA user_version").fetchone()[0])
        tables = old.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    except sqlite3.DatabaseError:
        return None
    if version > len(MIGRATIONS) and tables:
        raise StoreError(
            f"{file} is damaged, and was written by a newer credguard",
            hint="install the newer one again: git pull, then ./install.sh",
        )
    return version if 0 < version <= len(MIGRATIONS) else None


def _carry(old: sqlite3.Connection, new: sqlite3.Connection, aside: str) -> Salvaged:
    names = [
        row["name"]
        for row in new.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if not row["name"].startswith("sqlite_")
    ]
    rows, torn = 0, set()
    for name in sorted(names, key=lambda name: name != "key"):  # profiles refer to keys
        kept, whole = _carry_table(old, new, name)
        rows += kept
        torn |= set() if whole else {name}
    # The highest number ever given, so that log rows that were lost at the end are missed.
    with contextlib.suppress(sqlite3.DatabaseError):
        for name, highest in old.execute("SELECT name, seq FROM sqlite_sequence").fetchall():
            new.execute(
                "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (highest, name)
            )
    return Salvaged(aside, rows, frozenset(torn))


def _carry_table(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> tuple[int, bool]:
    """How many rows were carried over, and whether those are all."""
    columns = [row["name"] for row in new.execute(f"PRAGMA table_info({table})")]
    listed = ", ".join(columns)
    insert = f"INSERT INTO {table} ({listed}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
    kept, whole, last = 0, True, None
    # From both ends to the damage. By the rows' own numbers: an index may be damaged too.
    for way in ("ASC", "DESC"):
        select = f"SELECT rowid, {listed} FROM {table} NOT INDEXED ORDER BY rowid {way}"  # noqa: S608
        try:
            for number, *values in old.execute(select):
                if way == "DESC" and last is not None and number <= last:
                    return kept, False
                try:
                    new.execute(insert, values)
                    kept += 1
                except (sqlite3.IntegrityError, UnicodeEncodeError):
                    whole = False
                if way == "ASC":
                    last = number
            return kept, whole
        except sqlite3.DatabaseError:
            whole = False
    return kept, whole
