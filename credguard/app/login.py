"""Use case: a URL that signs in to the console as a profile."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from credguard.app import keys, sessions
from credguard.app.context import Context
from credguard.app.mfa import Codes
from credguard.errors import ConfigError, CredguardError, InvalidKey
from credguard.secret import Secret
from credguard.sessions.model import (
    AssumeRole,
    LongTerm,
    Plan,
    SessionToken,
    Sso,
    WebIdentity,
    partition_of_arn,
    partition_of_region,
)
from credguard.sessions.settings import LONGEST_S, SHORTEST_S
from credguard.store import handouts, profiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.aws.model import Credentials

# What the user's own policies allow stays the limit: a federation token has what both allow, and
# without a policy it has nothing (GetFederationToken, STS API reference).
_NO_FURTHER_LIMIT = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
)
_ROOT_S = 3600
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_+=,.@-]+")


@dataclass(frozen=True, slots=True)
class SignIn:
    """`url`: a secret until it is used or 15 minutes old. `note`: what to tell; "": nothing."""

    url: Secret
    note: str


def sign_in(
    ctx: Context,
    profile: str,
    codes: Codes | None,
    *,
    destination: str | None = None,
    duration_s: int | None = None,
    tell: Callable[[str], int],
) -> SignIn:
    """A sign-in URL for `profile`; None: the console's start page; as long as the session lasts.

    A role, a web identity or Identity Center gives its own session; a long-term key one of
    GetFederationToken, since the console takes no session of GetSessionToken. The hand-out is
    logged; `tell` gets a line when that fails. Raises what sessions.obtain raises, ConfigError,
    NotPermitted, NetworkDown, Unsupported.
    """
    from credguard.aws import federation

    if duration_s is not None and not SHORTEST_S <= duration_s <= LONGEST_S:
        raise ConfigError(
            "a console session lasts from 15 minutes to 12 hours", hint="such as --duration 8h"
        )
    plan = sessions.plan_of(ctx, profile)
    partition = _partition(ctx, plan)
    # Before a code is asked for and spent.
    if destination is None:
        destination = federation.console(partition, plan.region)
    else:
        federation.check_destination(partition, destination)
    key_id: str | None
    if isinstance(plan.steps[-1], LongTerm | SessionToken):
        credentials, key_id, notes, end = _federated(ctx, plan, duration_s)
        duration_s = None
    else:
        duration_s, notes = _role_duration(plan, duration_s)
        handed = sessions.obtain(ctx, profile, codes)
        credentials, key_id = handed.credentials, handed.key_id_of_long_term
        end = max(handed.expiration, ctx.now() + (duration_s or 0))
        notes += [handed.note] if handed.note else []
    url = federation.sign_in_url(credentials, partition, destination, duration_s)
    if key_id is not None:
        handouts.note(ctx.db, profile, key_id, "login", tell, session_end=end)
    return SignIn(url, "; ".join(notes))


def _partition(ctx: Context, plan: Plan) -> str:
    last = plan.steps[-1]
    if isinstance(last, AssumeRole | WebIdentity):
        return partition_of_arn(last.role_arn)
    if isinstance(last, Sso):
        return partition_of_region(last.region)
    return _key(ctx, plan).partition


def _key(ctx: Context, plan: Plan) -> profiles.Key:
    first = plan.steps[0]
    if not isinstance(first, LongTerm):
        raise AssertionError("a session without a long-term key")
    return profiles.profile(ctx.db, first.profile).key


def _role_duration(plan: Plan, wanted: int | None) -> tuple[int | None, list[str]]:
    """The duration to ask the console for, and what to tell.

    The endpoint takes one only where a user's key or a token assumed the role: not with chaining.
    """
    roles = [step for step in plan.steps if isinstance(step, AssumeRole | WebIdentity)]
    direct = len(roles) == 1 and isinstance(plan.steps[0], LongTerm | WebIdentity)
    if wanted is None or direct:
        return wanted, []
    return None, ["the console session lasts as long as the role's session; --duration is not used"]


def _federated(
    ctx: Context, plan: Plan, duration_s: int | None
) -> "tuple[Credentials, str, list[str], float]":
    from credguard.aws import sts
    from credguard.aws.model import Credentials

    key = _key(ctx, plan)
    longest = _ROOT_S if key.user_name == "<root>" else LONGEST_S
    signer = Credentials(key.key_id, keys.secret_of(ctx, key), None, key.partition)
    name = _NOT_IN_NAME.sub("-", key.user_name)[:32].strip("-") or "user"
    name = name if len(name) > 1 else name + "-user"
    try:
        made = sts.get_federation_token(
            signer, name, _NO_FURTHER_LIMIT, min(duration_s or longest, longest)
        )
    except InvalidKey as exc:
        error: CredguardError = type(exc)(
            f"{exc}: the key that the vault holds for profile {plan.profile}", hint=exc.hint
        )
        raise error from None
    notes = list(plan.notes)
    if any(isinstance(step, SessionToken) and step.serial for step in plan.steps):
        notes.append("this sign-in does not count as one with MFA; a role with mfa_serial would")
    return made.credentials, key.key_id, notes, made.expiration
