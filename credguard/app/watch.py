"""Use case: the folders that the background service watches."""

import os

from credguard.app.context import Context
from credguard.errors import CredguardError
from credguard.store import watches


def add(ctx: Context, path: str) -> str:
    """Watch folder `path`; gives it absolute. A running service picks it up within seconds.

    Raises CredguardError: no such folder, or a name that is not UTF-8.
    """
    full = _full(path)
    if not os.path.isdir(full):
        raise CredguardError(f"no folder {path}", hint="name an existing folder")
    if full == "/":
        raise CredguardError("the whole file system cannot be watched", hint="name a folder in it")
    watches.add(ctx.db, full, ctx.now())
    return full


def remove(ctx: Context, path: str) -> str:
    """Stop watching `path`; gives it absolute. Raises CredguardError: it was not watched."""
    full = _full(path)
    if not watches.remove(ctx.db, full):
        raise CredguardError(f"{full} is not watched", hint="see: credguard watch list")
    return full


def roots(ctx: Context) -> list[str]:
    """The watched folders, absolute, sorted."""
    return watches.roots(ctx.db)


def _full(path: str) -> str:
    full = os.path.realpath(os.path.expanduser(path))
    try:
        full.encode()
    except UnicodeEncodeError:
        raise CredguardError(
            f"the folder name {path!r} is not UTF-8", hint="watch its parent folder"
        ) from None
    return full
