"""Use case: find the keys again when the state database is lost.

The vault holds, beside each key, which one a profile hands out. Not every OS keyring has a list, so
the profiles' names come from ~/.aws/config, where each stands with credguard's credential_process.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from credguard.app import items, secrets
from credguard.app.context import Context
from credguard.errors import CredguardError, VaultCorrupt
from credguard.store import events, profiles
from credguard.store import secrets as table
from credguard.vault.base import CANARY, key_item, profile_item, secret_item


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one profile. `problem`: why it is not back; empty: it is, or was there."""

    profile: str
    key_id: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """`secrets`: the names that were missing, and are listed again; `absent`: names that were asked
    for, and that the vault has nothing of. `others`: items of the vault of which nothing is known
    here, and which stay in it. `told`: False: the vault has no list.
    """

    secrets: list[str]
    absent: list[str]
    others: list[str]
    told: bool


def recover(ctx: Context) -> list[Found]:
    """Put back each profile of ~/.aws/config that asks credguard and is not in the database.

    Each key is proven with AWS first. Consent to unattended rotation is asked for anew. Safe to
    repeat. Raises ConfigError, StoreError, VaultError.
    """
    from credguard.app.keys import is_ours
    from credguard.awsfiles import files

    known = {each.name for each in profiles.profiles(ctx.db)}
    found = []
    for name in files.config_profiles():
        line = files.process_of(name)
        if name in known or line is None or not is_ours(line):
            continue
        try:
            found.append(Found(name, _put_back(ctx, name)))
        except CredguardError as error:
            found.append(Found(name, "", str(error)))
    return found


def _put_back(ctx: Context, name: str) -> str:
    from credguard.app.keys import prove

    noted = ctx.vault.get(profile_item(name))
    if noted is None:
        raise CredguardError(f"the vault has no note of profile {name}")
    try:
        row = json.loads(noted.reveal())
        elsewhere = bool(row.pop("used_elsewhere"))
        key = profiles.Key(**row)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise VaultCorrupt(f"the vault's note of profile {name} is damaged") from None
    secret = ctx.vault.get(key_item(key.partition, key.account, key.key_id))
    if secret is None:
        raise CredguardError(f"the vault holds no secret for key {key.key_id}")
    now = prove(key.key_id, secret, None, key.origin)
    profiles.add_profile(ctx.db, name, now, ctx.now(), consent=False, used_elsewhere=elsewhere)
    events.record(ctx.db, ctx.now(), "profile.recovered", name, key_id=key.key_id)
    return key.key_id


def names(ctx: Context, asked: Iterable[str] = ()) -> Names:
    """List the secrets again whose names only the vault knows still; no value is shown.

    `asked`: names to look for where the vault has no list. Safe to repeat. Raises StoreError,
    ConfigError, VaultError.
    """
    held = ctx.vault.names()
    known = set(items.known(ctx).all)
    found, others = [], []
    absent = [name for name in asked if ctx.vault.get(secret_item(name)) is None]
    for item in dict.fromkeys([*(held or ()), *map(secret_item, asked)]):
        name = item.removeprefix(secret_item(""))
        if item in known or item.startswith(CANARY) or name in absent:
            continue
        if name == item or not secrets.NAME.match(name):
            others.append(item)
            continue
        table.add(ctx.db, name, ctx.now())
        events.record(ctx.db, ctx.now(), "secret.recovered", name)
        found.append(name)
    return Names(found, absent, others, told=held is not None)
