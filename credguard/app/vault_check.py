"""The periodic job that sees whether the vault still holds what the state database says it does.

A key that is gone from the keyring is better known today than on the day it is needed.
"""

import logging

from credguard.app import items
from credguard.app.context import Context
from credguard.app.periodic import Note
from credguard.errors import VaultError
from credguard.store import problems
from credguard.vault.bus import look

_LOG = logging.getLogger("credguard.app.vault_check")
_SUBJECT = "vault"
_TITLE = "credguard: the vault lacks something"
# Reading these asks nobody: a locked file vault refuses, and a desktop's is asked about first.
_SILENT = ("file", "keyring:secretservice", "keyring:macos", "keyring:windows")


def run(ctx: Context) -> list[Note]:
    """Say what is missing, once; nothing where it cannot be told now without asking a person.

    Raises StoreError, ConfigError.
    """
    backend = ctx.config.vault.backend
    if backend not in _SILENT:
        return []
    wanted = items.known(ctx).listed
    if not wanted or (backend == "keyring:secretservice" and look().locked is not False):
        return []
    try:
        missing = [item for item in wanted if ctx.vault.get(item) is None]
    except VaultError as error:  # locked, or not reachable: told where it is needed
        _LOG.info("the vault was not looked through: %s", error)
        return []
    now = ctx.now()
    if not missing:
        problems.solve(ctx.db, now, _SUBJECT)
        return []
    shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if missing[3:] else "")
    what = f"it does not hold {shown}, which it should"
    hint = "see: credguard doctor; a backup is taken in by: credguard vault restore FILE"
    problem = problems.put(ctx.db, now, _SUBJECT, " ".join(missing), what, hint)
    return [Note(_SUBJECT, what, hint, False, not problem.told, _TITLE)]
