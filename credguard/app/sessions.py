"""Use case: the credentials of a profile of any kind, by as few calls to STS as it takes."""

import getpass
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace

from credguard.app import keys, longterm
from credguard.app.context import Context
from credguard.app.mfa import Codes
from credguard.errors import (
    AwsError,
    ConfigError,
    CredguardError,
    InvalidKey,
    NeedsCode,
    NotPermitted,
    QuotaExceeded,
)
from credguard.secret import Secret
from credguard.sessions.model import (
    AssumeRole,
    LongTerm,
    Plan,
    SessionToken,
    Sso,
    Step,
    WebIdentity,
    account_of_arn,
    partition_of_arn,
    partition_of_region,
)
from credguard.sessions.resolve import resolve
from credguard.store import handouts, profiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.aws.model import Credentials, Temporary

# botocore asks again when less than 15 minutes are left, and stops to wait at 10.
MIN_TTL_S = 1200
_MOST_TOKEN = 64 << 10
# AWS gives a root user's sessions an hour at most.
_ROOT_S = 3600


@dataclass(frozen=True, slots=True)
class Handed:
    """Credentials to hand out. `expiration`: Unix seconds.

    `account` None: not known. `source`: in words, for a person. `mfa`: they were got with a code.
    `key_id_of_long_term`: of the vault's key behind them, None: there is none. `note`: what a
    person should be told, "" for nothing.
    """

    credentials: "Credentials"
    expiration: float
    account: str | None
    source: str
    mfa: bool
    key_id_of_long_term: str | None
    note: str


def plan_of(ctx: Context, profile: str) -> Plan:
    """How the credentials of `profile` are got, without getting them. Calls no one.

    Raises UnknownProfile, ConfigError, Unsupported, StoreError.
    """
    from credguard.awsfiles import files

    known = {each.name for each in profiles.profiles(ctx.db)}
    notes: list[str] = []
    try:
        config = files.aws_config()
    except ConfigError:
        # What is damaged may be no concern of a key that is handed out as it is.
        if longterm.needs_session(profile, notes.append):
            raise
        config = files.sections_of(profile)
    plan = resolve(config, profile, known, user=user_name(), alias=_alias)
    return replace(plan, notes=(*plan.notes, *notes))


def user_name() -> str:
    """The person's name on this machine, for the names of sessions."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user id: KeyError until Python 3.12
        return "user"


def _alias(line: str) -> str | None:
    """The profile that a credential_process line of ours names; None: it is not ours."""
    if not keys.is_ours(line):
        return None
    try:
        return shlex.split(line)[-1]
    except (ValueError, IndexError):
        return None


def obtain(
    ctx: Context, profile: str, codes: Codes | None, *, min_ttl_s: int = MIN_TTL_S
) -> Handed:
    """The credentials of `profile`, fetched now.

    `codes` None: nobody can give an MFA code. `min_ttl_s`: when fewer seconds are left the note
    says so. Raises UnknownProfile, ConfigError, Unsupported, NeedsCode, CodeRefused, VaultError,
    AwsError. Changes nothing at AWS; a code that was sent is spent.
    """
    plan = plan_of(ctx, profile)
    run = _Run(ctx, plan, codes)
    for step in plan.steps:
        run.take(step)
    return run.handed(min_ttl_s)


class _Run:
    """A plan under way: what signs the next call, and what is known of it."""

    def __init__(self, ctx: Context, plan: Plan, codes: Codes | None) -> None:
        self._ctx = ctx
        self._plan = plan
        self._codes = codes
        self._key: profiles.Key | None = None
        self._credentials: Credentials | None = None
        self._expiration: float | None = None
        self._caller = ""
        self._account: str | None = None
        self._source = ""
        self._mfa = False
        if codes is not None:
            codes.also(plan.profiles)

    @property
    def _signer(self) -> "Credentials":
        if self._credentials is None:
            raise AssertionError("a step without a source")
        return self._credentials

    def take(self, step: Step) -> None:
        """Do one step."""
        if isinstance(step, LongTerm):
            self._long_term(step)
        elif isinstance(step, SessionToken):
            self._session(step)
        elif isinstance(step, AssumeRole):
            self._assume(step)
        elif isinstance(step, WebIdentity):
            self._web_identity(step)
        else:
            self._sso(step)

    def handed(self, min_ttl_s: int) -> Handed:
        now = self._ctx.now()
        notes = list(self._plan.notes)
        expiration = self._expiration
        if expiration is None:
            expiration = now + handouts.LIFETIME_S
        elif expiration - now < min_ttl_s:
            left = max(0, int((expiration - now) // 60))
            notes.append(f"the session of {self._plan.profile} lasts {left} minutes only")
        key_id = self._key.key_id if self._key is not None else None
        return Handed(
            self._signer,
            expiration,
            self._account,
            self._source,
            self._mfa,
            key_id,
            "; ".join(notes),
        )

    def _long_term(self, step: LongTerm) -> None:
        from credguard.aws.model import Credentials

        key = profiles.profile(self._ctx.db, step.profile).key
        secret = keys.secret_of(self._ctx, key)
        self._key = key
        self._credentials = Credentials(key.key_id, secret, None, key.partition)
        self._caller = f"user {key.user_name} of account {key.account}"
        self._account = key.account
        self._source = "long-term key"

    def _session(self, step: SessionToken) -> None:
        from credguard.aws import sts

        duration = step.duration_s
        if self._key is not None and self._key.user_name == "<root>":
            duration = min(duration, _ROOT_S)
        code = self._code(step.serial)
        made = self._called(
            lambda: sts.get_session_token(self._signer, duration, serial=step.serial, code=code)
        )
        self._became(made, "session with MFA" if code is not None else "session")
        self._mfa = code is not None

    def _assume(self, step: AssumeRole) -> None:
        from credguard.aws import sts

        partition = partition_of_arn(step.role_arn)
        if self._signer.partition not in {None, partition}:
            raise ConfigError(
                f"the role of profile {step.profile} is in the partition {partition}, and its"
                f" source is in {self._signer.partition}",
                hint="name a source_profile of the same partition in ~/.aws/config",
            )
        code = self._code(step.serial)
        try:
            made = self._called(
                lambda: sts.assume_role(
                    self._signer,
                    step.role_arn,
                    step.session_name,
                    external_id=step.external_id,
                    duration_s=step.duration_s,
                    serial=step.serial,
                    code=code,
                    region=step.region,
                )
            )
        except NotPermitted as exc:
            if type(exc) is not NotPermitted:
                raise
            raise self._denied(step) from None
        except QuotaExceeded as exc:
            raise QuotaExceeded(f"profile {step.profile}: {exc}", hint=exc.hint) from None
        self._mfa = self._mfa or code is not None
        self._became(made, "role")
        self._account = account_of_arn(step.role_arn)
        self._caller = f"role {step.role_arn}"

    def _denied(self, step: AssumeRole) -> NotPermitted:
        checks = "its trust policy names that caller, and the caller may call sts:AssumeRole on it"
        if not self._mfa and step.serial is None:
            checks += "; a role that asks for MFA needs mfa_serial in its profile"
        if step.external_id is None:
            checks += "; one that asks for an external id needs external_id"
        return NotPermitted(
            f"{self._caller} may not assume {step.role_arn} (profile {step.profile})",
            hint=f"check that {checks}",
        )

    def _web_identity(self, step: WebIdentity) -> None:
        from credguard.aws import sts

        token = _token(step)
        try:
            made = sts.assume_role_with_web_identity(
                step.role_arn,
                step.session_name,
                token,
                duration_s=step.duration_s,
                region=step.region,
            )
        except InvalidKey:
            raise InvalidKey(
                f"AWS does not accept the token in {step.token_file} (profile {step.profile}):"
                " it has ended, or it is another provider's",
                hint=f"get a new token into {step.token_file}, then run it again",
            ) from None
        except NotPermitted:
            raise NotPermitted(
                f"the token in {step.token_file} may not assume {step.role_arn}"
                f" (profile {step.profile})",
                hint="check the role's trust policy: provider, audience and subject",
            ) from None
        self._became(made, "web identity")
        self._account = account_of_arn(step.role_arn)
        self._caller = f"role {step.role_arn}"

    def _sso(self, step: Sso) -> None:
        from credguard.aws import sso

        made = sso.role_credentials(step.profile, partition_of_region(step.region))
        self._became(made, "IAM Identity Center")
        self._account = step.account
        self._caller = f"the Identity Center role of profile {step.profile}"

    def _became(self, made: "Temporary", source: str) -> None:
        self._credentials = made.credentials
        self._expiration = made.expiration
        self._source = source

    def _code(self, serial: str | None) -> Secret | None:
        if serial is None:
            return None
        if self._codes is None:
            raise NeedsCode(
                f"profile {self._plan.profile} needs a code of {serial} and nobody is here to"
                " give it",
                hint=f"{NeedsCode.at_a_terminal}{shlex.quote(self._plan.profile)} -- true",
            )
        return self._codes.code(serial)

    def _called(self, call: "Callable[[], Temporary]") -> "Temporary":
        """What `call` gives; a key that AWS refuses is named with its profile."""
        try:
            return call()
        except InvalidKey as exc:
            if self._key is None or self._signer.key_id != self._key.key_id:
                raise
            profile = self._plan.steps[0]
            name = profile.profile if isinstance(profile, LongTerm) else self._plan.profile
            error: AwsError = type(exc)(
                f"{exc}: the key that the vault holds for profile {name}",
                hint=exc.hint and exc.hint.replace("PROFILE", shlex.quote(name)),
            )
            raise error from None


def _token(step: WebIdentity) -> Secret:
    """What the token file holds now; it is replaced by whoever issues tokens."""
    path = os.path.expanduser(step.token_file)
    try:
        # A pipe that nobody writes to would be waited for without end.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:
            data = file.read(_MOST_TOKEN + 1) or b""
    except OSError as exc:
        raise CredguardError(
            f"cannot read the token of profile {step.profile}: {path}: {exc.strerror}",
            hint=f"check web_identity_token_file: ls -l {path}",
        ) from None
    token = data.strip()
    if not token or len(data) > _MOST_TOKEN or not token.isascii():
        what = "is larger than 64 KiB" if len(data) > _MOST_TOKEN else "holds no token"
        raise CredguardError(
            f"{path} (web_identity_token_file of profile {step.profile}) {what}",
            hint="get a new token into it, then run it again",
        )
    return Secret(token)
