"""Use case: a key is taken away (a leaver, a lost laptop, a leak), and a list of what is left.

See keypairs.revocation.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from shlex import quote

from credguard.app import ssh, ssh_agent, ssh_locks
from credguard.app.context import Context
from credguard.app.mfa import Codes
from credguard.app.ssh_account import (
    Caller,
    all_regions,
    by_account,
    caller,
    delete_pair,
    some_regions,
)
from credguard.app.ssh_look import local_keys, read, read_templates
from credguard.app.ssh_push import Pusher
from credguard.atomic import remove
from credguard.errors import CredguardError, NotPermitted
from credguard.keypairs import revocation
from credguard.keypairs.model import Facts, Instance, Pair
from credguard.keypairs.public import fingerprint, is_key, parsed, same_key
from credguard.keypairs.revocation import Item, Kind, Record, State
from credguard.store import events
from credguard.store import ssh as table
from credguard.store.db import transaction
from credguard.vault.base import ssh_item, ssh_key_item

ALL = frozenset({Kind.PAIR, Kind.AGENT, Kind.FILE, Kind.INSTANCE})
# A leak is answered unattended: the person still needs the key to get at the instances.
OF_A_LEAK = frozenset({Kind.PAIR})
_OF_AN_ACCOUNT = (Kind.PAIR, Kind.INSTANCE)


@dataclass(frozen=True, slots=True)
class Target:
    """Which keys: one made here, or every pair that is tagged so. The others are ""."""

    name: str = ""
    owner: str = ""
    device: str = ""


def revoke(
    ctx: Context,
    target: Target,
    profile: str | None = None,
    *,
    parts: frozenset[Kind] = ALL,
    push: Callable[[Caller], Pusher] | None = None,
    regions: list[str] | None = None,
    codes: Codes | None = None,
    agreed: Callable[[list[Record]], None] = lambda _records: None,
) -> tuple[list[Record], dict[str, CredguardError]]:
    """Do at once what can be done; gives the lists, and the regions that could not be read.

    `parts`: what is done now, the rest only listed; `push`: what takes the line out of instances;
    `agreed` raises Aborted when a person does not want what it is shown. Safe to repeat: what is
    done stays so, a failure is tried again. Raises CredguardError before anything is done.
    """
    with ssh_locks.replacing():
        return _revoke(ctx, target, profile, parts, push, regions, codes, agreed)


def _revoke(
    ctx: Context,
    target: Target,
    profile: str | None,
    parts: frozenset[Kind],
    push: Callable[[Caller], Pusher] | None,
    regions: list[str] | None,
    codes: Codes | None,
    agreed: Callable[[list[Record]], None],
) -> tuple[list[Record], dict[str, CredguardError]]:
    known = _own(ctx, target.name) if target.name else None
    who = caller(ctx, profile, codes)
    where, not_told = _where(ctx, who, regions, known)
    pairs, instances, failed = read(who, where)
    facts = Facts(who.owner, tuple(pairs), tuple(instances))
    read_in = frozenset(where) - frozenset(failed)
    failed |= not_told
    for pair in pairs:
        if not pair.public_key and known is None and _tagged(pair, target):
            failed[f"{pair.region}: {pair.name}"] = CredguardError(
                f"EC2 does not tell the public key of {pair.name}",
                hint=f"delete it: aws ec2 delete-key-pair --key-name {quote(pair.name)}",
            )
    begun = _records(ctx, who, target, known, pairs)
    launching, untold = read_templates(who, sorted(_places(who, begun, pairs) & read_in))
    failed |= {f"launch templates in {region}": error for region, error in untold.items()}
    facts = replace(facts, templates=tuple(launching))
    records = [_seen(ctx, who, record, facts, read_in, frozenset(untold)) for record in begun]
    if not records:
        if failed:
            raise next(iter(failed.values()))
        raise CredguardError(
            "no key pair is tagged so", hint="see whose there are: credguard ssh list"
        )
    agreed(records)
    # Kept only now: a key that is in a list counts as revoked.
    with transaction(ctx.db):
        records = [_kept(ctx, record) for record in records]
    pusher = push(who) if push is not None else None
    return [_done(ctx, who, record, parts, pusher, instances) for record in records], failed


def _own(ctx: Context, name: str) -> table.SshKey:
    key = table.key(ctx.db, name)
    if key is None or key.state == table.MAKING:
        raise CredguardError(f"no SSH key is called {name!r}", hint="see: credguard ssh list")
    return key


def _where(
    ctx: Context, who: Caller, regions: list[str] | None, known: table.SshKey | None
) -> tuple[list[str], dict[str, CredguardError]]:
    """The regions to look in, and why these may not be all."""
    if regions:
        return some_regions(ctx, who, regions), {}
    try:
        return all_regions(ctx, who), {}
    except NotPermitted as error:
        if known is None:
            raise
        rows = table.registrations(ctx.db, known.name)
        where = sorted({each.region for each in rows if each.account == who.account})
        return where, {"other regions": error}


def _tagged(pair: Pair, target: Target) -> bool:
    return bool(
        (target.owner and pair.owner == target.owner)
        or (target.device and pair.tags.get("device") == target.device)
    )


def _records(
    ctx: Context, who: Caller, target: Target, known: table.SshKey | None, pairs: list[Pair]
) -> list[Record]:
    """One for each key, those under way taken up."""
    wanted: dict[str, tuple[str, str]] = {}  # public line: title, name
    if known is not None:
        wanted[parsed(known.public_key).line] = (f"the SSH key {known.name}", known.name)
    for pair in pairs:
        if not pair.public_key or known is not None:
            continue
        line = " ".join(pair.public_key.split()[:2])
        if _tagged(pair, target):
            mine = next((k.name for k in table.keys(ctx.db) if same_key(k.public_key, line)), "")
            wanted[line] = (f"the SSH key of {target.owner or target.device} ({pair.name})", mine)
    under_way = {each.key: each for each in table.revocations(ctx.db)}
    for key, record in under_way.items():
        # Its pairs are gone by now: what is left stands in the list.
        if _is_of(record, target):
            wanted.setdefault(key, (record.title, record.name))
    return [
        under_way.get(line)
        or Record(
            title, name, line, who.account, ctx.now(), owner=target.owner, device=target.device
        )
        for line, (title, name) in wanted.items()
    ]


def _places(who: Caller, records: list[Record], pairs: list[Pair]) -> set[str]:
    """The regions of the account where pairs of `records` are, or were."""
    found = {pair.region for pair in pairs for each in records if is_key(pair, each.key)}
    for record in records:
        account = revocation.other(record, who.account)
        found |= {each.where for each in record.items if each.where and each.account == account}
    return found


def _seen(
    ctx: Context,
    who: Caller,
    record: Record,
    facts: Facts,
    read_in: frozenset[str],
    untold: frozenset[str],
) -> Record:
    here = bool(record.name) and any(
        key.name == record.name and key.public_key and same_key(key.public_key, record.key)
        for key in local_keys(ctx)
    )
    pairs = [each for each in facts.pairs if is_key(each, record.key)]
    name = ssh.pair(record.name) if record.name else ""
    found = revocation.seen(
        record,
        pairs,
        facts.instances,
        read_in,
        here=here,
        pair_name=name,
        account=who.account,
        elsewhere=[
            (each.account, each.region)
            for each in (table.registrations(ctx.db, record.name) if record.name else ())
            if each.account != who.account
        ],
    )
    told = (frozenset(_places(who, [record], pairs)) & read_in) - untold
    return revocation.launching(found, facts.templates, told, pair_name=name, account=who.account)


def _kept(ctx: Context, record: Record) -> Record:
    table.put_revocation(ctx.db, fingerprint(record.key), record, ctx.now())
    return record


def _done(
    ctx: Context,
    who: Caller,
    record: Record,
    parts: frozenset[Kind],
    pusher: Pusher | None,
    instances: list[Instance],
) -> Record:
    _end_rotation(ctx, record)
    if Kind.FILE in parts:
        _end_lost(ctx, who, record)
    for item in record.left:
        if item.kind not in parts or (item.kind is Kind.INSTANCE and pusher is None):
            continue
        if item.kind in _OF_AN_ACCOUNT and item.account != revocation.other(record, who.account):
            continue
        try:
            why = _do(ctx, who, record, item, pusher, instances)
        except CredguardError as error:
            state, why = State.FAILED, str(error)
        else:
            state = State.DONE
        record = _kept(ctx, revocation.with_state(record, item, state, why))
    events.record(ctx.db, ctx.now(), "ssh.revoked", record.title, left=len(record.left))
    return record


def _end_rotation(ctx: Context, record: Record) -> None:
    """A key that is taken away takes over from no other: the one before it is in use again."""
    for rotation in table.rotations(ctx.db):
        if rotation.new == record.name:
            old = table.key(ctx.db, rotation.old)
            with transaction(ctx.db):
                table.end_rotation(ctx.db, rotation)
                if old is not None and old.state == table.DRAINING:
                    table.set_state(ctx.db, rotation.old, table.ACTIVE)


def _end_lost(ctx: Context, who: Caller, record: Record) -> None:
    """In accounts that no profile is of, the key's replacement would never be over.

    The list keeps its pairs there.
    """
    reached = {who.account, *by_account(ctx)}
    for rotation in table.rotations(ctx.db):
        if rotation.old == record.name and rotation.account not in reached:
            table.end_rotation(ctx.db, rotation)


def _do(
    ctx: Context,
    who: Caller,
    record: Record,
    item: Item,
    pusher: Pusher | None,
    instances: list[Instance],
) -> str:
    """Do one item; gives what there is to say. Raises CredguardError."""
    match item.kind:
        case Kind.PAIR:
            delete_pair(who, item.where, item.subject, record.key)
            if record.name:
                table.remove_registration(ctx.db, record.name, who.account, item.where)
        case Kind.AGENT:
            return _out_of_agent(record)
        case Kind.FILE:
            _forget(ctx, record)
        case _:
            machine = next((each for each in instances if each.id == item.subject), None)
            if machine is None or pusher is None:
                raise CredguardError(f"{item.subject} was not seen in this run")
            pusher.remove(machine, record.key, None)
            return f"out of authorized_keys of {pusher.way.user}"
    return ""


def _out_of_agent(record: Record) -> str:
    """Of the shell's agent and the one that credguard starts; others are not known here."""
    from credguard.ssh import agent

    own = ssh_agent.socket()
    sockets = {os.environ.get("SSH_AUTH_SOCK") or own, own}
    answering = [each for each in sorted(sockets) if os.path.exists(each)]
    removed = [agent.remove(record.key, each) for each in answering]
    if not answering:
        return "no ssh-agent runs for this shell"
    return "" if any(removed) else "it was not in it"


def _forget(ctx: Context, record: Record) -> None:
    """The private half is nowhere here any more: the file first, since the passphrase is for it."""
    key = _own(ctx, record.name)
    if key.path:
        remove(key.path)
    with transaction(ctx.db):
        table.set_state(ctx.db, key.name, table.REVOKED)
    ctx.vault.delete(ssh_key_item(key.name) if key.held == table.VAULT else ssh_item(key.name))
    ssh_agent.reconfigure(ctx)


def listed(ctx: Context, target: Target | None = None) -> list[Record]:
    """Every revocation, or those of `target`, and what is left of it. Raises StoreError."""
    return [
        each
        for each in table.revocations(ctx.db)
        if target is None or each.name == (target.name or None) or _is_of(each, target)
    ]


def _is_of(record: Record, target: Target) -> bool:
    """Whether the list was begun for that owner or device."""
    tag = (target.owner, target.device)
    return any(tag) and tag == (record.owner, record.device)


def tick(ctx: Context, item_id: str, target: Target | None = None) -> list[Record]:
    """A person did `item_id` of the lists of `target`; gives these.

    Raises CredguardError: it is in none; or, without a target, in several.
    """
    done = [revocation.ticked(record, item_id) for record in listed(ctx, target)]
    changed = [record for record in done if record is not None]
    if target is None and len(changed) > 1:
        raise CredguardError(
            f"several lists have {item_id!r}: {'; '.join(each.title for each in changed)}",
            hint="say which: NAME, --owner or --device",
        )
    if not changed:
        raise CredguardError(
            f"no list has {item_id!r} for a person to do", hint="see: credguard ssh revoke --list"
        )
    return [_kept(ctx, record) for record in changed]


def left(records: Iterable[Record]) -> int:
    """How many items are not done."""
    return sum(len(each.left) for each in records)
