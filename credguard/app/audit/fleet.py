"""Use case: audit many accounts of an organization through a role in each, some at a time.

Of each account only its sums are kept once its document was handed on, so memory does not grow with
their number.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from shlex import quote

from credguard import __version__
from credguard.app.audit import hub
from credguard.app.audit.run import Wanted, audit_with, chosen
from credguard.app.context import Context
from credguard.audit.model import UNKNOWN
from credguard.aws import organizations, sts
from credguard.aws.model import Credentials, Identity
from credguard.aws.organizations import Account
from credguard.errors import ConfigError, CredguardError, NotPermitted
from credguard.report import audit as report
from credguard.report.audit import Audit
from credguard.report.team import Merging, Team

ALL = "all"
_AT_ONCE = 4  # each reads with twelve threads of its own
_SESSION = "credguard-audit"
Keep = Callable[[Audit], None]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Fleet:
    """`accounts`: numbers, or ALL alone; `role`: its name in each account.

    `hub_region`: each account's Security Hub there gets its findings; None: none does.
    """

    accounts: tuple[str, ...]
    role: str
    hub_region: str | None = None


@dataclass(frozen=True, slots=True)
class _Done:
    account: Account
    audit: Audit
    note: str = ""


def fleet(
    ctx: Context, credentials: Credentials, wanted: Wanted, asked: Fleet, *,
    keep: Keep = lambda _audit: None, progress: Progress = lambda _done, _all: None,
) -> Team:  # fmt: skip
    """Audit each account; `keep` gets each document as it comes, in the caller's thread.

    The caller's own account is read as the caller, without the role. An account that cannot be
    entered is UNKNOWN throughout. Raises ConfigError, AwsError: the accounts cannot be listed.
    """
    wanted = replace(wanted, scope="account")
    chosen(wanted.only, wanted.skip, own=False)
    identity = sts.caller_identity(credentials)
    accounts = _accounts(credentials, asked.accounts)
    merging = Merging()
    progress(0, len(accounts))
    every = _each(credentials, identity, wanted, asked, accounts)
    for number, each in enumerate(every, 1):
        keep(each.audit)
        merging.audit(each.audit, name=each.account.name, note=each.note)
        progress(number, len(accounts))
    return merging.team(ctx.now())


def _accounts(credentials: Credentials, given: tuple[str, ...]) -> list[Account]:
    if given == (ALL,):
        return organizations.accounts(credentials)
    for each in given:
        if len(each) != 12 or not (each.isascii() and each.isdecimal()):
            raise ConfigError(
                f"{each!r} is no account", hint="write numbers of twelve digits, or all alone"
            )
    return [Account(each, "") for each in dict.fromkeys(given)]


def _each(
    credentials: Credentials, identity: Identity, wanted: Wanted, asked: Fleet,
    accounts: list[Account],
) -> Iterator[_Done]:  # fmt: skip
    """Each account's audit as it comes; no more are begun than are waited for."""
    waiting = iter(accounts)
    running: set[Future[_Done]] = set()
    pool = ThreadPoolExecutor(_AT_ONCE, "account")
    try:
        while True:
            while len(running) < _AT_ONCE and (account := next(waiting, None)) is not None:
                job = pool.submit(_one, credentials, identity, wanted, asked, account)
                running.add(job)
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            while done:
                yield done.pop().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _one(
    credentials: Credentials, identity: Identity, wanted: Wanted, asked: Fleet, account: Account
) -> _Done:  # fmt: skip
    ctx = Context()  # a database connection is one thread's
    try:
        entered = credentials
        if account.id != identity.account:
            arn = f"arn:{identity.partition}:iam::{account.id}:role/{asked.role}"
            entered = sts.assume_role(credentials, arn, _SESSION).credentials
            # No profile that is known here leads there, for a remedy to name.
            wanted = replace(wanted, profile=None, typed=_typed(wanted.regions))
        made = audit_with(ctx, entered, wanted)
        if made.account != account.id:
            raise ConfigError(f"the role led into account {made.account}")
    except CredguardError as error:
        return _Done(account, _unread(ctx, identity, wanted, account, error), str(error))
    finally:
        ctx.close()
    if asked.hub_region is None:
        return _Done(account, made)
    note = _published(entered, made, asked.hub_region)
    return _Done(account, made, note)


def _typed(regions: tuple[str, ...]) -> str:
    chosen = f" --regions {quote(','.join(regions))}" if regions else ""
    return f"--profile PROFILE{chosen}"


def _published(credentials: Credentials, made: Audit, region: str) -> str:
    try:
        sent = hub.publish(credentials, made, region)
    except CredguardError as error:
        return f"Security Hub: {error}"
    if sent.failed:
        return f"Security Hub did not take {len(sent.failed)} findings: {sent.failed[0].message}"
    return "; ".join(sent.notes)


def _unread(
    ctx: Context, identity: Identity, wanted: Wanted, account: Account, error: CredguardError
) -> Audit:  # fmt: skip
    """The audit of an account that nothing could be read of: every check is UNKNOWN."""
    checks = chosen(wanted.only, wanted.skip, own=False)
    asks = ("sts:AssumeRole",) if isinstance(error, NotPermitted) else ()
    root = f"arn:{identity.partition}:iam::{account.id}:root"
    rows = tuple(
        report.Row(each.id, UNKNOWN, each.severity, root, "", str(error), asks=asks)
        for each in checks
    )
    return report.Audit(
        __version__, account.id, identity.partition, identity.arn, "account", ctx.now(), 0.0, 0,
        {}, (), tuple(report.check_row(each) for each in checks), rows, report.asked(rows),
    )  # fmt: skip
