"""Use case: an encrypted copy of the vault with its index, and back."""

import json
import os
from dataclasses import asdict, dataclass
from typing import Any

from credguard import paths
from credguard.app import items as every_item
from credguard.app.context import Context
from credguard.atomic import remove
from credguard.errors import ConfigError, VaultCorrupt, VaultError
from credguard.secret import Secret
from credguard.store import passwords, profiles, secrets, ssh
from credguard.store.db import transaction
from credguard.vault.encfile import EncryptedFile
from credguard.vault.passphrase import obtain

_INDEX = "index"


@dataclass(frozen=True, slots=True)
class Restored:
    """`kept`: items that the vault held already with another value, left as they were.

    `profiles`: added; `other_keys`: profiles that keep the key they have, not the backup's;
    `failed`: what to tell of profiles that are restored but do not work with AWS tools yet.
    """

    items: int
    profiles: list[str]
    kept: list[str]
    other_keys: list[str]
    failed: list[ConfigError]


def _copy(path: str, passphrase_file: str | None) -> EncryptedFile:
    purpose = f"the backup {path}"
    # The vault's own passphrase is not the backup's unless a person says so.
    known: list[Secret] = []

    def passphrase(new: bool) -> Secret:
        if not known:
            known.append(obtain(purpose, new=new, path=passphrase_file))
        return known[0]

    return EncryptedFile(path, passphrase)


def backup(ctx: Context, path: str, passphrase_file: str | None = None) -> int:
    """Write everything in the vault into the encrypted file `path`; gives the number of secrets.

    Raises VaultError: `path` exists, an item is missing, or it cannot be read back. A crash midway
    leaves no file.
    """
    if os.path.lexists(path):
        raise VaultError(f"{path} exists already", hint="name a file that does not exist")
    if not os.path.isdir(os.path.dirname(os.path.abspath(path))):
        raise VaultError(f"the folder of {path} does not exist", hint="name an existing folder")
    keys = profiles.keys(ctx.db)
    known = every_item.known(ctx)
    items = {name: _held(ctx, name) for name in known.listed}
    for name in known.likely:
        # Such as the new key of a rotation that stopped between the vault and the index.
        secret = ctx.vault.get(name)
        if secret is not None:
            items[name] = secret
    index = {
        "keys": [asdict(key) for key in keys],
        "profiles": [
            {
                "name": each.name,
                "key_id": each.key.key_id,
                "consent": each.consent,
                "used_elsewhere": each.used_elsewhere,
            }
            for each in profiles.profiles(ctx.db)
        ],
        "secrets": secrets.names(ctx.db),
        "passwords": [asdict(each) for each in passwords.passwords(ctx.db)],
        "password_changes": passwords.changes(ctx.db),
        "ssh_keys": [asdict(each) for each in ssh.keys(ctx.db)],
    }
    copy = _copy(path, passphrase_file)
    try:
        copy.replace({**items, _INDEX: Secret(json.dumps(index))})
        if set(copy.items()) != {*items, _INDEX}:
            raise VaultCorrupt(f"the backup {path} cannot be read back")
    finally:
        remove(path + ".lock")
    return len(items)


def _held(ctx: Context, name: str) -> Secret:
    secret = ctx.vault.get(name)
    if secret is None:
        raise VaultError(f"the vault holds no {name}, so a backup would be incomplete")
    return secret


def restore(
    ctx: Context, path: str, passphrase_file: str | None = None, *, force: bool = False
) -> Restored:
    """Put what the backup `path` holds back into the vault; profiles that exist keep their key.

    An item that the vault holds with another value stays unless `force`. Safe to repeat. Raises
    VaultError: no such file, a wrong passphrase, damage.
    """
    if not os.path.exists(path):
        raise VaultError(f"no file {path}", hint="name a file made by: credguard vault backup FILE")
    try:
        items = _copy(path, passphrase_file).items()
    except VaultCorrupt as exc:
        exc.hint = "take another copy of the backup"
        raise
    raw = items.pop(_INDEX, None)
    try:
        index = json.loads((raw or Secret("")).reveal())
        keys = {row["key_id"]: profiles.Key(**row) for row in index["keys"]}
        rows, names = index["profiles"], list(index["secrets"])
        set_before = [passwords.Password(**row) for row in index.get("passwords", [])]
        midway = dict(index.get("password_changes", {}))
        ssh_keys = [ssh.SshKey(**row) for row in index.get("ssh_keys", [])]
    except (ValueError, TypeError, KeyError):
        raise VaultCorrupt(
            f"the backup {path} has no usable index",
            hint="name a file made by: credguard vault backup FILE",
        ) from None
    kept = []
    for name, secret in items.items():
        held = ctx.vault.get(name)
        if held is None or force:
            ctx.vault.put(name, secret)
        elif held != secret:
            kept.append(name)
    now = ctx.now()
    for key in keys.values():
        profiles.add_key(ctx.db, key, now)
    for name in names:
        secrets.add(ctx.db, name, now)
    for each in ssh_keys:
        ssh.add_key(ctx.db, each)  # one that is known stays as it is
    _restore_passwords(ctx, set_before, midway)
    added, others, failed = _restore_profiles(ctx, rows, keys)
    return Restored(len(items), added, kept, others, failed)


def _restore_profiles(
    ctx: Context, rows: list[dict[str, Any]], keys: dict[str, profiles.Key]
) -> tuple[list[str], list[str], list[ConfigError]]:
    from credguard.app.keys import command, is_ours
    from credguard.awsfiles import files

    now = ctx.now()
    known = {each.name: each.key.key_id for each in profiles.profiles(ctx.db)}
    added: list[str] = []
    others: list[str] = []
    failed: list[ConfigError] = []
    for row in rows:
        name, key_id = row["name"], row["key_id"]
        if known.get(name, key_id) != key_id:
            others.append(name)
            continue
        if key_id not in keys:
            continue
        if name not in known:
            profiles.add_profile(
                ctx.db,
                name,
                keys[key_id],
                now,
                consent=bool(row["consent"]),
                used_elsewhere=bool(row["used_elsewhere"]),
            )
            added.append(name)
        try:
            files.check_profile(name, is_ours)
            files.set_process(name, command(name))
        except ConfigError as exc:
            failed.append(exc)
    return added, others, failed


def _restore_passwords(
    ctx: Context, rows: list[passwords.Password], midway: dict[str, dict[str, object]]
) -> None:
    """What this machine knows of a user's password is newer than any backup, and stays."""
    known = {each.identity for each in passwords.passwords(ctx.db)} | set(passwords.changes(ctx.db))
    with transaction(ctx.db):
        for each in rows:
            if each.identity not in known:
                passwords.point(ctx.db, each.identity, each.generation, each.changed)
        for identity, record in midway.items():
            if identity not in known:
                passwords.write_change(ctx.db, identity, record, ctx.now())


def state(ctx: Context) -> str:
    """`ok`, after a canary item went in and out. Raises VaultError."""
    from credguard.vault.base import check

    check(ctx.vault)
    return "ok"


def where(ctx: Context) -> str:
    """The vault's place, for a person."""
    backend = ctx.config.vault.backend
    if backend == "file":
        return paths.vault_file()
    if backend == "pass":
        from credguard.vault.passstore import folder

        return f"pass, in {folder()}/credguard"
    return backend
