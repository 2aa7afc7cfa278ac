"""Every item that the vault may hold, from the indexes: OS keyrings have no list of their own."""

import glob
import json
import os
from dataclasses import dataclass

from credguard.app import password
from credguard.app.context import Context
from credguard.errors import StoreError
from credguard.store import journal, profiles, secrets, ssh
from credguard.vault.base import Vault, key_item, profile_item, secret_item, ssh_item, ssh_key_item

_SSH_PREFIX = "credguard_"
_UNSURE = (ssh.MAKING, ssh.REVOKED)


@dataclass(frozen=True, slots=True)
class Items:
    """`listed`: the indexes say that the vault holds it; `likely`: it may, after a crash midway."""

    listed: list[str]
    likely: list[str]

    @property
    def all(self) -> list[str]:
        """Both, each once."""
        return list(dict.fromkeys([*self.listed, *self.likely]))


def known(ctx: Context) -> Items:
    """The items of keys, rotations midway, secrets, SSH keys and profiles' notes.

    Raises StoreError, ConfigError.
    """
    listed = [key_item(key.partition, key.account, key.key_id) for key in profiles.keys(ctx.db)]
    listed += [secret_item(name) for name in secrets.names(ctx.db)]
    listed += [_ssh_item(key) for key in ssh.keys(ctx.db) if key.state not in _UNSURE]
    # Notes are written after the pointer, and only help when the database is lost.
    likely = [profile_item(each.name) for each in profiles.profiles(ctx.db)]
    likely += _midway(ctx)
    likely += password.items(ctx)  # a change midway names generations that have no value yet
    likely += _ssh_on_disk()
    likely += [_ssh_item(key) for key in ssh.keys(ctx.db) if key.state in _UNSURE]
    likely += [profile_item(name) for name in _asking_profiles()]
    return Items(listed, [item for item in dict.fromkeys(likely) if item not in listed])


def behind(vault: Vault, note: str) -> str | None:
    """The key's item that the profile's note `note` names; None: no note, or not readable.

    A database that was lost lists no keys; the notes do. Raises VaultError.
    """
    held = vault.get(note)
    if held is None:
        return None
    try:
        row = json.loads(held.reveal())
        return key_item(row["partition"], row["account"], row["key_id"])
    except (ValueError, TypeError, KeyError):
        return None


def _midway(ctx: Context) -> list[str]:
    """Both keys of each rotation on the way: the new one is stored before it is indexed."""
    found = []
    for identity in journal.identities(ctx.db):
        partition, account, _user = identity.split("/", 2)
        try:
            row = journal.read(ctx.db, identity) or {}
        except StoreError:
            continue  # a damaged journal; its keys are in the index, or nowhere
        ids = [row.get("old_id"), row.get("new_id"), row.get("stray_id")]
        found += [key_item(partition, account, each) for each in ids if isinstance(each, str)]
    return found


def _ssh_item(key: ssh.SshKey) -> str:
    return ssh_key_item(key.name) if key.held == ssh.VAULT else ssh_item(key.name)


def _ssh_on_disk() -> list[str]:
    """The passphrases of private keys that a crash kept from being indexed."""
    from credguard import paths

    pattern = os.path.join(glob.escape(os.path.join(paths.home(), ".ssh")), _SSH_PREFIX + "*")
    names = (os.path.basename(path).removeprefix(_SSH_PREFIX) for path in glob.glob(pattern))
    return [ssh_item(name) for name in sorted(names) if name and not name.endswith(".pub")]


def _asking_profiles() -> list[str]:
    """The profiles of ~/.aws/config that ask credguard, in the database or not."""
    from credguard.app.keys import is_ours
    from credguard.awsfiles import files

    lines = {name: files.process_of(name) for name in files.config_profiles()}
    return [name for name, line in lines.items() if line is not None and is_ours(line)]
