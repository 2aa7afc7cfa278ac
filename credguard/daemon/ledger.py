"""The agent's view of the store and of the settings files: what answers depend on, who got them."""

import os
import sqlite3
import time

from credguard import paths
from credguard.daemon.cache import World
from credguard.errors import StoreError
from credguard.store import db, handouts, profiles


class Ledger:
    """One connection, opened when first needed, and again when the file was replaced."""

    def __init__(self) -> None:
        """Nothing is opened yet."""
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def close(self) -> None:
        """Close the database."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def world(self, config: str) -> World:
        """What answers depend on now; `config`: the asker's ~/.aws/config. Raises StoreError."""
        files = (config, paths.aws_credentials_file(), paths.config_file())
        connection = self._open()
        pointers = {}
        if connection is not None:
            pointers = {
                each.name: (each.key.key_id, each.generation)
                for each in profiles.profiles(connection)
            }
        return World(tuple(_stamp(path) for path in files), pointers)

    def note(
        self, rows: list[tuple[str, str, int | None]], key_id: str, session_end: float | None
    ) -> str:
        """Log hand-outs: profile, how, process that asked. Why it failed; empty: it did not.

        A failure ends it: when another process keeps the database, each row would wait a second.
        """
        try:
            connection = self._open()
            if connection is None:
                return ""
            for profile, how, pid in rows:
                who = handouts.Asker() if pid is None else _asker(pid, how)
                handouts.record(
                    connection, time.time(), profile, key_id, how, who, session_end=session_end
                )
        except StoreError as error:
            return str(error)
        return ""

    def _open(self) -> sqlite3.Connection | None:
        """The database; None: there is none (a profile may need no key of the vault)."""
        try:
            status = os.stat(paths.database_file())
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise StoreError(f"cannot look at {paths.database_file()}: {exc.strerror}") from exc
        file = (status.st_dev, status.st_ino)
        if self._connection is not None and self._file == file:
            return self._connection
        self.close()
        self._connection = db.connect_to_hand_out(handouts.WAIT_S)
        self._file = file
        return self._connection


def _asker(pid: int, how: str) -> handouts.Asker:
    """The program behind process `pid`: ours are started by the one that wants the key."""
    if how == "agent":  # somebody who speaks to the socket
        return handouts.asker(pid)
    return handouts.asker(handouts.parent_of(pid) or pid)


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
