"""The file of the own secrets' fingerprints: read by every scan, in well under a millisecond.

Ours and 0600, or it is not read; no value is in it (see `credguard.scan.own`). The hook loads this.
"""

from __future__ import annotations

import os
import sys

from credguard.errors import StoreError
from credguard.paths import state_dir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from credguard.scan.engine import Engine
    from credguard.scan.own import Search, Table

_NAME = "own.bin"
# The file: this mark, size and checksum of what comes next (8 bytes each), the marshalled table,
# and a Hyperscan database of the windows, perhaps empty.
_MARK = b"credguard own 1\n"
_HEAD = len(_MARK) + 16


def own_file() -> str:
    """Where it is."""
    return os.path.join(state_dir(), _NAME)


def armed(engine: Engine) -> Engine:
    """`engine`, which from now on finds the own secrets too.

    Raises StoreError where the file is there and cannot be read: an own secret could pass unseen.
    """
    content = read()
    if content is not None and content[0][2]:
        from credguard.scan.own import Own

        engine.own = Own(content[0], _search(content[1]) if content[1] else None)
    else:
        engine.own = None
    return engine


class Arming:
    """Keeps an engine that lives long in step with the file."""

    def __init__(self, engine: Engine) -> None:
        """`engine`: used by this thread alone."""
        self._engine = engine
        self._seen: tuple[int, int, int] | None = None

    def look(self) -> None:
        """Read the file where it changed. Raises StoreError; what was known before stays then."""
        try:
            status = os.stat(own_file())
        except OSError:
            self._engine.own = self._seen = None
            return
        seen = status.st_mtime_ns, status.st_size, status.st_ino
        if seen != self._seen:
            armed(self._engine)
            self._seen = seen


def read() -> tuple[Table, bytes] | None:
    """The table and the database of its windows; None: there is no file.

    Raises StoreError: another user's, open to others, damaged, not readable.
    """
    file = own_file()
    try:
        descriptor = os.open(
            file, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
        )
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise _unreadable(file, exc.strerror or "it cannot be opened") from exc
    try:
        status = os.fstat(descriptor)
        if sys.platform != "win32" and (status.st_uid != os.geteuid() or status.st_mode & 0o077):
            raise _unreadable(file, "it is open to other users")
        parts = []
        while part := os.read(descriptor, 1 << 20):
            parts.append(part)
    except OSError as exc:
        raise _unreadable(file, exc.strerror or "it cannot be read") from exc
    finally:
        os.close(descriptor)
    data = b"".join(parts)
    size = int.from_bytes(data[len(_MARK) : len(_MARK) + 8], "little")
    packed = data[_HEAD : _HEAD + size]
    if not data.startswith(_MARK) or len(packed) != size or not size:
        raise _unreadable(file, "it is damaged")
    if _checksum(packed) != data[len(_MARK) + 8 : _HEAD]:
        raise _unreadable(file, "it is damaged")
    from marshal import loads

    # Marshal trusts its input: the file is ours alone, see the modes above, and whole.
    table = loads(packed)  # noqa: S302
    return table, data[_HEAD + size :]


def write(table: Table) -> None:
    """Put the file in the place of the one before; a crash leaves that or the new one.

    Raises StoreError.
    """
    from marshal import dumps

    from credguard.atomic import write_private
    from credguard.paths import private_dir

    packed = dumps(table)
    head = _MARK + len(packed).to_bytes(8, "little") + _checksum(packed)
    private_dir(state_dir())
    try:
        write_private(own_file(), head + packed + _database([row[0] for row in table[2]]))
    except OSError as exc:
        raise StoreError(f"cannot write {own_file()}: {exc.strerror}") from exc


def _unreadable(file: str, why: str) -> StoreError:
    return StoreError(
        f"the fingerprints of your own secrets, {file}: {why}",
        hint=f"remove it, it is made anew: rm {file}; then: credguard daemon tick",
    )


def _checksum(data: bytes) -> bytes:
    from _imp import source_hash  # SipHash, as for .pyc files; costs no import

    return bytes(source_hash(1, data))


def _database(windows: list[bytes]) -> bytes:
    """The windows, compiled; empty: none, or it failed, and they are found slower."""
    from credguard.sources.database import extension

    if not windows:
        return b""
    hyperscan = extension()
    try:
        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        database.compile(
            expressions=windows,
            ids=list(range(len(windows))),
            elements=len(windows),
            flags=[0] * len(windows),
        )
        return bytes(hyperscan.dumpb(database))
    except hyperscan.error:
        return b""


def _search(packed: bytes) -> Search | None:
    """None: built for another processor or version."""
    from credguard.sources.database import extension

    hyperscan = extension()
    try:
        database = hyperscan.loadb(packed, hyperscan.HS_MODE_BLOCK)
        database.scratch = hyperscan.Scratch(database)
    except hyperscan.error:
        return None

    def search(text: bytes, found: Any) -> None:
        def hit(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            found(number, end)

        if text:
            database.scan(text, match_event_handler=hit)

    return search
