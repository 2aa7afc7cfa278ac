"""Use case: audit one account, remember it, and tell what changed."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from shlex import quote

from credguard import __version__
from credguard import config as settings
from credguard.app import sessions
from credguard.app.audit import waivers
from credguard.app.audit.gather import Asked, Progress, gather
from credguard.app.audit.look import look
from credguard.app.audit.trend import compared
from credguard.app.context import Context
from credguard.app.mfa import Ask, Codes
from credguard.audit import judge
from credguard.audit.model import (
    FAIL,
    PASS,
    UNKNOWN,
    WAIVED,
    Check,
    Limits,
    Result,
)
from credguard.audit.table import BY_ID, CHECKS
from credguard.config_model import AuditConfig
from credguard.errors import ConfigError, UnknownProfile, Unsupported
from credguard.report import audit as report
from credguard.secret import Secret
from credguard.store import audits, events, passwords, profiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.aws.audit.reader import Reader
    from credguard.aws.model import Credentials, Identity


_FIX = "run: credguard audit fix "


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asked for. `profile` None: the only one, or default; `regions`: none: all.

    `only`: the checks, none: all; `skip`: those left out. `scope`: account or self. `typed`: the
    options, as typed, that a fix has to be given as well.
    """

    profile: str | None = None
    regions: tuple[str, ...] = ()
    scope: str = ""
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    typed: str = ""


def limits_of(config: AuditConfig) -> Limits:
    """The thresholds of the settings."""
    return Limits(
        key_age=settings.seconds(config.key_age),
        key_unused=settings.seconds(config.key_unused),
        password_age=settings.seconds(config.password_age),
        password_unused=settings.seconds(config.password_unused),
        root_unused=settings.seconds(config.root_unused),
        ssh_age=settings.seconds(config.ssh_age),
        image_age=settings.seconds(config.image_age),
        patch_age=settings.seconds(config.patch_age),
        retention=settings.seconds(config.retention),
        open_ports=frozenset(int(each) for each in config.open_ports),
        automation=tuple(each.lower() for each in config.automation),
        log_groups=tuple(config.log_groups),
    )


def chosen(only: Iterable[str], skip: Iterable[str], *, own: bool) -> list[Check]:
    """The checks to run. Raises ConfigError for a name that is none."""
    for name in (*only, *skip):
        if name not in BY_ID:
            raise ConfigError(f"there is no check {name!r}", hint="see: credguard audit --list")
    wanted = set(only) or set(BY_ID)
    found = [c for c in CHECKS if c.id in wanted - set(skip) and (c.own or not own)]
    if not found:
        raise ConfigError(
            "no check is left to run", hint="see which --scope self has: credguard audit --list"
        )
    return found


def profile_of(ctx: Context, name: str | None) -> str:
    """The profile to audit with. Raises UnknownProfile: none is named, and there are several."""
    return profile_named(ctx, name or ctx.config.audit.profile)


def profile_named(ctx: Context, given: str | None) -> str:
    """`given`, else the only profile, else default. Raises UnknownProfile: there are several."""
    if given:
        return given
    known = [each.name for each in profiles.profiles(ctx.db)]
    if len(known) == 1:
        return known[0]
    if not known or "default" in known:
        return "default"
    raise UnknownProfile(
        "several profiles and none called default",
        hint="name one: --profile " + "|".join(quote(each) for each in known),
    )


def audit(
    ctx: Context, wanted: Wanted, *, code: Secret | None = None, ask: Ask | None = None,
    progress: Progress = lambda _done, _all: None, record: bool = True,
) -> report.Audit:  # fmt: skip
    """Audit the account of a profile. Reads only; `record`: it is remembered on this machine.

    Raises UnknownProfile, ConfigError, VaultError, NeedsCode, AwsError: nothing could be read. What
    fails later is UNKNOWN in the answer.
    """
    credentials, wanted = opened(ctx, wanted, code=code, ask=ask)
    return audit_with(ctx, credentials, wanted, progress=progress, record=record)


def opened(
    ctx: Context, wanted: Wanted, *, code: Secret | None = None, ask: Ask | None = None
) -> "tuple[Credentials, Wanted]":
    """The credentials of the profile to audit with, and the profile named; raises as audit."""
    name = profile_of(ctx, wanted.profile)
    handed = sessions.obtain(ctx, name, Codes(ctx, [name], given=code, ask=ask))
    return handed.credentials, replace(wanted, profile=name)


def audit_with(
    ctx: Context, credentials: "Credentials", wanted: Wanted, *,
    progress: Progress = lambda _done, _all: None, record: bool = True,
) -> report.Audit:  # fmt: skip
    """The same with credentials that are there already, such as a role's in another account."""
    from credguard.aws import sts
    from credguard.aws.audit.reader import Reader
    from credguard.aws.clients import region_for

    config = ctx.config.audit
    scope = wanted.scope or config.scope
    own = scope == "self"
    checks = chosen(wanted.only, wanted.skip, own=own)
    accepted = waivers.load(ctx)
    identity = sts.caller_identity(credentials)
    _known_partition(credentials, identity)
    before = audits.last(ctx.db, identity.account, scope)
    reader = Reader(credentials, identity.account, region_for(credentials, None))
    started, now = time.monotonic(), ctx.now()
    regions = tuple(dict.fromkeys(wanted.regions or config.regions)) or None
    facts = gather(
        reader,
        Asked(
            identity.user_name or "", wanted.profile or "", identity.arn, own,
            frozenset(fact for check in checks for fact in check.facts), regions, now, look,
            last_audit=None if before is None else before.at,
            changed_here=_changed_here(ctx, identity), progress=progress,
        ),
    )  # fmt: skip
    results = [
        _as_typed(each, wanted.typed)
        for each in judge.run(facts, limits_of(config), checks, accepted)
    ]
    took = time.monotonic() - started
    made = _made(reader, identity, scope, now, took, facts.regions, checks, results)
    whole = not wanted.only and not wanted.skip
    done = _run(made, results)
    change = None if before is None else compared(before, done)
    notes = tuple(
        f"the waiver of {each.check} on {each.resource} ended on {each.day}"
        for each in judge.expired(accepted, now)
    )
    if record and whole:
        audits.add(ctx.db, done)
        events.record(ctx.db, now, "audit.done", identity.account, scope=scope, **_counted(results))
    return report.with_change(made, change, notes)


def _as_typed(result: Result, typed: str) -> Result:
    """With the options of this audit at each fix that it names."""
    if not typed or _FIX not in result.said.remedy:
        return result
    lines = result.said.remedy.split("\n")
    remedy = "\n".join(f"{line} {typed}" if line.startswith(_FIX) else line for line in lines)
    return replace(result, said=replace(result.said, remedy=remedy))


def _known_partition(credentials: "Credentials", identity: "Identity") -> None:
    if credentials.partition not in (None, identity.partition):
        raise Unsupported(f"the caller is of the partition {identity.partition}")


def _changed_here(ctx: Context, identity: "Identity") -> float | None:
    name = f"{identity.partition}/{identity.account}/{identity.user_name}"
    found = passwords.password(ctx.db, name)
    return None if found is None else found.changed


def _made(
    reader: "Reader", identity: "Identity", scope: str, now: float, took: float,
    regions: Iterable[object], checks: list[Check], results: list[Result],
) -> report.Audit:  # fmt: skip
    rows = tuple(report.row(each) for each in results)
    own = scope == "self"
    return report.Audit(
        __version__, identity.account, identity.partition, identity.arn, scope, now, took,
        reader.total + 1, {"sts:GetCallerIdentity": 1, **reader.calls},
        tuple(getattr(each, "name", "") for each in regions),
        tuple(report.check_row(each, own=own) for each in checks), rows, report.asked(rows),
    )  # fmt: skip


def _counted(results: list[Result]) -> dict[str, int]:
    found = [each.status for each in results]
    return {
        "failed": found.count(FAIL), "unknown": found.count(UNKNOWN),
        "passed": found.count(PASS), "waived": found.count(WAIVED),
    }  # fmt: skip


def _run(made: report.Audit, results: list[Result]) -> audits.Run:
    return audits.Run(
        account=made.account, scope=made.scope, at=made.at, calls=made.calls, seconds=made.took,
        regions=made.regions, statuses={each.key: str(each.status) for each in results},
        **_counted(results),
    )  # fmt: skip
