"""Use case: another SSH key takes over; the old one drains. See keypairs.machine."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from shlex import quote

from credguard.app import own, ssh, ssh_agent, ssh_locks
from credguard.app.context import Context
from credguard.app.mfa import Codes
from credguard.app.ssh_account import (
    Caller,
    all_regions,
    by_account,
    caller,
    delete_pair,
    in_each,
)
from credguard.app.ssh_look import read, read_templates
from credguard.app.ssh_push import Pusher
from credguard.errors import CredguardError, NotPermitted, Unsupported
from credguard.keypairs import machine
from credguard.keypairs.driver import Driver, Outcome
from credguard.keypairs.machine import Look, Record, Step
from credguard.keypairs.model import Instance
from credguard.keypairs.public import importable, is_key, parsed
from credguard.keypairs.revocation import Kind
from credguard.store import events
from credguard.store import ssh as table
from credguard.store.db import transaction


@dataclass(frozen=True, slots=True)
class Wanted:
    """`push`: None: no instance is changed; else what makes one of a caller.

    `finish`: the old pair goes although instances name it. `user`: whose authorized_keys.
    """

    push: Callable[[Caller], Pusher] | None = None
    finish: bool = False
    user: str = ""


def rotate(
    ctx: Context,
    name: str | None,
    profile: str | None,
    wanted: Wanted,
    codes: Codes | None = None,
    tell: Callable[[Step], None] = lambda _step: None,
) -> Outcome:
    """Begin the replacement of the key `name`, or go on with it, as far as it goes now.

    `name`: the old or the new one; None: the one under way, else the only key. Safe to repeat, and
    after a crash at any point. In the one account of `profile`; where the key is registered in
    others the replacement is begun there too, with the same new key. Raises CredguardError.
    """
    with ssh_locks.replacing():
        who = caller(ctx, profile, codes)
        record = _record(ctx, name, who)
        if wanted.finish != record.finish or (wanted.user and wanted.user != record.user):
            record = replace(record, finish=record.finish or wanted.finish)
            if wanted.user and wanted.user != record.user:
                # What was done in one user's file says nothing of another's.
                record = replace(record, user=wanted.user, lines={})
            table.put_rotation(ctx.db, record, ctx.now())
        ssh_agent.reconfigure(ctx)  # a crash may have come between the switch and this
        pusher = wanted.push(who) if wanted.push is not None else None
        effects = Effects(ctx, who, pusher)
        outcome = Driver(effects, tell).run(record, push=pusher is not None)
        own.refresh(ctx)
        return outcome


def _record(ctx: Context, name: str | None, who: Caller) -> Record:
    """The one under way in this account, or a new one, journalled, in every account."""
    found = _under_way(ctx, name)
    if mine := [each for each in found if each.account == who.account]:
        return mine[0]
    if found:
        hint = "name a profile of that account: --profile PROFILE"
        if not {each.account for each in found} & set(by_account(ctx)):
            hint += f"; if there is none any more: credguard ssh revoke {quote(found[0].old)}"
        raise CredguardError(
            f"the key {found[0].old} is being replaced in account {found[0].account},"
            f" and the profile {who.profile} is of {who.account}",
            hint=hint,
        )
    key = ssh.chosen(ctx, name)
    if key.state != table.ACTIVE:
        raise CredguardError(f"the key {key.name} is {key.state}", hint=_elsewhere(ctx, key, who))
    importable(parsed(key.public_key))
    new, now, begin = _successor(ctx, key.name), ctx.now(), machine.State.INTENT
    records = {
        account: Record(key.name, new, account, begin, now, _regions(ctx, key, account))
        for account in {who.account} | (_registered(ctx, key.name) & set(by_account(ctx)))
    }
    with transaction(ctx.db):
        for record in records.values():
            table.put_rotation(ctx.db, record, now)
        events.record(ctx.db, now, "ssh.replacing", key.name, new=new)
    return records[who.account]


def _under_way(ctx: Context, name: str | None) -> list[Record]:
    """The replacements of one key, by its old or new name; None: of the only one."""
    found = [each for each in table.rotations(ctx.db) if name in {None, each.old, each.new}]
    if len(names := sorted({each.old for each in found})) > 1:
        raise CredguardError(
            "several SSH keys are being replaced",
            hint="name one: credguard ssh rotate " + "|".join(names),
        )
    return found


def _registered(ctx: Context, name: str) -> set[str]:
    return {each.account for each in table.registrations(ctx.db, name)}


def reach(ctx: Context, name: str | None) -> tuple[list[str | None], list[str]]:
    """A profile for each account where the key is to be replaced; the accounts that have none.

    None, alone: the profile that is taken where none is named. Raises CredguardError.
    """
    under_way, of_account = _under_way(ctx, name), by_account(ctx)
    registered = _registered(ctx, under_way[0].old if under_way else ssh.chosen(ctx, name).name)
    accounts = {each.account for each in under_way} or registered
    found: list[str | None] = [of_account[each] for each in sorted(accounts & set(of_account))]
    return found or [None], sorted(registered - set(of_account)) if found else []


def _elsewhere(ctx: Context, key: table.SshKey, who: Caller) -> str:
    """What to do with a key that was replaced, in another account than this one as it seems."""
    if any(each.account == who.account for each in table.registrations(ctx.db, key.name)):
        return (
            "register the one in use here too: credguard ssh create --name NAME; then delete the"
            f" old pair, with its private half: credguard ssh revoke {quote(key.name)}"
        )
    return "see: credguard ssh list --local"


def _regions(ctx: Context, key: table.SshKey, account: str) -> tuple[str, ...]:
    """Where the pair of `key` is, or was before it was revoked."""
    rows = table.registrations(ctx.db, key.name)
    found = {each.region for each in rows if each.account == account}
    for record in table.revocations(ctx.db):
        if record.name == key.name and record.account == account:
            found |= {
                each.where for each in record.items if each.kind is Kind.PAIR and not each.account
            }
    return tuple(sorted(found))


def _successor(ctx: Context, name: str) -> str:
    from credguard.ssh import keys

    stamp = time.strftime("%Y%m", time.gmtime(ctx.now()))
    taken = {key.name for key in table.keys(ctx.db)}
    taken |= {
        each.removeprefix("credguard_").removesuffix(".pub")
        for each in (os.listdir(keys.folder()) if os.path.isdir(keys.folder()) else [])
    }
    try:
        new = machine.successor(name, stamp, frozenset(taken))
    except ValueError as exc:
        raise Unsupported(str(exc), hint="make one: credguard ssh create --name NAME") from None
    return keys.check_name(new)


class Effects:
    """The replacement's effects on the store, the disk, EC2 and instances."""

    def __init__(self, ctx: Context, who: Caller, pusher: Pusher | None) -> None:
        """`pusher` None: no instance is ever changed."""
        self._ctx = ctx
        self._who = who
        self._pusher = pusher

    def _key(self, name: str) -> table.SshKey:
        key = table.key(self._ctx.db, name)
        if key is None:
            raise CredguardError(f"no SSH key is called {name!r}", hint="see: credguard ssh list")
        return key

    def journal(self, record: Record) -> None:
        """See driver.Effects."""
        table.put_rotation(self._ctx.db, record, self._ctx.now())

    def look(self, record: Record) -> Look:
        """See driver.Effects. Every region that is enabled: a pair may have been put there."""
        try:
            where = set(all_regions(self._ctx, self._who))
            unseen = set()
        except NotPermitted:
            where, unseen = set(), {"other regions"}
        where |= set(record.regions)
        old, new = self._key(record.old), table.key(self._ctx.db, record.new)
        names = [ssh.pair(record.old), ssh.pair(record.new)]
        pairs, instances, failed = read(self._who, sorted(where), names)
        old_in = {
            pair.region for pair in pairs if pair.name == names[0] and is_key(pair, old.public_key)
        }
        new_in = {
            pair.region
            for pair in pairs
            if new is not None and pair.name == names[1] and is_key(pair, new.public_key)
        }
        carrying = tuple(
            sorted(
                (each for each in instances if each.key_name == names[0]),
                key=lambda each: (each.region, each.id),
            )
        )
        named, untold = read_templates(self._who, sorted(old_in))
        # A region that cannot be read, and where nothing was known to be, holds nothing up.
        unread = frozenset(failed) & set(record.regions)
        unseen |= set(failed) - unread
        return Look(
            frozenset(old_in), frozenset(new_in), unread, carrying, unseen=tuple(sorted(unseen)),
            templates=tuple(each for each in named if each.key_name == names[0]), untold=untold,
        )  # fmt: skip

    def make(self, record: Record) -> None:
        """See driver.Effects."""
        old = self._key(record.old)
        known = parsed(old.public_key)
        wanted = ssh.Wanted(known.kind, known.bits, old.held == table.VAULT)
        ssh.local(self._ctx, record.new, old.owner, wanted)
        if old.confirm:
            table.set_confirm(self._ctx.db, record.new, confirm=True)

    def register(self, record: Record, regions: tuple[str, ...]) -> dict[str, CredguardError]:
        """See driver.Effects."""
        key = self._key(record.new)
        found = ssh.register(self._ctx, self._who, key, list(regions), record.old)
        return {region: error for region, error in found.items() if error is not None}

    def switch(self, record: Record) -> None:
        """See driver.Effects."""
        with transaction(self._ctx.db):
            table.put_rotation(self._ctx.db, record, self._ctx.now())
            state = self._key(record.old).state
            if state != table.REVOKED:
                table.set_state(self._ctx.db, record.old, table.DRAINING)
            if state != table.DRAINING:  # by another account
                about = {"new": record.new}
                events.record(self._ctx.db, self._ctx.now(), "ssh.switched", record.old, **about)
        ssh_agent.reconfigure(self._ctx)

    def add(self, record: Record, instance: Instance) -> None:
        """See driver.Effects."""
        old, new = self._key(record.old), self._key(record.new)
        self._push().add(instance, new.public_key, old.public_key)

    def prove(self, record: Record, instance: Instance) -> None:
        """See driver.Effects."""
        self._push().prove(instance, self._key(record.new).public_key, record.new)

    def remove(self, record: Record, instance: Instance) -> None:
        """See driver.Effects."""
        old, new = self._key(record.old), self._key(record.new)
        self._push().remove(instance, old.public_key, new.public_key)
        events.record(
            self._ctx.db, self._ctx.now(), "ssh.line_replaced", record.old,
            instance=instance.id, region=instance.region, new=record.new,
        )  # fmt: skip

    def _push(self) -> Pusher:
        if self._pusher is None:
            raise AssertionError("a step on an instance that nobody asked for")
        return self._pusher

    def delete(self, record: Record, regions: tuple[str, ...]) -> dict[str, CredguardError]:
        """See driver.Effects. A pair of that name with another key is not touched."""
        key, ctx = self._key(record.old), self._ctx
        name, line = ssh.pair(key.name), key.public_key
        found = in_each(regions, lambda region: delete_pair(self._who, region, name, line))
        failed = {where: each for where, each in found.items() if isinstance(each, CredguardError)}
        with transaction(ctx.db):
            for region in sorted(set(found) - set(failed)):
                table.remove_registration(ctx.db, key.name, self._who.account, region)
                if found[region]:
                    events.record(ctx.db, ctx.now(), "ssh.pair_deleted", key.name, region=region)
        return failed

    def end(self, record: Record) -> None:
        """See driver.Effects."""
        with transaction(self._ctx.db):
            table.end_rotation(self._ctx.db, record)
            if any(each.old == record.old for each in table.rotations(self._ctx.db)):
                return  # in another account it still drains
            if self._key(record.old).state != table.REVOKED:
                table.set_state(self._ctx.db, record.old, table.REPLACED)
            events.record(self._ctx.db, self._ctx.now(), "ssh.replaced", record.old, new=record.new)
        ssh_agent.reconfigure(self._ctx)
