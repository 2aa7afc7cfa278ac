"""The state database: one SQLite file with every table, versioned. No secret is ever in it.

Each connection commits with synchronous=FULL, so that a returned write survives power loss. The
other modules of this package each own some tables and take the connection; whatever SQLite cannot
do leaves its cursor as a StoreError. Only a broken rule of ours (IntegrityError, ProgrammingError)
stays what it is: that is a bug.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterable
from typing import Any

from credguard import paths
from credguard.errors import Busy, StoreError
from credguard.store import chain
from credguard.store.failures import EMPTY, GONE, damaged, translated, unusable
from credguard.store.schema import MIGRATIONS as _MIGRATIONS

BUSY_S = 10.0

REBUILT = ".rebuilt"
"""What the name of a database ends in that is to take the place of a damaged one, see salvage."""
BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite's own files beside a database end in: the log, its index, and where no log can be
kept, as on a network's file system, the journal."""
_FIRST = ".first"  # of one that is being made where none was


class _Cursor(sqlite3.Cursor):
    # A statement can fail at any step, so that fetching is translated like executing.
    connection: "_Connection"

    def execute(self, sql: str, parameters: Any = (), /) -> "_Cursor":
        with translated(self.connection.file):
            super().execute(sql, parameters)
        return self

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> "_Cursor":
        with translated(self.connection.file):
            super().executemany(sql, parameters)
        return self

    def fetchone(self) -> Any:
        with translated(self.connection.file):
            return super().fetchone()

    def fetchall(self) -> list[Any]:
        with translated(self.connection.file):
            return super().fetchall()

    def __next__(self) -> Any:
        with translated(self.connection.file):
            return super().__next__()


class _Connection(sqlite3.Connection):
    file = ""

    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> Any:
        return self.cursor().executemany(sql, parameters)


def connect(path: str | None = None, *, wait: float = BUSY_S) -> sqlite3.Connection:
    """The state database, made or upgraded where needed; rows come as sqlite3.Row.

    `wait`: seconds to wait for another writer. Autocommit: group writes with
    `with transaction(connection):`. Raises StoreError: not readable, disk full, damaged
    (DatabaseDamaged), or written by a newer credguard. A crash midway leaves the old version.
    """
    file = path or paths.database_file()
    paths.private_dir(os.path.dirname(file))
    file = os.path.realpath(file)  # where a symlink leads, SQLite keeps the log, and salvage works
    try:
        while True:
            if os.path.exists(file + REBUILT):  # a crash came before it took its place
                _finish(file)
            if not os.path.exists(file):
                _make(file)
            opened = os.stat(file)
            if opened.st_size == 0:
                raise damaged(file, EMPTY)
            connection = _connected(file, wait)
            # A damaged one may have been replaced while we waited for its lock.
            if os.path.samestat(opened, os.stat(file)) and not os.path.exists(file + REBUILT):
                return connection
            connection.close()
    except Busy as exc:
        raise StoreError(str(exc), hint=exc.hint) from exc
    except OSError as exc:
        raise unusable(file, exc) from exc


def there(path: str | None = None) -> bool:
    """Whether there is a state database, or the log of one that is gone. Makes nothing.

    True also where that cannot be told (another user's folder): who opens it learns why.
    """
    file = os.path.realpath(path or paths.database_file())
    try:
        os.stat(file)
    except FileNotFoundError:
        return _left_log(file)
    except OSError:
        pass
    return True


def _left_log(file: str) -> bool:
    try:
        return os.path.getsize(file + "-wal") > 0
    except FileNotFoundError:
        return False


def _make(file: str) -> None:
    """Make the first database, unless another process was faster.

    It gets its name when its tables are in it and on the disk: so a crash midway leaves none, and
    an empty file of that name has lost what was in it. Raises OSError, StoreError; DatabaseDamaged:
    one was there, whose log SQLite would read into the new one.
    """
    from credguard.atomic import locked, remove, sync_dir

    with locked(file + ".lock", busy="another process makes the state database"):
        if os.path.exists(file) or os.path.exists(file + REBUILT):
            return
        if _left_log(file):
            raise damaged(file, GONE)
        for ending in (*BESIDE, _FIRST, *(_FIRST + each for each in BESIDE)):
            remove(file + ending)
        with contextlib.closing(empty(file + _FIRST, None)) as first:
            use_wal(first)
        os.rename(file + _FIRST, file)
        sync_dir(os.path.dirname(file))


def _finish(file: str) -> None:
    from credguard.atomic import locked

    with locked(file + ".lock", busy="another process makes the state database anew"):
        if os.path.exists(file + REBUILT):
            swap(file)


def swap(file: str) -> None:
    """Let the rebuilt database take the place of `file`, whose lock file is held. Raises OSError.

    A crash midway leaves the rebuilt one where `connect` has it take its place.
    """
    from credguard.atomic import remove, sync_dir

    # The old log and journal first: SQLite would read them into whatever stands at the name.
    for ending in BESIDE:
        remove(file + ending)
    os.replace(file + REBUILT, file)
    sync_dir(os.path.dirname(file))


def _connected(file: str, wait: float) -> sqlite3.Connection:
    connection = _opened(file, wait)
    try:
        use_wal(connection, wait)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        upgrade(connection, file)
    except BaseException:
        connection.close()
        raise
    return connection


def _opened(file: str, wait: float) -> sqlite3.Connection:
    with translated(file):
        connection = sqlite3.connect(file, timeout=wait, isolation_level=None, factory=_Connection)
    connection.file = file
    connection.row_factory = sqlite3.Row
    connection.create_function("chained", -1, chain.digest)
    return connection


def empty(file: str, version: int | None) -> sqlite3.Connection:
    """A new database `file` (0600) of the schema `version`; None: of ours. Raises StoreError.

    It has no files beside it while nothing is being written. Raises OSError: `file` is there.
    """
    os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    connection = _opened(file, BUSY_S)
    try:
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        upgrade(connection, file, version)
    except BaseException:
        connection.close()
        raise
    return connection


def check_version(file: str) -> int:
    """The schema version of the existing database `file`, which is only read.

    Raises StoreError: not readable, or written by a newer credguard. DatabaseDamaged: it is
    damaged or empty, or only its log is left.
    """
    try:
        if os.stat(file).st_size == 0:
            raise damaged(file, EMPTY)
    except FileNotFoundError:
        raise damaged(file, GONE) from None
    except OSError as exc:
        raise unusable(file, exc) from exc
    with translated(file):
        connection = sqlite3.connect(file, timeout=BUSY_S, isolation_level=None)
        try:
            return _version(connection, file)
        finally:
            connection.close()


def use_wal(connection: sqlite3.Connection, wait: float = BUSY_S) -> None:
    """Switch to the write-ahead log; when several do so at once, take turns.

    A database that takes another's place does so before: the switch writes a journal, and who has
    the other open still would roll that back, since it goes by the name. Raises StoreError.

    SQLite does not wait by itself here: two that upgrade their read locks would wait for ever.
    """
    deadline = time.monotonic() + wait
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except StoreError as exc:
            code = getattr(exc.__cause__, "sqlite_errorcode", 0) & 0xFF
            if code != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def connect_to_hand_out(wait: float) -> sqlite3.Connection:
    """As connect, and readable still where nothing can be written (full disk, read-only folder).

    A key must be handed out then too; a write to such a connection raises StoreError.
    Raises StoreError.
    """
    try:
        return connect(wait=wait)
    except StoreError as error:
        if not isinstance(error.__cause__, sqlite3.OperationalError | OSError):
            raise
        connection = _reader(paths.database_file(), wait)
        if connection is None:
            raise
        return connection


def reader(wait: float) -> sqlite3.Connection | None:
    """The state database as it is; None: not there, or not to be read. Makes and writes nothing."""
    file = paths.database_file()
    return _reader(file, wait) if os.path.exists(file) else None


def _reader(file: str, wait: float) -> sqlite3.Connection | None:
    """`file` opened without writing anything; None when that cannot be done safely."""
    from urllib.parse import quote

    # https://www.sqlite.org/wal.html#read_only_databases: with -wal and -shm there they are read;
    # without a -wal the file alone is the whole database, unless a -journal is to be rolled back.
    file = os.path.realpath(file)
    try:
        if os.path.getsize(file) == 0:
            return None
        logs = (file + each for each in ("-wal", "-journal"))
        alone = not any(os.path.exists(each) and os.path.getsize(each) for each in logs)
        options = "mode=ro&immutable=1" if alone else "mode=ro&readonly_shm=1"
        connection = sqlite3.connect(
            f"file:{quote(file)}?{options}",
            uri=True,
            timeout=wait,
            isolation_level=None,
            factory=_Connection,
        )
        connection.file = file
        connection.row_factory = sqlite3.Row
        connection.create_function("chained", -1, chain.digest)
        if connection.execute("PRAGMA user_version").fetchone()[0] > len(_MIGRATIONS):
            return None
    except (StoreError, sqlite3.Error, OSError):
        return None
    return connection


def _version(connection: sqlite3.Connection, file: str) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(_MIGRATIONS):
        raise StoreError(
            f"{file} was written by a newer credguard (schema {version}; this one knows"
            f" {len(_MIGRATIONS)})",
            hint="install the newer one again: git pull, then ./install.sh",
        )
    return version


def upgrade(connection: sqlite3.Connection, file: str, to: int | None = None) -> None:
    """Bring the schema to version `to`; None: to ours. Raises StoreError."""
    last = len(_MIGRATIONS) if to is None else to
    if _version(connection, file) >= last:
        return
    with transaction(connection):
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        for number in range(version, last):
            for statement in _statements(_MIGRATIONS[number]):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={number + 1}")


def _statements(script: str) -> list[str]:
    # executescript() would commit the open transaction; no trigger is in the scripts, so cut here.
    bare = "\n".join(line.split("--")[0] for line in script.splitlines())
    return [part for part in bare.split(";") if part.strip()]


class transaction:  # noqa: N801 - reads as a keyword: with transaction(connection)
    """Everything inside is committed together, or not at all. Raises StoreError."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Work on `connection`; transactions do not nest."""
        self._connection = connection

    def __enter__(self) -> sqlite3.Connection:
        """Take the write lock, waiting up to ten seconds."""
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Commit, or roll back when something was raised or committing fails."""
        if kind is not None:
            self._roll_back()
            return
        try:
            self._connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        # A full disk makes SQLite roll back by itself. What was raised first is what is told; a
        # rollback that fails is made good by the next one to open the file.
        if self._connection.in_transaction:
            with contextlib.suppress(StoreError):
                self._connection.execute("ROLLBACK")
