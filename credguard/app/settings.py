"""Use case: change a setting, and what is to be told of it."""

import os

from credguard import config, paths
from credguard.app.context import Context
from credguard.errors import CredguardError
from credguard.store import problems, profiles

_BACKEND = "vault.backend"
_LEFT = "the vault that was left"


def change(ctx: Context, key: str, value: str) -> str:
    """Set `key` to `value`; what a person should know of it, "" for nothing. Raises ConfigError.

    Another vault moves no key: told until the settings are back, or `vault migrate` moved them.
    """
    before = _vault() if key == _BACKEND else ""
    config.set_value(key, value)
    if before in ("", value) or not os.path.exists(paths.database_file()):
        return ""
    try:
        holds = _holds_the_keys(ctx, before, value)
    except CredguardError:  # the setting is changed, and stays so
        return ""
    if not holds:
        return ""
    return (
        f"this moves no key; those in {holds} are not seen now; to take them along:"
        f" credguard config set {_BACKEND} {holds}; credguard vault migrate --to {value}"
    )


def _vault() -> str:
    """The vault of the settings; "": none, or they cannot be read, which a change may put right."""
    try:
        return config.load().vault.backend
    except CredguardError:
        return ""


def _holds_the_keys(ctx: Context, before: str, value: str) -> str:
    """The vault that was left with the keys in it; "": there are none, or we are back at it."""
    newest = profiles.newest(ctx.db)
    left = problems.told(ctx.db, _LEFT)
    # Keys that were added since are in the one that is being left now.
    holds = before if left is None or (newest or 0) > left.at else left.what
    if newest is None or holds == value:
        problems.untell(ctx.db, _LEFT)
        return ""
    problems.first_time(ctx.db, ctx.now(), _LEFT, holds)
    return holds


def moved(ctx: Context) -> None:
    """The vault of the settings holds everything now."""
    problems.untell(ctx.db, _LEFT)
