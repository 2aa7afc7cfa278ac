"""Use cases around one access key: prove it, store it under a profile, list, write back, remove."""

import os
import shlex
import sys

from credguard.app import key_marks, notes, own, renames
from credguard.app.context import Context
from credguard.app.rotate_guard import alone
from credguard.errors import CredguardError, InvalidKey, NotPermitted, RotationRefused
from credguard.secret import Secret
from credguard.store import events, journal, profiles
from credguard.vault.base import key_item

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.aws.model import Credentials


def prove(key_id: str, secret: Secret, region: str | None, origin: str) -> profiles.Key:
    """Ask STS whom the key belongs to. Raises InvalidKey, NetworkDown, CredguardError.

    A root key is taken (it is safer in the vault) but can never be rotated.
    """
    from credguard.aws import iam, sts
    from credguard.aws.model import Credentials

    if not (key_id.isalnum() and key_id.isascii() and 16 <= len(key_id) <= 128):
        raise InvalidKey("that is not an access key id", hint="it looks like AKIA and 16 more")
    if not secret.reveal_bytes().isascii() or secret.reveal_bytes().split(None, 1)[1:]:
        raise InvalidKey(
            "that is not a secret access key", hint="it is 40 letters, digits, / and +"
        )
    credentials = Credentials(key_id, secret)
    identity = sts.caller_identity(credentials, region=region)
    if identity.kind not in {"user", "root"}:
        raise CredguardError(
            f"key {key_id} belongs to {identity.arn}, not to an IAM user",
            hint="import the key of an IAM user",
        )
    created = None
    if identity.user_name is not None:
        scoped = Credentials(key_id, secret, None, identity.partition)
        try:
            listed = iam.list_access_keys(scoped, identity.user_name)
            created = next((each.created for each in listed if each.key_id == key_id), None)
        except NotPermitted:
            created = None
    return profiles.Key(
        key_id,
        identity.partition,
        identity.account,
        identity.user_name or "<root>",
        identity.user_id,
        created,
        origin,
    )


def command(profile: str) -> str:
    """The credential_process line of `profile`: absolute, isolated, without site."""
    import credguard

    script = os.path.join(os.path.dirname(credguard.__file__), "credential_process.py")
    # The venv's own path stays fixed over upgrades; sys.executable may be its target.
    python = os.path.join(sys.prefix, "Scripts" if os.name == "nt" else "bin", "python")
    python = python if os.path.exists(python) else sys.executable
    return " ".join(_quoted(part) for part in (python, "-I", "-S", script, profile))


def _quoted(part: str) -> str:
    """`part` as one word of a credential_process line.

    Double quotes where they do: every SDK takes those. A quote, dollar, backtick or backslash in a
    path needs the shell's single quotes, which botocore and the SDKs that call sh read alike.
    """
    if os.name != "nt" and any(c in part for c in "'\"$`\\"):
        return shlex.quote(part)
    return f'"{part}"' if any(c in part for c in " \t") else part


def is_ours(line: str) -> bool:
    """Whether a credential_process line is credguard's."""
    return "credential_process.py" in line and "credguard" in line


def handed_by(line: str | None) -> str | None:
    """The profile that a credential_process line of ours hands out; None: not ours."""
    return shlex.split(line)[-1] if line is not None and is_ours(line) else None


def _leave_default(name: str) -> None:
    """Take our line out of [default] when it hands out `name`, which goes; see app/using.py."""
    from credguard.awsfiles import files

    if handed_by(files.process_of("default")) == name:
        files.remove_process("default", is_ours)


def store(
    ctx: Context, name: str, key: profiles.Key, secret: Secret, *, used_elsewhere: bool = False
) -> None:
    """Vault first (written and read back), then the pointer, then ~/.aws/config.

    A crash midway leaves the key where it was; repeat it. Raises VaultError, StoreError,
    ConfigError, RotationRefused.
    """
    from credguard.awsfiles import files

    _follow_rename(ctx, key)
    refuse_midway(ctx, key.identity)
    known = {each.name: each for each in profiles.profiles(ctx.db)}
    if name in known:
        refuse_midway(ctx, known[name].key.identity)
    with ctx.writing():
        _put(ctx, name, key, secret, used_elsewhere=used_elsewhere)
    files.set_process(name, command(name))
    own.refresh(ctx)
    events.record(ctx.db, ctx.now(), "profile.stored", name, key_id=key.key_id)


def _put(
    ctx: Context, name: str, key: profiles.Key, secret: Secret, *, used_elsewhere: bool
) -> None:
    known = {each.name: each for each in profiles.profiles(ctx.db)}
    same = name in known and known[name].key.key_id == key.key_id
    ctx.vault.put(key_item(key.partition, key.account, key.key_id), secret)
    profiles.add_profile(
        ctx.db,
        name,
        key,
        ctx.now(),
        consent=same and known[name].consent,
        used_elsewhere=used_elsewhere or (same and known[name].used_elsewhere),
    )
    key_marks.works(ctx, key.key_id)
    key_marks.settle(ctx)
    notes.note(ctx, profiles.profile(ctx.db, name))


def _follow_rename(ctx: Context, key: profiles.Key) -> None:
    """Keys of the same user that came in under an earlier name get the one that AWS just said."""
    user = (key.partition, key.account, key.user_id)
    known = [k for k in profiles.keys(ctx.db) if (k.partition, k.account, k.user_id) == user]
    for old in {k.identity: k for k in known if k.user_name != key.user_name}.values():
        with alone(old.identity, old.user_id):
            renames.follow(ctx, old, key.user_name)


def refuse_midway(ctx: Context, identity: str) -> None:
    """Raise RotationRefused while a rotation of `identity` is on the way."""
    if journal.read(ctx.db, identity) is not None:
        raise RotationRefused(
            f"a rotation of {identity} is midway", hint="see: credguard rotate --status"
        )


def add(ctx: Context, name: str, key_id: str, secret: Secret) -> profiles.Key:
    """Prove a key given by a person and store it under `name`. See prove and store."""
    from credguard.awsfiles import files

    check_name(name)
    if any(each.profile == name for each in files.plain_keys()):
        raise CredguardError(
            f"profile {name} has a key in plaintext, which AWS tools would take first",
            hint=f"run: credguard import {shlex.quote(name)}",
        )
    files.check_profile(name, is_ours)
    key = prove(key_id, secret, files.region(name), "add")
    store(ctx, name, key, secret)
    return key


def check_name(name: str) -> None:
    """Raise CredguardError when `name` cannot stand in ~/.aws/config and a command line."""
    if not name or len(name) > 128 or not all(c.isalnum() or c in "._-@+/: " for c in name):
        raise CredguardError(
            f"{name!r} cannot name a profile", hint="letters, digits and ._-@+/: only"
        )
    if name != name.strip() or name.startswith("-"):
        raise CredguardError(f"{name!r} cannot name a profile", hint="begin with a letter")


def credentials(ctx: Context, name: str) -> "Credentials":
    """What signs calls for profile `name` now. Raises UnknownProfile, VaultError."""
    from credguard.aws.model import Credentials

    profile = profiles.profile(ctx.db, name)
    return Credentials(profile.key.key_id, secret_of(ctx, profile.key), None, profile.key.partition)


def secret_of(ctx: Context, key: profiles.Key) -> Secret:
    """The secret of `key`. Raises VaultError, CredguardError when the vault has none."""
    secret = ctx.vault.get(key_item(key.partition, key.account, key.key_id))
    if secret is None:
        raise CredguardError(
            f"the vault holds no secret for key {key.key_id}",
            hint="restore a backup: credguard vault restore FILE; or add the key again",
        )
    return secret


def write_back_all(ctx: Context) -> list[str]:
    """Put every profile's key in plaintext into ~/.aws/credentials; the names. Safe to repeat.

    The plaintext is written before credential_process goes, so a profile always works.
    """
    names = []
    for profile in profiles.profiles(ctx.db):
        write_back(ctx, profile)
        names.append(profile.name)
    return names


def write_back(ctx: Context, profile: profiles.Profile) -> None:
    """Put one profile's key into ~/.aws/credentials. Raises RotationRefused, VaultError."""
    from credguard.awsfiles import files

    refuse_midway(ctx, profile.key.identity)
    files.write_plain(profile.name, profile.key.key_id, secret_of(ctx, profile.key))
    files.remove_process(profile.name, is_ours)
    _leave_default(profile.name)
    events.record(ctx.db, ctx.now(), "profile.written_back", profile.name)


def remove(ctx: Context, name: str, *, write_back_first: bool) -> bool:
    """Take profile `name` out; True when its key left the vault too (no other profile uses it).

    Raises UnknownProfile, RotationRefused. A crash midway leaves the key in the vault: repeat it.
    """
    from credguard.awsfiles import files

    profile = profiles.profile(ctx.db, name)
    refuse_midway(ctx, profile.key.identity)
    if write_back_first:
        write_back(ctx, profile)
    files.remove_process(name, is_ours)
    _leave_default(name)
    notes.forget(ctx, name)
    profiles.remove_profile(ctx.db, name)
    key_marks.settle(ctx)
    key = profile.key
    shared = any(each.key.key_id == key.key_id for each in profiles.profiles(ctx.db))
    if not shared:
        ctx.vault.delete(key_item(key.partition, key.account, key.key_id))
        profiles.forget_key(ctx.db, key.key_id)
    events.record(ctx.db, ctx.now(), "profile.removed", name, key_id=key.key_id)
    return not shared
