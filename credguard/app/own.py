"""Use case: keep the fingerprints of the vault's values in step with the vault.

Each value that is stored is made known at once (`credguard.app.noting`); this adds what is missing,
and says by which name a person knows each.
"""

import logging

from credguard.app import password
from credguard.app.context import Context
from credguard.app.noting import PRIVATE, change, note, plain_title, read
from credguard.errors import CredguardError, VaultError
from credguard.scan.own_table import Entry, entries
from credguard.secret import Secret
from credguard.store import profiles, secrets, ssh
from credguard.vault.base import key_item, secret_item, ssh_item

_LOG = logging.getLogger("credguard.app.own")


def refresh(ctx: Context) -> None:
    """Make known what is missing, where the vault can be read, and bring the titles up to date.

    A vault that is locked leaves what it holds for the next time. Raises StoreError, ConfigError.
    """
    content = read()
    known = {each.item for each in entries(content[0])} if content else set()
    titles = _titles(ctx)
    for item in titles:
        if item in known:
            continue
        try:
            secret = _value(ctx, item)
        except VaultError as error:
            _LOG.info("not known yet: %s: %s", item, error)
            break
        except CredguardError as error:
            _LOG.info("not known yet: %s: %s", item, error)
            continue
        if secret is not None:
            note(item, secret, titles[item])

    def named(known: list[Entry]) -> list[Entry]:
        return [
            each._replace(title=titles.get(each.item) or plain_title(each.item)) for each in known
        ]

    change(named)


def _value(ctx: Context, item: str) -> Secret | None:
    if not item.startswith(PRIVATE):
        return ctx.vault.get(item)
    from credguard.ssh import keys

    key = next(each for each in ssh.keys(ctx.db) if PRIVATE + each.name == item)
    if key.held == ssh.VAULT:
        return ctx.vault.get(item)
    passphrase = ctx.vault.get(ssh_item(key.name))
    return None if passphrase is None else keys.decrypted(key.path, passphrase)


def _titles(ctx: Context) -> dict[str, str]:
    """Every item whose value is to be known, and how a person knows it."""
    using: dict[str, list[str]] = {}
    for profile in profiles.profiles(ctx.db):
        using.setdefault(profile.key.key_id, []).append(profile.name)
    found = {}
    for key in profiles.keys(ctx.db):
        names = using.get(key.key_id)
        title = f"the previous key {key.key_id} of IAM user {key.user_name}"
        if names:
            title = f"the key of profile {', '.join(names)}"
        found[key_item(key.partition, key.account, key.key_id)] = title
    for name in secrets.names(ctx.db):
        found[secret_item(name)] = plain_title(secret_item(name))
    for made in ssh.keys(ctx.db):
        if made.held != ssh.VAULT:
            found[ssh_item(made.name)] = plain_title(ssh_item(made.name))
        found[PRIVATE + made.name] = plain_title(PRIVATE + made.name)
    for item in password.items(ctx):
        found[item] = plain_title(item)
    return found
