"""Use case: what install.sh has done before and after it points the fixed path at a new version."""

import contextlib
from collections.abc import Callable

from credguard import paths
from credguard.app.context import Context
from credguard.errors import DatabaseDamaged, Unsupported
from credguard.store import db


def check() -> None:
    """Raise StoreError when this version is too old for the state database. Changes nothing.

    A damaged one is no reason to stay away: what makes it anew may be this version alone.
    """
    if db.there():
        with contextlib.suppress(DatabaseDamaged):
            db.check_version(paths.database_file())


def finish(ctx: Context, on_step: Callable[[str], None]) -> None:
    """Bring state database, text of installed hooks and the service's definition to this version.

    Safe to repeat. `on_step` gets one line for each thing that was not as it writes it. A crash
    midway leaves what is done; nothing here stops a hook or a key from being served. Raises
    StoreError, GitError.
    """
    if not db.there():
        return
    before = db.check_version(paths.database_file())
    connection = ctx.db
    after: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if after != before:
        on_step(f"the state database is now at schema {after}")
    from credguard.app import hook

    for place in hook.refresh_all(ctx):
        on_step(f"the hooks in {place} are now this version's")
    from credguard.app import service

    try:
        if service.refresh():
            on_step("the background service's definition is now this version's")
    except Unsupported as error:
        on_step(f"{error}; {error.hint}")
