"""What one command works with: settings, state database and vault, each opened on first use."""

import sqlite3
import time
from functools import cached_property

from credguard import config as settings
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
        from credguard.hardening import no_core_dump
        from credguard.vault.select import open_vault

        no_core_dump()
        return open_vault(self.config.vault.backend)

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
