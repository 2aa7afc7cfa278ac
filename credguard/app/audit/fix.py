"""Use case: put right what an audit found, each thing by one call, told before and undone after."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from credguard.app.audit import run as auditing
from credguard.app.context import Context
from credguard.audit import fixes
from credguard.audit.fixes import Fix, State
from credguard.audit.model import FAIL, NA, PASS, UNKNOWN, WAIVED
from credguard.errors import ConfigError, CredguardError, NoSuchEntity
from credguard.store import audits, events, profiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.aws.audit.reader import Reader
    from credguard.aws.model import Credentials

_PUBLIC, _CLOSED = "s3-bucket-public", "s3-account-block"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that would be changed. `warning`: what speaks against it, "" for nothing."""

    fix: Fix
    resource: str
    region: str
    before: State
    after: State
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """`changes`, and `left`: what is left alone, and why."""

    changes: list[Change]
    left: list[str]


@dataclass(frozen=True, slots=True)
class Options:
    """`resources`: only these, none: all that fail. `amount` (US dollars), `mail`: of a budget."""

    resources: tuple[str, ...] = ()
    amount: str = ""
    mail: str = ""


def chosen(names: tuple[str, ...], options: Options) -> list[Fix]:
    """The fixes to plan. Raises ConfigError: a name is none, or something is not given."""
    try:
        found = fixes.named(names)
    except KeyError as error:
        raise ConfigError(
            f"there is no fix for {error.args[0]!r}",
            hint="there are: " + ", ".join(each.id for each in fixes.FIXES),
        ) from None
    if any(each.id == "port" for each in found) and not options.resources:
        raise ConfigError(
            "name the one rule to take out: --resource",
            hint="the report of `credguard audit --only port-admin,port-data,port-other` has it",
        )
    return [_with_budget(each, options) for each in found if _possible(each, names, options)]


def _possible(fix: Fix, names: tuple[str, ...], options: Options) -> bool:
    if fix.id != "billing-alarm" or (options.amount and options.mail):
        return True
    if names:
        raise ConfigError(
            "a budget needs an amount and an address",
            hint="add: --amount 100 --mail YOU@EXAMPLE.COM",
        )
    return False


def _with_budget(fix: Fix, options: Options) -> Fix:
    if fix.id != "billing-alarm":
        return fix
    try:
        amount = fixes.amount(options.amount)
    except ValueError:
        raise ConfigError(
            f"{options.amount!r} is no amount of US dollars", hint="write a number: --amount 100"
        ) from None
    return replace(fix, want=fixes.budget(amount, options.mail))


def plan(
    ctx: Context, credentials: "Credentials", wanted: auditing.Wanted, chosen_: list[Fix],
    options: Options,
) -> tuple["Reader", Plan]:  # fmt: skip
    """What would be changed, read live. Changes nothing. Raises AwsError, ConfigError."""
    from credguard.aws import sts
    from credguard.aws.audit.reader import Reader
    from credguard.aws.clients import region_for

    checks = {check for each in chosen_ for check in each.checks} - set(fixes.BY_ID["port"].checks)
    named = frozenset(checks)
    if any(each.id in ("s3-bucket-block", "s3-account-block") for each in chosen_):
        checks |= {_PUBLIC, _CLOSED}
    rows: Iterable[Any] = ()
    if checks:
        asked = replace(wanted, scope="account", only=tuple(sorted(checks)))
        rows = auditing.audit_with(ctx, credentials, asked, record=False).results
    identity = sts.caller_identity(credentials)
    reader = Reader(credentials, identity.account, region_for(credentials, None))
    found = Plan([], [])
    around = _Around(
        {each.resource: each.status for each in rows if each.check == _PUBLIC},
        any(each.check == _CLOSED and each.status == PASS for each in rows),
        {each.key.key_id: each.name for each in profiles.profiles(ctx.db)},
    )
    for fix in chosen_:
        for resource, region in _targets(fix, rows, options):
            _plan_one(reader, found, fix, resource, region, around)
    for each in rows:
        if each.status == UNKNOWN and each.check in named:
            found.left.append(f"{each.check}: {each.evidence}")
    return reader, found


def _targets(fix: Fix, rows: Iterable[Any], options: Options) -> list[tuple[str, str]]:
    if fix.id == "port":
        return [(each, _region_of(each)) for each in options.resources]
    found = dict.fromkeys(
        (each.resource, each.region)
        for each in rows
        if each.check in fix.checks and each.status == FAIL
    )
    return [each for each in found if not options.resources or each[0] in options.resources]


def _region_of(arn: str) -> str:
    parts = arn.split(":")
    if len(parts) < 6:
        raise ConfigError(
            f"{arn!r} is not a rule of a security group", hint="copy it from the report"
        )
    return parts[3]


# A waived bucket is one that somebody wants to be public.
_SAID = {
    FAIL: "it is public now", UNKNOWN: "whether it is public is not known",
    WAIVED: "it is public, and that is waived",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Around:
    """What a plan looks at besides the thing itself.

    `public`: what is said of each bucket; `closed`: the account lets none be public; `kept`: the
    profile of each key that this machine looks after.
    """

    public: dict[str, str]
    closed: bool
    kept: dict[str, str]


def _of_files(reader: "Reader", resource: str, region: str) -> str:
    """What a block would shut that no audit sees: files that an ACL of their own makes public."""
    from credguard.aws.audit import writes

    try:
        if not writes.files_have_acls(reader, resource, region):
            return ""
    except CredguardError as error:
        return f"whether its files may have ACLs of their own is not known: {error}"
    return "its files may have ACLs of their own; one that is public by that is not any more"


def _warning(fix: Fix, before: State, after: State, around: _Around) -> str:
    if fix.id == "s3-account-block":
        names = [name for name, status in around.public.items() if status not in (PASS, NA)]
        return f"public now, or not told: {', '.join(sorted(names))}" if names else ""
    sooner = before.get("MaxPasswordAge") != after.get("MaxPasswordAge")
    if fix.id == "password-policy" and before.get("HardExpiry") and sooner:
        return (
            "HardExpiry is on: whose password is older than"
            f" {after['MaxPasswordAge']} days is locked out at once"
        )
    return ""


def _plan_one(
    reader: "Reader", found: Plan, fix: Fix, resource: str, region: str, around: _Around
) -> None:
    from credguard.aws.audit import writes

    if fix.id == "s3-bucket-block" and ((status := around.public.get(resource, UNKNOWN)) != PASS):
        found.left.append(f"{resource}: {_SAID.get(status, _SAID[UNKNOWN])}")
        return
    if fix.id == "key-unused" and (profile := around.kept.get(resource.rpartition("/")[2])):
        found.left.append(f"{resource}: it is the key of the profile {profile} on this machine")
        return
    try:
        before = writes.read(reader, fix.id, resource, region)
    except CredguardError as error:
        found.left.append(f"{resource}: {error}")
        return
    after = fix.want(before)
    warning = _warning(fix, before, after, around)
    if fix.id == "s3-bucket-block" and not (around.closed or before.get("IgnorePublicAcls")):
        warning = _of_files(reader, resource, region)
    if fix.id == "port" and before["rule"] is None:
        found.left.append(f"{resource}: there is no such rule")
    elif after != before:
        found.changes.append(Change(fix, resource, region, before, after, warning))


def apply(ctx: Context, reader: "Reader", change: Change) -> int:
    """Make one change, and see by a live call that it is made; gives its number, for undo.

    Raises CredguardError: it changed meanwhile, was refused, or is not seen. Its record is written
    before: a crash midway leaves one in the state `begun`, which undo looks into.
    """
    from credguard.aws.audit import writes

    where = (change.fix.id, change.resource, change.region)
    if writes.read(reader, *where) != change.before:
        raise CredguardError(
            f"{change.resource} changed meanwhile, so it was left alone",
            hint="run it again: credguard audit fix",
        )
    number = audits.begin(
        ctx.db, ctx.now(), reader.account, *where, before=change.before, after=change.after
    )
    writes.write(reader, *where, change.before, change.after)
    _see(lambda: writes.read(reader, *where), change.after, change.resource)
    audits.mark(ctx.db, number, audits.DONE)
    events.record(
        ctx.db, ctx.now(), "audit.fixed", change.resource, fix=change.fix.id, number=number
    )
    return number


def _see(read: Callable[[], State], wanted: State, resource: str) -> None:
    seen = read()
    if any(seen.get(key) != value for key, value in wanted.items()):
        raise CredguardError(
            f"{resource} is not as it was written",
            hint="look again in a minute: credguard audit undo --list",
        )


def undo(ctx: Context, reader: "Reader", done: audits.Fixed) -> str:
    """Put one thing back as it was; gives what was done, in words.

    Raises CredguardError: it was changed by somebody since, or AWS refuses.
    """
    from credguard.aws.audit import writes

    if done.account != reader.account:
        raise CredguardError(
            f"number {done.id} is of account {done.account}, these credentials of {reader.account}",
            hint="name a profile of that account: --profile",
        )
    where = (done.fix, done.resource, done.region)
    try:
        now = writes.read(reader, *where)
    except NoSuchEntity:
        audits.mark(ctx.db, done.id, audits.UNDONE)
        return f"{done.resource} is gone"
    if now == done.before:
        audits.mark(ctx.db, done.id, audits.UNDONE)
        return f"{done.resource} is as it was already"
    added = any(value for key, value in now.items() if key not in done.after)
    if added or any(now.get(key) != value for key, value in done.after.items()):
        raise CredguardError(
            f"{done.resource} was changed since by somebody else, so it is left alone",
            hint=f"it was: {json.dumps(done.before)}",
        )
    writes.write(reader, *where, now, done.before)
    _see(lambda: writes.read(reader, *where), done.before, done.resource)
    audits.mark(ctx.db, done.id, audits.UNDONE)
    events.record(ctx.db, ctx.now(), "audit.undone", done.resource, fix=done.fix, number=done.id)
    return f"{done.resource} is as it was"


def find(ctx: Context, number: int | None) -> audits.Fixed:
    """The fix of that number; None: the newest that is not undone. Raises NoSuchEntity."""
    found = [each for each in audits.fixes(ctx.db) if each.state != audits.UNDONE]
    for each in found:
        if number in (None, each.id):
            return each
    raise NoSuchEntity(
        "there is nothing to undo" if number is None else f"there is no fix {number} to undo",
        hint="see: credguard audit undo --list",
    )
