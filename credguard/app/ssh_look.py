"""Use case: every SSH key in one view, here and in all regions, and what is wrong with it."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from credguard import config as settings
from credguard.app import ssh
from credguard.app.context import Context
from credguard.app.mfa import Codes
from credguard.app.sessions import user_name
from credguard.app.ssh_account import Caller, all_regions, caller, in_each, some_regions
from credguard.errors import CredguardError, StoreError, Unsupported
from credguard.keypairs import check
from credguard.keypairs.model import Facts, Instance, LocalKey, Pair, Template
from credguard.keypairs.public import is_key, parsed, same_key
from credguard.store import ssh as table


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen. `failed`: regions, or "account", that could not be read, and why.

    "here" is ~/.ssh; "launch templates in REGION" what launches there. `account`: its id, or ""
    when EC2 was not asked or nobody could ask it.
    """

    facts: Facts
    account: str
    failed: dict[str, CredguardError]


def look(
    ctx: Context,
    profile: str | None,
    regions: list[str] | None,
    *,
    local_only: bool = False,
    launching: bool = False,
    codes: Codes | None = None,
) -> Look:
    """Read the keys here and, unless `local_only`, the pairs and instances of each region.

    `launching`: launch templates and launch configurations too.

    `regions` None: all that are enabled for the account. What cannot be read is in `failed`, never
    left out silently. Raises StoreError, ConfigError.
    """
    failed: dict[str, CredguardError] = {}
    mine: tuple[LocalKey, ...] = ()
    try:
        mine = tuple(local_keys(ctx))
    except StoreError as error:
        failed["here"] = error
    unread = tuple((what, str(error)) for what, error in failed.items())
    me = ctx.config.ssh.owner or user_name()
    if local_only:
        return Look(Facts(me, local=mine, unknown=unread), "", failed)
    try:
        who = caller(ctx, profile, codes)
        where = some_regions(ctx, who, regions) if regions else all_regions(ctx, who)
    except CredguardError as error:
        facts = Facts(me, local=mine, unknown=(*unread, ("account", str(error))))
        return Look(facts, "", {**failed, "account": error})
    pairs, instances, not_read = read(who, where)
    failed |= not_read
    named: list[Template] = []
    if launching:
        named, untold = read_templates(who, [each for each in where if each not in not_read])
        failed |= {f"launch templates in {region}": error for region, error in untold.items()}
    unknown = tuple((region, str(error)) for region, error in failed.items())
    facts = Facts(who.owner, tuple(pairs), tuple(instances), mine, tuple(named), unknown)
    return Look(facts, who.account, failed)


def read(
    who: Caller, regions: list[str], names: list[str] | None = None
) -> tuple[list[Pair], list[Instance], dict[str, CredguardError]]:
    """Pairs and instances of each region, two calls a region, all regions at once.

    `names`: only these key pairs, and the instances launched with them; None: all. The third part:
    the regions that could not be read.
    """
    from credguard.aws import ec2

    chosen = None if names is None else {"key-name": names}

    def both(region: str) -> tuple[list[Pair], list[Instance]]:
        with ec2.in_region(who.credentials, region) as account:
            return account.key_pairs(names), account.instances(chosen)

    pairs: list[Pair] = []
    instances: list[Instance] = []
    failed: dict[str, CredguardError] = {}
    for region, found in in_each(regions, both).items():
        if isinstance(found, CredguardError):
            failed[region] = found
            continue
        pairs += found[0]
        instances += found[1]
    return pairs, instances, failed


def read_templates(
    who: Caller, regions: Iterable[str]
) -> tuple[list[Template], dict[str, CredguardError]]:
    """What launches instances with a key pair in each region, all at once; and what failed."""
    from credguard.aws import launching

    found: list[Template] = []
    failed: dict[str, CredguardError] = {}
    for region, seen in in_each(
        regions, lambda region: launching.templates(who.credentials, region)
    ).items():
        if isinstance(seen, CredguardError):
            failed[region] = seen
        else:
            found += seen
    return found, failed


def local_keys(ctx: Context) -> list[LocalKey]:
    """The keys made here, then the others in ~/.ssh; what is gone from the disk is left out.

    Raises StoreError.
    """
    from credguard.ssh import files

    on_disk = {each.path: each for each in files.private_keys()}
    found = []
    for key in table.keys(ctx.db):
        if key.state in {table.MAKING, table.REVOKED}:
            continue
        seen = on_disk.pop(key.path, None) if key.path else None
        if key.path and seen is None:
            continue
        known = parsed(key.public_key)
        made = LocalKey(
            key.path or None, key.name, known.kind, known.bits, True, key.public_key,
            created=key.created, owner=key.owner,
        )  # fmt: skip
        found.append(replace(made, encrypted=seen.encrypted, mode=seen.mode) if seen else made)
    return found + list(on_disk.values())


@dataclass(frozen=True, slots=True)
class Row:
    """One key: of this machine, of the account, or both. `created`: Unix seconds; None: not known.

    `regions`: where it is registered, with the pair's name there; `running`: instances.
    """

    title: str
    kind: str
    owner: str
    created: float | None
    here: str
    pairs: list[Pair]
    running: int
    state: str
    problems: list[check.Problem]


def rows(ctx: Context, seen: Look) -> list[Row]:
    """Local keys first, each with its pairs; then the pairs whose key is not here.

    Where EC2 was not asked, or could not be, the pairs are those that were registered from here.
    """
    facts = seen.facts
    index = _Index(facts, found(ctx, seen))
    states = {key.name: key.state for key in table.keys(ctx.db)}
    result, told = [], set()
    for key in facts.local:
        pairs = [p for p in facts.pairs if key.public_key and is_key(p, key.public_key)]
        if not seen.account:
            pairs = _remembered(ctx, key)
        told |= {(p.region, p.name) for p in pairs}
        created = key.created
        here = key.path or "vault"
        state = states.get(key.name or "", "")
        result.append(
            _row(index, key.title, key.kind, key.owner or "", created, here, pairs, state)
        )
    groups: dict[str, list[list[Pair]]] = {}
    for pair in facts.pairs:
        if (pair.region, pair.name) in told:
            continue
        of_name = groups.setdefault(pair.name, [])
        for group in of_name:
            if _same(group[0], pair):
                group.append(pair)
                break
        else:
            of_name.append([pair])
    for group in (each for of_name in groups.values() for each in of_name):
        first = group[0]
        made = min((e.created for e in group if e.created is not None), default=None)
        kind, owner = first.kind or _kind(first), first.owner or ""
        result.append(_row(index, first.name, kind, owner, made, "", group, ""))
    return result


class _Index:
    """Running instances and problems by key pair: an account may have thousands of each."""

    def __init__(self, facts: Facts, problems: list[check.Problem]) -> None:
        self.running = Counter(
            (each.region, each.key_name) for each in facts.instances if each.state == "running"
        )
        self._all = problems
        self._of_pair: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._of_local: dict[str, list[int]] = defaultdict(list)
        for number, each in enumerate(problems):
            self._of_pair[each.where, each.subject].append(number)
            if each.check in _OF_LOCAL:
                self._of_local[each.subject].append(number)

    def problems(self, title: str, names: Iterable[tuple[str, str]]) -> list[check.Problem]:
        """Those of the local key `title` and of the pairs `names`, in their order."""
        numbers = set(self._of_local.get(title, ()))
        for name in names:
            numbers.update(self._of_pair.get(name, ()))
        return [self._all[number] for number in sorted(numbers)]


_OF_LOCAL = {"no-passphrase", "readable", "weak-key", "old-key", "another's-key"}


def _remembered(ctx: Context, key: LocalKey) -> list[Pair]:
    if key.name is None:
        return []
    name = ssh.pair(key.name)
    rows = table.registrations(ctx.db, key.name)
    return [Pair(each.region, name, key.kind, "", key.public_key) for each in rows]


def _kind(pair: Pair) -> str:
    try:
        return parsed(pair.public_key or "").kind
    except Unsupported:
        return ""


def _same(one: Pair, other: Pair) -> bool:
    if one.public_key and other.public_key:
        return same_key(one.public_key, other.public_key)
    return one.fingerprint == other.fingerprint


def _row(
    index: _Index,
    title: str,
    kind: str,
    owner: str,
    created: float | None,
    here: str,
    pairs: list[Pair],
    state: str,
) -> Row:
    names = {(each.region, each.name) for each in pairs}
    running = sum(index.running[name] for name in names)
    mine = index.problems(title, names)
    owner = owner or next((each.owner for each in pairs if each.owner), "") or ""
    return Row(title, kind, owner, created, here, pairs, running, state, mine)


def found(ctx: Context, seen: Look) -> list[check.Problem]:
    """What is wrong with what was seen."""
    return check.problems(seen.facts, ctx.now(), max_age_s(ctx))


def max_age_s(ctx: Context) -> float:
    """From which age on a key is old, in seconds. Raises ConfigError."""
    return float(settings.seconds(ctx.config.ssh.max_age))


def old(ctx: Context) -> list[table.SshKey]:
    """The keys made here that are in use and old. Reads only what is local. Raises StoreError."""
    now, limit = ctx.now(), max_age_s(ctx)
    return [
        key for key in table.keys(ctx.db) if key.state == table.ACTIVE and now - key.created > limit
    ]
