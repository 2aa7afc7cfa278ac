"""What one command works with: settings, state database and vault, each opened on first use."""

import sqlite3
import time
from functools import cached_property

from credguard import config as settings
from credguard.store import db
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

    def now(self) -> float:
        """Unix seconds."""
        return time.time()
