"""What SQLite and the system say of the state database, as errors that name a way on."""

import contextlib
import sqlite3
from collections.abc import Iterator

from credguard.errors import DatabaseDamaged, StoreError

# Primary result codes, sqlite.org/rescode.html: what failed, and what a person does about it.
_PROBLEMS = {
    sqlite3.SQLITE_BUSY: (
        "another process keeps it locked",
        "wait for that process to end (fuser -v {file} names it), then run it again",
    ),
    sqlite3.SQLITE_FULL: ("no space is left", "free some space, then run it again"),
    sqlite3.SQLITE_CORRUPT: (
        "it is damaged",
        "make it anew from what can still be read: credguard vault recover",
    ),
    sqlite3.SQLITE_READONLY: ("it cannot be written", "check the modes of {file} and its folder"),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "check the modes of {file} and its folder"),
    sqlite3.SQLITE_IOERR: (
        "reading or writing failed",
        "check the free space and the disk of {file}, then run it again",
    ),
}
_PROBLEMS[sqlite3.SQLITE_LOCKED] = _PROBLEMS[sqlite3.SQLITE_BUSY]
_PROBLEMS[sqlite3.SQLITE_PERM] = _PROBLEMS[sqlite3.SQLITE_READONLY]
_PROBLEMS[sqlite3.SQLITE_NOTADB] = _PROBLEMS[sqlite3.SQLITE_CORRUPT]
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
EMPTY, GONE = "it is empty", "it is gone, only its log is left"
_OURS = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.NotSupportedError)


@contextlib.contextmanager
def translated(file: str) -> Iterator[None]:
    """Whatever SQLite cannot do with `file` inside leaves as a StoreError, damage as
    DatabaseDamaged. Broken rules of ours stay what they are.
    """
    try:
        yield
    except _OURS:
        raise
    except MemoryError as exc:  # SQLITE_NOMEM
        raise StoreError(
            f"cannot use the state database {file}: no memory is left",
            hint="end other programs, then run it again",
        ) from exc
    except sqlite3.Error as exc:
        code = getattr(exc, "sqlite_errorcode", 0)
        code = sqlite3.SQLITE_FULL if code == sqlite3.SQLITE_IOERR_SHMSIZE else code & 0xFF
        what, hint = _PROBLEMS.get(code, (str(exc), None))
        kind = DatabaseDamaged if code in _DAMAGED else StoreError
        raise kind(
            f"cannot use the state database {file}: {what}",
            hint=None if hint is None else hint.format(file=file),
        ) from exc


def unusable(file: str, exc: OSError) -> StoreError:
    """To be raised from `exc`."""
    return StoreError(
        f"cannot use the state database {file}: {exc.strerror}",
        hint=f"check the free space and the modes of {file} and its folder",
    )


def damaged(file: str, what: str) -> DatabaseDamaged:
    """To be raised. `what`: EMPTY or GONE."""
    hint = _PROBLEMS[sqlite3.SQLITE_CORRUPT][1]
    return DatabaseDamaged(f"cannot use the state database {file}: {what}", hint=hint)
