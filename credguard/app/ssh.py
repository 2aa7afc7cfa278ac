"""SSH keys: made here, passphrase or key in the vault, registered as EC2 key pairs."""

import contextlib
import os
import re
import socket
from dataclasses import dataclass, replace
from functools import partial
from shlex import quote

from credguard.app import noting, own, ssh_locks
from credguard.app.context import Context
from credguard.app.mfa import Codes
from credguard.app.ssh_account import Caller, all_regions, caller, in_each, some_regions
from credguard.errors import AlreadyExists, CredguardError, Unsupported
from credguard.keypairs import public
from credguard.secret import Secret
from credguard.store import events
from credguard.store import ssh as table
from credguard.store.db import transaction
from credguard.vault.base import ssh_item, ssh_key_item


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a new key is to be. `kind`: "": as it is, else ed25519; `bits`: of RSA.

    `no_file`: it lies in the vault alone. `supersedes`: the name of the key that it takes over
    from, for its tags; "": none.
    """

    kind: str = ""
    bits: int = 4096
    no_file: bool = False
    supersedes: str = ""


@dataclass(frozen=True, slots=True)
class Created:
    """A key and, region by region, what registering it gave (None: registered).

    `regions` is empty for a key that EC2 does not import.
    """

    key: table.SshKey
    account: str
    regions: dict[str, CredguardError | None]


def create(
    ctx: Context,
    name: str | None = None,
    regions: list[str] | None = None,
    profile_name: str | None = None,
    *,
    wanted: Wanted | None = None,
    everywhere: bool = False,
    codes: Codes | None = None,
) -> Created:
    """Make the key (or take up the one made earlier) and register it in each region.

    `everywhere`: all that are enabled for the account. Safe to repeat: what is there already is
    kept, and a crash midway is taken up where it stopped. Name, type and size are checked before
    any call. Raises CredguardError before any region; a region's own failure is in the answer.
    """
    from credguard.ssh import keys

    wanted = wanted or Wanted()
    keys.check_kind(wanted.kind or keys.ED25519, wanted.bits)
    if name is not None:
        public.check_pair_name(pair(keys.check_name(name)))
    if wanted.kind == keys.SECURITY_KEY:
        if wanted.no_file:
            raise Unsupported(
                "what a security key leaves on the disk is no key, and ssh wants it as a file",
                hint="leave --no-file out",
            )
        with ssh_locks.making():
            return _with_security_key(ctx, name, wanted)
    who = caller(ctx, profile_name, codes)
    chosen = keys.check_name(name or default_name(who.owner))
    where = all_regions(ctx, who) if everywhere else some_regions(ctx, who, regions)
    key = local(ctx, chosen, who.owner, wanted)
    outcome = register(ctx, who, key, where, wanted.supersedes)
    own.refresh(ctx)
    return Created(key, who.account, outcome)


def default_name(owner: str) -> str:
    """The name of a key that none was given for: whose it is and where."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", f"{owner}-{_device()}")[:100].lstrip("._-") or "key"


def _device() -> str:
    return socket.gethostname().split(".")[0] or "device"


def register(
    ctx: Context,
    who: Caller,
    key: table.SshKey,
    where: list[str],
    supersedes: str = "",
) -> dict[str, CredguardError | None]:
    """Register `key` in the regions `where`, all at once; None: it is registered there.

    A pair that is there already with this key is kept. What was done is remembered at the end, an
    interrupt's too: it is only for lists, and running it again finds the rest.
    """
    public.importable(public.parsed(key.public_key))
    if any(public.same_key(each.key, key.public_key) for each in table.revocations(ctx.db)):
        raise Unsupported(
            f"the key {key.name} was revoked", hint="make another: credguard ssh create --name NAME"
        )
    tags = {
        "owner": who.owner,
        "created-by": "credguard",
        "device": _device(),
        "fingerprint": key.fingerprint,
    }
    if supersedes:
        tags["supersedes"] = pair(supersedes)

    done: list[str] = []

    def ended(region: str, error: CredguardError | None) -> None:
        if error is None:
            done.append(region)

    try:
        found = in_each(where, partial(_register, who, key, tags), ended)
    finally:
        with transaction(ctx.db):
            for region in done:
                row = table.Registration(key.name, who.account, region, ctx.now())
                table.add_registration(ctx.db, row)
            if regions := sorted(done, key=where.index):
                events.record(ctx.db, ctx.now(), "ssh.registered", key.name, regions=regions)
    return {
        region: error if isinstance(error, CredguardError) else None
        for region, error in found.items()
    }


def _register(who: Caller, key: table.SshKey, tags: dict[str, str], region: str) -> None:
    from credguard.aws import ec2

    name = pair(key.name)
    with ec2.in_region(who.credentials, region) as account:
        try:
            account.import_key_pair(name, key.public_key, tags)
        except AlreadyExists:
            found = account.key_pair(name)
            if found is None or not public.is_key(found, key.public_key):
                raise AlreadyExists(
                    f"{region} has a key pair {name} with another public key",
                    hint="choose another name: credguard ssh create --name NAME",
                ) from None


def local(ctx: Context, name: str, owner: str, wanted: Wanted) -> table.SshKey:
    """The key on this machine: made, or taken up. Raises CredguardError, VaultError, Busy."""
    with ssh_locks.making():
        return _local(ctx, name, owner, wanted)


def _local(ctx: Context, name: str, owner: str, wanted: Wanted) -> table.SshKey:
    from credguard.ssh import keys

    known = table.key(ctx.db, name)
    if not wanted.kind:
        wanted = replace(wanted, kind=known.key_type if known is not None else keys.ED25519)
    if known is not None and known.state in {table.DRAINING, table.REPLACED, table.REVOKED}:
        was = {table.DRAINING: "is being replaced"}.get(known.state, f"was {known.state}")
        raise AlreadyExists(f"the key {name} {was}", hint="choose another --name")
    in_vault = wanted.no_file if known is None else known.held == table.VAULT
    if known is not None and known.state != table.MAKING:
        if wanted.no_file and not in_vault:
            raise AlreadyExists(
                f"the key {name} is in a file", hint="choose another --name for one without"
            )
        if wanted.kind != known.key_type:
            raise AlreadyExists(
                f"the key {name} is of type {known.key_type}", hint="choose another --name"
            )
    return _in_vault(ctx, name, owner, wanted) if in_vault else _in_file(ctx, name, owner, wanted)


def _in_vault(ctx: Context, name: str, owner: str, wanted: Wanted) -> table.SshKey:
    """The key that only the vault holds. Its row first, so that the vault's item has an index."""
    from credguard.ssh import keys

    known = table.key(ctx.db, name)
    path = keys.private_path(name)
    if os.path.lexists(path):
        raise AlreadyExists(f"{path} exists", hint="choose another --name")
    private = ctx.vault.get(ssh_key_item(name))
    if private is None:
        if known is not None and known.state != table.MAKING:
            raise CredguardError(
                f"the vault holds no private key of {name} any more",
                hint="restore a backup: credguard vault restore FILE",
            )
        _no_public(path)
        key = keys.new_key(wanted.kind, wanted.bits)
        private = keys.plain(key)
        making = _row(ctx, name, owner, wanted.kind, keys.public_line(key, _comment(name)))
        table.add_key(ctx.db, replace(making, held=table.VAULT, state=table.MAKING))
        with ctx.writing():
            ctx.vault.put(ssh_key_item(name), private)
    line = keys.public_line(keys.parse(private), _comment(name))
    keys.ssh_folder(for_private=False)
    # Named as IdentityFile: one that others may read ssh calls an unprotected private key, in
    # capitals, while no agent has the key.
    keys.write_public(path + ".pub", line, 0o600)
    kind = public.parsed(line).kind
    table.add_key(ctx.db, replace(_row(ctx, name, owner, kind, line), held=table.VAULT))
    return _known(ctx, name)


def _in_file(ctx: Context, name: str, owner: str, wanted: Wanted) -> table.SshKey:
    """The key on disk. Passphrase first, then the private key, then the rest."""
    from credguard.ssh import keys

    path = keys.private_path(name)
    known = table.key(ctx.db, name)
    passphrase = ctx.vault.get(ssh_item(name))
    keys.ssh_folder()
    if os.path.lexists(path):
        if passphrase is None:
            raise AlreadyExists(
                f"{path} exists and its passphrase is not in the vault",
                hint="choose another name: credguard ssh create --name NAME",
            )
        line = keys.public_line(keys.load(path, passphrase), _comment(name))
    elif known is not None:
        raise CredguardError(
            f"the private key {path} of {name} is gone",
            hint="make another: credguard ssh create --name NAME",
        )
    else:
        _no_public(path)
        passphrase = _passphrase(ctx, name, passphrase)
        key = keys.new_key(wanted.kind, wanted.bits)
        line = keys.public_line(key, _comment(name))
        keys.write_new(path, keys.encrypted(key, passphrase), 0o600)
        _known_again(noting.PRIVATE + name, keys.plain(key))
    if known is not None and not public.same_key(known.public_key, line):
        raise AlreadyExists(
            f"{path} is another key than the one made as {name}", hint="choose another --name"
        )
    keys.write_public(path + ".pub", line)
    if known is None:
        kind = public.parsed(line).kind
        table.add_key(ctx.db, replace(_row(ctx, name, owner, kind, line), path=path))
    return _known(ctx, name)


def _no_public(path: str) -> None:
    # Of another key, then: ours is written last.
    if os.path.lexists(path + ".pub"):
        raise AlreadyExists(f"{path}.pub exists", hint="choose another --name")


def _known_again(item: str, private: Secret) -> None:
    # What cannot be written now is left to the periodic look.
    with contextlib.suppress(CredguardError):
        noting.note(item, private)


def _passphrase(ctx: Context, name: str, held: Secret | None) -> Secret:
    from credguard.ssh import keys

    if held is None:
        held = keys.new_passphrase()
        with ctx.writing():
            ctx.vault.put(ssh_item(name), held)
    return held


def _with_security_key(ctx: Context, name: str | None, wanted: Wanted) -> Created:
    """A key that only signs while the security key is plugged in; ssh-keygen makes it."""
    from credguard.app import ssh_askpass
    from credguard.app.sessions import user_name
    from credguard.ssh import keys, openssh

    owner = ctx.config.ssh.owner or user_name()
    chosen = keys.check_name(name or default_name(owner) + "-sk")
    path = keys.private_path(chosen)
    known = table.key(ctx.db, chosen)
    if known is not None and known.key_type == wanted.kind and os.path.exists(path):
        return Created(known, "", {})
    keys.ssh_folder()
    if known is not None or os.path.lexists(path) or os.path.lexists(path + ".pub"):
        raise AlreadyExists(f"{path} exists", hint="choose another --name")
    openssh.check_askpass()
    _passphrase(ctx, chosen, ctx.vault.get(ssh_item(chosen)))
    helper = ssh_askpass.environment(chosen)
    line = openssh.make_security_key(path, wanted.kind, _comment(chosen), helper)
    row = replace(_row(ctx, chosen, owner, wanted.kind, line), path=path)
    table.add_key(ctx.db, row)
    return Created(row, "", {})


def _comment(name: str) -> str:
    return f"credguard:{name}"


def _row(ctx: Context, name: str, owner: str, kind: str, line: str) -> table.SshKey:
    return table.SshKey(name, kind, line, public.fingerprint(line), "", owner, ctx.now())


def _known(ctx: Context, name: str) -> table.SshKey:
    known = table.key(ctx.db, name)
    if known is None:
        raise AssertionError("a key that was just stored")
    return known


def chosen(ctx: Context, name: str | None) -> table.SshKey:
    """The key called `name`; None: the only one in use. Raises CredguardError."""
    usable = [key for key in table.keys(ctx.db) if key.state not in {table.MAKING, table.REVOKED}]
    if name is None:
        found = [key for key in usable if key.state == table.ACTIVE] or usable
    else:
        found = [key for key in usable if key.name == name]
    if len(found) == 1:
        return found[0]
    if not usable:
        raise CredguardError("no SSH key was made here", hint="run: credguard ssh create")
    raise CredguardError(
        f"no SSH key is called {name!r}" if name is not None else "there are several SSH keys",
        hint="name one: " + "|".join(key.name for key in usable),
    )


def private(ctx: Context, key: table.SshKey) -> Secret:
    """The private half of `key`, unencrypted, in OpenSSH's format. Raises CredguardError."""
    from credguard.ssh import keys

    if key.held == table.VAULT:
        held = ctx.vault.get(ssh_key_item(key.name))
        if held is None:
            raise CredguardError(
                f"the vault holds no private key of {key.name}",
                hint="restore a backup: credguard vault restore FILE",
            )
        return held
    if key.key_type == keys.SECURITY_KEY:
        raise Unsupported(
            f"the key {key.name} is a security key's, which only OpenSSH uses",
            hint=f"hand it to ssh-agent: credguard ssh add {quote(key.name)}; then use ssh itself",
        )
    passphrase = ctx.vault.get(ssh_item(key.name))
    if passphrase is None:
        raise CredguardError(
            f"the vault holds no passphrase for the SSH key {key.name}",
            hint="restore a backup: credguard vault restore FILE",
        )
    return keys.decrypted(key.path, passphrase)


def pair(name: str) -> str:
    """The EC2 key pair's name of the key called `name`."""
    return f"credguard_{name}"
