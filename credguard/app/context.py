"""What one command works with: settings, state database and vault, each opened on first use."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from functools import cached_property

from credguard import config as settings
from credguard import paths
from credguard.atomic import locked
from credguard.errors import StoreError
from credguard.store import db, handouts
from credguard.vault.base import Vault


class Context:
    """Opened lazily, so that a command pays only for what it uses. Not shared between threads."""

    @cached_property
    def config(self) -> settings.Config:
        """The settings. Raises ConfigError."""
        return settings.load()

    @cached_property
    def db(self) -> sqlite3.Connection:
        """The state database. Raises StoreError."""
        return db.connect()

    @cached_property
    def vault(self) -> Vault:
        """The vault that the settings name. Raises VaultError (not chosen yet: run init).

        From its first use on this process leaves no core dump.
        """
        from credguard.app.noting import Noting
        from credguard.hardening import no_core_dump
        from credguard.vault.select import open_vault

        no_core_dump()
        return Noting(open_vault(self.config.vault.backend))

    def look_again(self) -> None:
        """Open the settings and the vault anew where another process moved the vault meanwhile."""
        known: settings.Config | None = self.__dict__.get("config")
        if known is not None and settings.load().vault.backend != known.vault.backend:
            for name in ("config", "vault"):
                self.__dict__.pop(name, None)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """While a new item goes into the vault: it is the one that the settings name, and stays so.

        A vault that is being moved is waited for, ten seconds at most. Raises Busy, StoreError.
        """
        paths.private_dir(paths.state_dir())
        try:
            with locked(paths.lock_file("migrate"), busy="another credguard moves the vault"):
                self.look_again()
                yield
        except OSError as exc:
            raise StoreError(f"cannot write in {paths.state_dir()}: {exc.strerror}") from exc

    def close(self) -> None:
        """Close what was opened, the keyring's worker process included; it opens again on use."""
        if (connection := self.__dict__.pop("db", None)) is not None:
            connection.close()
        if (vault := self.__dict__.pop("vault", None)) is not None:
            getattr(vault, "close", lambda: None)()

    def now(self) -> float:
        """Unix seconds."""
        return time.time()


class HandingOut(Context):
    """For commands that only hand out: a full or read-only disk does not keep a key back.

    There a write to `db` raises StoreError.
    """

    @cached_property
    def db(self) -> sqlite3.Connection:
        """See Context.db."""
        return db.connect_to_hand_out(handouts.WAIT_S)
