"""Use case: any other secret, by name."""

import re
from collections.abc import Callable

from credguard.app.context import Context
from credguard.errors import CredguardError, StoreError
from credguard.scan.own_table import LEAST_BITS, bits, parts
from credguard.secret import Secret
from credguard.store import events
from credguard.store import secrets as table
from credguard.vault.base import secret_item

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}\Z")


def add(ctx: Context, name: str, secret: Secret) -> bool:
    """Store `secret` under `name`, replacing an earlier one. Raises CredguardError, VaultError.

    False: it is kept, but too short or too regular to be known again where it turns up. A crash
    midway leaves the earlier value or the new one, and the name in the list.
    """
    if not NAME.match(name):
        raise CredguardError(
            f"{name!r} cannot name a secret", hint="letters, digits and ._/- only, at most 128"
        )
    if len(secret) == 0:
        raise CredguardError(f"the secret {name} is empty", hint="give its value on standard input")
    with ctx.writing():
        table.add(ctx.db, name, ctx.now())
        ctx.vault.put(secret_item(name), secret)
    events.record(ctx.db, ctx.now(), "secret.stored", name)
    return all(bits(part) >= LEAST_BITS for part in parts(secret.reveal_bytes()))


def get(ctx: Context, name: str, *, tell: Callable[[str], int] | None = None) -> Secret:
    """The secret called `name`. Raises CredguardError (no such name), VaultError.

    Where reading it cannot be logged: raises StoreError; with `tell` that gets one line instead.
    """
    secret = ctx.vault.get(secret_item(name)) if name in table.names(ctx.db) else None
    if secret is None:
        raise CredguardError(f"no secret {name!r} in the vault", hint="see: credguard secret list")
    try:
        events.record(ctx.db, ctx.now(), "secret.read", name)
    except StoreError as error:
        if tell is None:
            raise
        tell(f"credguard: cannot log that the secret {name} was read: {error}\n")
    return secret


def remove(ctx: Context, name: str) -> None:
    """Delete the secret called `name`. Raises CredguardError (no such name), VaultError."""
    if name not in table.names(ctx.db):
        raise CredguardError(f"no secret {name!r} in the vault", hint="see: credguard secret list")
    ctx.vault.delete(secret_item(name))
    table.remove(ctx.db, name)
    events.record(ctx.db, ctx.now(), "secret.removed", name)


def names(ctx: Context) -> list[str]:
    """Every name, sorted."""
    return table.names(ctx.db)
