"""The state database: one SQLite file with every table, versioned. No secret is ever in it.

Each connection commits with synchronous=FULL, so that a returned write survives power loss. The
other modules of this package each own some tables and take the connection.
"""

import sqlite3

from credguard import paths
from credguard.errors import StoreError

_BUSY_S = 10.0

# One entry a schema version, applied in order; an entry is never edited once released.
_MIGRATIONS = (
    """
    CREATE TABLE key (
        key_id TEXT PRIMARY KEY, partition TEXT NOT NULL, account TEXT NOT NULL,
        user_name TEXT NOT NULL, user_id TEXT NOT NULL,
        created REAL,                 -- IAM's CreateDate, Unix seconds; NULL: not known
        origin TEXT NOT NULL,         -- import, add, rotation
        added REAL NOT NULL
    );
    CREATE TABLE profile (
        name TEXT PRIMARY KEY, key_id TEXT NOT NULL REFERENCES key(key_id),
        generation INTEGER NOT NULL DEFAULT 1,
        consent INTEGER NOT NULL DEFAULT 0,   -- 1: a person agreed to unattended rotation
        used_elsewhere INTEGER NOT NULL DEFAULT 0,
        added REAL NOT NULL
    );
    CREATE TABLE rotation (
        identity TEXT PRIMARY KEY,    -- partition/account/user_name
        record TEXT NOT NULL, updated REAL NOT NULL
    );
    CREATE TABLE event (
        id INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
        detail TEXT NOT NULL DEFAULT '{}'
    );
    CREATE INDEX event_at ON event(at);
    CREATE TABLE secret_name (name TEXT PRIMARY KEY, added REAL NOT NULL);
    CREATE TABLE watch_root (path TEXT PRIMARY KEY, added REAL NOT NULL);
    CREATE TABLE finding (
        fingerprint TEXT PRIMARY KEY, path TEXT NOT NULL, line INTEGER NOT NULL,
        rule_id TEXT NOT NULL, masked TEXT NOT NULL, first_seen REAL NOT NULL,
        last_seen REAL NOT NULL, state TEXT NOT NULL DEFAULT 'open', notified REAL
    );
    CREATE TABLE hook (
        repository TEXT PRIMARY KEY,  -- absolute git dir, or '--global'
        hooks_path TEXT NOT NULL, previous TEXT, added REAL NOT NULL
    );
    CREATE TABLE ssh_key (
        name TEXT PRIMARY KEY, key_type TEXT NOT NULL, public_key TEXT NOT NULL,
        fingerprint TEXT NOT NULL, path TEXT NOT NULL, owner TEXT NOT NULL, created REAL NOT NULL
    );
    CREATE TABLE ssh_registration (
        name TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, registered REAL NOT NULL,
        PRIMARY KEY (name, account, region)
    );
    CREATE TABLE schedule (name TEXT PRIMARY KEY, last_run REAL, next_run REAL);
    """,
    """
    CREATE TABLE mfa_step (serial TEXT PRIMARY KEY, step INTEGER NOT NULL);
    """,
)


def connect(path: str | None = None) -> sqlite3.Connection:
    """The state database, made or upgraded where needed; rows come as sqlite3.Row.

    Autocommit: group writes with `with transaction(connection):`. Raises StoreError: not readable,
    disk full, damaged, or written by a newer credguard. A crash midway leaves the old version.
    """
    import os

    file = path or paths.database_file()
    paths.private_dir(os.path.dirname(file))
    try:
        if not os.path.exists(file):
            os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(file, timeout=_BUSY_S, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        _migrate(connection, file)
    except (sqlite3.Error, OSError) as exc:
        raise StoreError(f"cannot use the state database {file}: {exc}") from exc
    return connection


def _migrate(connection: sqlite3.Connection, file: str) -> None:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(_MIGRATIONS):
        raise StoreError(
            f"{file} was written by a newer credguard (schema {version})", hint="run ./install.sh"
        )
    if version == len(_MIGRATIONS):
        return
    with transaction(connection):
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        for number in range(version, len(_MIGRATIONS)):
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
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as exc:
            raise StoreError(f"cannot lock the state database: {exc}") from exc
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Commit, or roll back when something was raised."""
        if kind is not None:
            self._connection.execute("ROLLBACK")
            return
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as exc:
            raise StoreError(f"cannot write the state database: {exc}") from exc
