"""Which key each profile hands out, noted in the vault too, should the state database be lost."""

import json
from dataclasses import asdict

from credguard.app.context import Context
from credguard.secret import Secret
from credguard.store import profiles
from credguard.vault.base import profile_item


def note(ctx: Context, profile: profiles.Profile) -> None:
    """Write down in the vault which key `profile` hands out. Raises VaultError."""
    row = {**asdict(profile.key), "used_elsewhere": profile.used_elsewhere}
    text = Secret(json.dumps(row, sort_keys=True))
    if ctx.vault.get(profile_item(profile.name)) != text:
        ctx.vault.put(profile_item(profile.name), text)


def note_all(ctx: Context) -> None:
    """As `note`, for every profile."""
    for profile in profiles.profiles(ctx.db):
        note(ctx, profile)


def forget(ctx: Context, name: str) -> None:
    """Take the note of profile `name` out of the vault. Raises VaultError."""
    ctx.vault.delete(profile_item(name))
