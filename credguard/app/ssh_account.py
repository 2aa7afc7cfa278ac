"""Who calls EC2 for the SSH commands, in which regions, and calls to many regions at once."""

import os
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from shlex import quote
from typing import TypeVar

from credguard.app.context import Context
from credguard.app.mfa import Codes
from credguard.errors import CredguardError, InvalidKey, UnknownProfile, Unsupported
from credguard.keypairs.public import is_key
from credguard.store import profiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.aws.model import Credentials

# Threads that wait, one a region; an account has 17 regions by default, and 36 at most so far.
_PARALLEL = 40
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+){1,2}-[0-9]{1,2}\Z")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Caller:
    """`account`: the account's id; `owner`: the tag that this person's key pairs get."""

    credentials: "Credentials"
    account: str
    owner: str
    profile: str


def caller(ctx: Context, name: str | None = None, codes: Codes | None = None) -> Caller:
    """The credentials of the profile `name` (None: the only one, or default), of any kind.

    `codes` None: nobody gives an MFA code. Raises UnknownProfile, CredguardError.
    """
    from credguard.app import sessions

    chosen = name if name is not None else _only(ctx)
    handed = sessions.obtain(ctx, chosen, codes)
    account = handed.account
    if account is None:
        from credguard.aws import sts

        account = sts.caller_identity(handed.credentials).account
    key = next((each.key for each in profiles.profiles(ctx.db) if each.name == chosen), None)
    user = key.user_name if key is not None else sessions.user_name()
    return Caller(handed.credentials, account, ctx.config.ssh.owner or user, chosen)


def _only(ctx: Context) -> str:
    known = [each.name for each in profiles.profiles(ctx.db)]
    if len(known) == 1:
        return known[0]
    if not known:
        raise UnknownProfile("no profile in the vault", hint="run: credguard add PROFILE")
    if "default" not in known:
        raise UnknownProfile(
            "several profiles and none called default",
            hint="name one: --profile " + "|".join(quote(each) for each in known),
        )
    return "default"


def by_account(ctx: Context) -> dict[str, str]:
    """A profile of each account that a key in the vault is of, by the account's id."""
    return {each.key.account: each.name for each in profiles.profiles(ctx.db)}


def check_regions(given: Iterable[str]) -> list[str]:
    """`given` without repetitions, each a name that a region may have. Raises Unsupported."""
    chosen = list(dict.fromkeys(given))
    for region in chosen:
        if not _REGION.match(region):
            raise Unsupported(
                f"{region!r} is not the name of a region", hint="such as: --regions us-east-1"
            )
    if not chosen:
        raise Unsupported("no region is named", hint="such as: --regions us-east-1")
    return chosen


def some_regions(ctx: Context, who: Caller, given: list[str] | None) -> list[str]:
    """`given`, else those of the settings, else the profile's or the environment's."""
    from credguard.aws.model import main_region
    from credguard.awsfiles import files

    fallback = (
        os.environ.get("AWS_REGION")
        or os.environ.get("AWS_DEFAULT_REGION")
        or files.setting(who.profile, "region")
        or main_region(who.credentials.partition or "aws")
    )
    return check_regions(given or ctx.config.ssh.regions or [fallback])


def all_regions(ctx: Context, who: Caller) -> list[str]:
    """The regions that are enabled for the account. Raises AwsError."""
    from credguard.aws import ec2

    return ec2.regions(who.credentials, some_regions(ctx, who, None)[0])


def delete_pair(who: Caller, region: str, name: str, line: str) -> bool:
    """No key pair `name` of the key `line` is registered in `region`; True: it was deleted now.

    Looked at right before: a pair of that name with another key is not touched. Raises AwsError.
    """
    from credguard.aws import ec2

    with ec2.in_region(who.credentials, region) as account:
        found = account.key_pair(name)
        if found is None or not is_key(found, line):
            return False
        account.delete_key_pair(name)
    return True


def in_each(
    regions: Iterable[str],
    act: Callable[[str], T],
    on_region: Callable[[str, CredguardError | None], None] = lambda _region, _error: None,
) -> dict[str, T | CredguardError]:
    """What `act` gives or raises (CredguardError) for each region, all at once, in their order.

    `on_region` hears of each as it ends, in this thread. A region that refuses a key which works in
    another is most likely not enabled, and is told so.
    """
    where = list(regions)
    found: dict[str, T | CredguardError] = {}
    if not where:
        return found
    with ThreadPoolExecutor(min(len(where), _PARALLEL)) as pool:
        started = {pool.submit(_caught, act, region): region for region in where}
        late = []
        for future in as_completed(started):
            region, result = started[future], future.result()
            found[region] = result
            if isinstance(result, InvalidKey):
                late.append(region)  # what it means shows once the others are in
            else:
                on_region(region, result if isinstance(result, CredguardError) else None)
    works = any(not isinstance(each, CredguardError) for each in found.values())
    for region in late:
        error = _not_enabled() if works else found[region]
        found[region] = error
        on_region(region, error if isinstance(error, CredguardError) else None)
    return {region: found[region] for region in where}


def _caught(act: Callable[[str], T], region: str) -> T | CredguardError:
    try:
        return act(region)
    except CredguardError as error:
        return error


def _not_enabled() -> CredguardError:
    return Unsupported(
        "it refuses the key that other regions take: it is not enabled for the account",
        hint="leave it out, or enable it in the account's settings",
    )
