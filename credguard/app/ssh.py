"""SSH keys: made here, passphrase in the vault, registered as EC2 key pairs."""

import os
import re
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from shlex import quote

from credguard.app import own
from credguard.app.context import Context
from credguard.errors import AlreadyExists, CredguardError, UnknownProfile, Unsupported
from credguard.store import events, profiles
from credguard.store import ssh as table
from credguard.vault.base import key_item, ssh_item

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.aws.model import Credentials

_PARALLEL = 8
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+){1,2}-[0-9]{1,2}\Z")


@dataclass(frozen=True, slots=True)
class Created:
    """A key and, region by region, what registering it gave (None: registered)."""

    key: table.SshKey
    account: str
    regions: dict[str, CredguardError | None]


def create(
    ctx: Context,
    name: str | None = None,
    regions: list[str] | None = None,
    profile_name: str | None = None,
    on_region: Callable[[str, CredguardError | None], None] = lambda _region, _error: None,
) -> Created:
    """Make the key (or take up the one made earlier) and register it in each region.

    `on_region` hears of each region as it ends. Safe to repeat: what is there already is kept, and
    a crash midway is taken up where it stopped. Raises CredguardError before any region; a
    region's own failure is in the answer.
    """
    from credguard.ssh import keys

    profile = _profile(ctx, profile_name)
    owner = ctx.config.ssh.owner or profile.key.user_name
    device = socket.gethostname().split(".")[0] or "device"
    chosen = keys.check_name(name or re.sub(r"[^A-Za-z0-9._-]", "-", f"{owner}-{device}"))
    credentials = _credentials(ctx, profile)
    where = _regions(ctx, regions, credentials)
    key = _local(ctx, chosen, owner)
    tags = {
        "owner": owner,
        "created-by": "credguard",
        "device": device,
        "fingerprint": key.fingerprint,
    }
    outcome: dict[str, CredguardError | None] = {}
    with ThreadPoolExecutor(_PARALLEL) as pool:
        started = {pool.submit(_register, credentials, each, key, tags): each for each in where}
        for future in as_completed(started):
            region, error = started[future], future.result()
            outcome[region] = error
            if error is None:
                table.add_registration(
                    ctx.db,
                    table.Registration(chosen, profile.key.account, region, ctx.now()),
                )
            on_region(region, error)
    own.refresh(ctx)
    done = [region for region in where if outcome[region] is None]
    events.record(ctx.db, ctx.now(), "ssh.registered", chosen, regions=done)
    return Created(key, profile.key.account, {region: outcome[region] for region in where})


def _profile(ctx: Context, name: str | None) -> profiles.Profile:
    if name is not None:
        return profiles.profile(ctx.db, name)
    known = profiles.profiles(ctx.db)
    if len(known) == 1:
        return known[0]
    if not known:
        raise UnknownProfile("no profile in the vault", hint="run: credguard add PROFILE")
    if "default" not in {each.name for each in known}:
        raise UnknownProfile(
            "several profiles and none called default",
            hint="name one: --profile " + "|".join(each.name for each in known),
        )
    return profiles.profile(ctx.db, "default")


def _credentials(ctx: Context, profile: profiles.Profile) -> "Credentials":
    from credguard.aws.model import Credentials

    key = profile.key
    secret = ctx.vault.get(key_item(key.partition, key.account, key.key_id))
    if secret is None:
        raise CredguardError(
            f"the vault holds no secret for key {key.key_id} of profile {profile.name}",
            hint=f"run: credguard add {quote(profile.name)}",
        )
    return Credentials(key.key_id, secret, None, key.partition)


def _regions(ctx: Context, given: list[str] | None, credentials: "Credentials") -> list[str]:
    from credguard.aws.model import main_region

    fallback = (
        os.environ.get("AWS_REGION")
        or os.environ.get("AWS_DEFAULT_REGION")
        or main_region(credentials.partition or "aws")
    )
    chosen = list(dict.fromkeys(given or ctx.config.ssh.regions or [fallback]))
    for region in chosen:
        if not _REGION.match(region):
            raise Unsupported(
                f"{region!r} is not the name of a region", hint="such as: --regions us-east-1"
            )
    return chosen


def _local(ctx: Context, name: str, owner: str) -> table.SshKey:
    """The key on disk: made, or taken up. Passphrase first, then the private key, then the rest."""
    from credguard.ssh import keys

    path = keys.private_path(name)
    known = table.key(ctx.db, name)
    comment = f"credguard:{name}"
    passphrase = ctx.vault.get(ssh_item(name))
    keys.ssh_folder()
    if os.path.lexists(path):
        if passphrase is None:
            raise AlreadyExists(
                f"{path} exists and its passphrase is not in the vault",
                hint="choose another name: credguard ssh create --name NAME",
            )
        public = keys.public_of(path, passphrase, comment)
    elif known is not None:
        raise CredguardError(
            f"the private key {path} of {name} is gone",
            hint="make another: credguard ssh create --name NAME",
        )
    else:
        if passphrase is None:
            passphrase = keys.new_passphrase()
            with ctx.writing():
                ctx.vault.put(ssh_item(name), passphrase)
        private, public = keys.generate(passphrase, comment)
        keys.write_new(path, private, 0o600)
    if known is not None and not keys.same_key(known.public_key, public):
        raise AlreadyExists(
            f"{path} is another key than the one made as {name}", hint="choose another --name"
        )
    _public_file(path + ".pub", public)
    if known is None:
        known = table.SshKey(
            name, keys.KEY_TYPE, public, keys.fingerprint(public), path, owner, ctx.now()
        )
        table.add_key(ctx.db, known)
    return known


def _public_file(path: str, public: str) -> None:
    from credguard.ssh import keys

    try:
        with open(path, encoding="utf-8") as file:
            present = file.read()
    except FileNotFoundError:
        keys.write_new(path, f"{public}\n".encode(), 0o644)
        return
    except (OSError, UnicodeDecodeError) as exc:
        raise CredguardError(f"cannot read {path}: {exc}") from exc
    if not keys.same_key(present, public):
        raise AlreadyExists(f"{path} holds another public key", hint="choose another --name")


def _register(
    credentials: "Credentials", region: str, key: table.SshKey, tags: dict[str, str]
) -> CredguardError | None:
    from credguard.aws import ec2
    from credguard.ssh import keys

    pair_name = pair(key.name)
    try:
        try:
            ec2.import_key_pair(credentials, region, pair_name, key.public_key, tags)
        except AlreadyExists:
            found = [
                each
                for each in ec2.describe_key_pairs(credentials, region)
                if each.name == pair_name and each.public_key is not None
            ]
            if not any(keys.same_key(each.public_key or "", key.public_key) for each in found):
                return AlreadyExists(
                    f"{region} has a key pair {pair_name} with another public key",
                    hint="choose another name: credguard ssh create --name NAME",
                )
    except CredguardError as exc:
        return exc
    return None


def add_to_agent(ctx: Context, name: str | None, lifetime: str) -> tuple[table.SshKey, int]:
    """Hand the key called `name` (None: the only one) to ssh-agent for `lifetime`; 0s: no end.

    Gives the key and the seconds. Neither the passphrase nor the key is in an argument, in the
    environment or on disk. Raises CredguardError, VaultError.
    """
    from credguard import config as settings
    from credguard.ssh import agent, keys

    seconds = settings.seconds(lifetime)
    key = _chosen(ctx, name)
    agent.check()
    passphrase = ctx.vault.get(ssh_item(key.name))
    if passphrase is None:
        raise CredguardError(
            f"the vault holds no passphrase for the SSH key {key.name}",
            hint="restore a backup: credguard vault restore FILE",
        )
    agent.add(keys.decrypted(key.path, passphrase), key.name, seconds)
    events.record(ctx.db, ctx.now(), "ssh.added_to_agent", key.name, lifetime=seconds)
    return key, seconds


def _chosen(ctx: Context, name: str | None) -> table.SshKey:
    known = table.keys(ctx.db)
    found = [key for key in known if name is None or key.name == name]
    if len(found) == 1:
        return found[0]
    if not known:
        raise CredguardError("no SSH key was made here", hint="run: credguard ssh create")
    raise CredguardError(
        f"no SSH key is called {name!r}" if name is not None else "there are several SSH keys",
        hint="name one: credguard ssh add " + "|".join(key.name for key in known),
    )


def pair(name: str) -> str:
    """The EC2 key pair's name of the key called `name`."""
    return f"credguard_{name}"


def listed(ctx: Context) -> list[tuple[table.SshKey, list[table.Registration]]]:
    """Every key made here and where it is registered, as known locally."""
    return [(key, table.registrations(ctx.db, key.name)) for key in table.keys(ctx.db)]
