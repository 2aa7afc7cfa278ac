"""What one command works with: settings and state database, each opened on first use."""

import sqlite3
import time
from functools import cached_property

from credguard import config as settings
from credguard.store import db


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

    def now(self) -> float:
        """Unix seconds."""
        return time.time()
