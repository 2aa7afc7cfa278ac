"""Use case: an IAM user got another name; what store and vault keep under the old one follows."""

import contextlib
from dataclasses import replace

from credguard.app.context import Context
from credguard.app.rotate_guard import PASSWORD, alone
from credguard.errors import RotationRefused, VaultError
from credguard.store import events, journal, passwords, profiles
from credguard.store.db import transaction
from credguard.vault.base import password_item


def follow(ctx: Context, key: profiles.Key, user_name: str) -> profiles.Key:
    """The user of `key` is called `user_name` now; `key` under that name. Its lock is held.

    A crash midway leaves everything under the old name, or under the new one with copies of
    passwords under the old. Raises Busy, RotationRefused, StoreError, VaultError.
    """
    after = replace(key, user_name=user_name)
    if journal.read(ctx.db, key.identity) and journal.read(ctx.db, after.identity):
        raise RotationRefused(
            f"{key.identity} is called {user_name} now, and a rotation of an earlier user of that"
            " name is midway",
            hint="see: credguard rotate --status",
        )
    with alone(key.identity, key.user_id, kind=PASSWORD):
        numbers = _copied(ctx, key.identity, after.identity)
        with transaction(ctx.db):
            profiles.rename_user(ctx.db, key, user_name)
            journal.rename(ctx.db, key.identity, after.identity)
            if numbers is not None:
                passwords.rename(ctx.db, key.identity, after.identity)
            events.record(ctx.db, ctx.now(), "user.renamed", after.identity, before=key.identity)
        with contextlib.suppress(VaultError):
            for number in numbers or ():
                ctx.vault.delete(password_item(key.identity, number))
    return after


def _copied(ctx: Context, old: str, new: str) -> list[int] | None:
    """Copy each console password in the vault to the new name; None: they stay where they are."""
    held = {each.identity: each for each in passwords.passwords(ctx.db)}
    changes = passwords.changes(ctx.db)
    if {new} & {*held, *changes} or not {old} & {*held, *changes}:
        return None  # an earlier user of the new name had one: never overwrite it
    record = changes.get(old, {})
    said = [record.get("target"), record.get("given"), *_list(record.get("known"))]
    numbers = {each for each in said if isinstance(each, int)}
    if old in held:
        numbers.add(held[old].generation)
    further = max(numbers, default=0)
    with ctx.writing():
        found = []
        # Beyond those: of a change whose journal cannot be read.
        while numbers or ctx.vault.get(password_item(old, further + 1)) is not None:
            number = numbers.pop() if numbers else (further := further + 1)
            value = ctx.vault.get(password_item(old, number))
            if value is not None:
                ctx.vault.put(password_item(new, number), value)
                found.append(number)
    return found


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
