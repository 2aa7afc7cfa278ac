"""From ~/.aws/config to a Plan, read as botocore reads it. Pure.

Beyond botocore: `include_profile` (aws-vault's: settings taken over from another profile),
`credguard_session`, and a role without a source_profile whose own profile has a key in the vault.
"""

import re
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from shlex import quote

from credguard.errors import ConfigError, UnknownProfile, Unsupported
from credguard.sessions.model import (
    AssumeRole,
    AwsConfig,
    LongTerm,
    Plan,
    SessionToken,
    Sso,
    Step,
    WebIdentity,
    partition_of_arn,
    partition_of_region,
)
from credguard.sessions.settings import (
    FILE,
    SHORTEST_S,
    Settings,
    duration,
    flag,
    is_role,
    is_sso,
    role_arn,
    session,
)

# AssumeRole: a role that a role's session assumes, whatever the role allows.
CHAINED_S = 3600
# Only the AssumeRole calls that follow use it.
_PASSING_S = SHORTEST_S

_SESSION_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}\Z")
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_+=,.@-]+")
# Where `sts_regional_endpoints = legacy` means sts.amazonaws.com (AWS SDKs reference guide).
_LEGACY = frozenset(
    (
        "ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1",
        "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1",
        "us-east-1", "us-east-2", "us-west-1", "us-west-2",
    )
)  # fmt: skip
_INHERITED = ("region", "sts_regional_endpoints")
_NOT_INCLUDED = {"credential_process", "include_profile"}

Alias = Callable[[str], str | None]


def _no_alias(line: str) -> str | None:  # noqa: ARG001
    return None


def resolve(
    config: AwsConfig,
    profile: str,
    known: Set[str],
    *,
    user: str = "user",
    alias: Alias = _no_alias,
) -> Plan:
    """How the credentials of `profile` are got. `known`: profiles with a key in the vault.

    `user`: the person, for session names. `alias`: the profile that a credential_process line of
    ours hands out; None: it is another program's. Raises UnknownProfile, ConfigError, Unsupported.
    """
    return _Resolver(config, known, user, alias).plan(profile)


@dataclass
class _Role:
    profile: str
    settings: Settings
    arn: str


@dataclass
class _Resolver:
    config: AwsConfig
    known: Set[str]
    user: str
    alias: Alias
    used: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def plan(self, profile: str) -> Plan:
        roles: list[_Role] = []
        seen: list[str] = []
        name = profile
        while True:
            if name in seen:
                raise ConfigError(
                    f"profile {profile} leads in a circle: {' > '.join([*seen, name])}",
                    hint=f"correct source_profile or credential_process in {FILE}",
                )
            seen.append(name)
            settings = self._settings(name, profile)
            following = self._follows(name, settings)
            if following is not None:
                name = following
                continue
            if not is_role(settings):
                break
            roles.append(_Role(name, settings, role_arn(name, settings)))
            source = self._source(name, settings)
            if source == name:
                break
            name = source
        roles.reverse()
        own_key = bool(roles) and roles[0].profile == name
        base = self._long_term(name) if own_key else self._base(name, settings, profile)
        steps = (base, *self._after(base, settings, roles))
        region = self._settings(profile, profile).get("region") or None
        return Plan(profile, steps, region, tuple(self.used), tuple(self.notes))

    # Reading

    def _settings(self, name: str, asked: str) -> Settings:
        """The settings of `name`, with those of its include_profile that it lacks."""
        found: dict[str, str] = {}
        seen: list[str] = []
        here: str | None = name
        while here is not None:
            if here in seen:
                raise ConfigError(
                    f"include_profile of {name} leads in a circle: {' > '.join([*seen, here])}",
                    hint=f"correct it in {FILE}",
                )
            own = self.config.profiles.get(here)
            if own is None and (seen or here not in self.known):
                raise self._missing(here, seen[-1] if seen else asked, "include" if seen else "")
            seen.append(here)
            if here not in self.used:
                self.used.append(here)
            own = own or {}
            for key, value in own.items():
                if len(seen) == 1 or key not in _NOT_INCLUDED:
                    found.setdefault(key, value)
            here = own.get("include_profile")
        default = self.config.profiles.get("default", {})
        for key in _INHERITED:
            if key in default:
                found.setdefault(key, default[key])
        return found

    def _missing(self, name: str, by: str, how: str) -> UnknownProfile:
        named = f", which profile {by} {'includes' if how else 'needs'}" if name != by else ""
        return UnknownProfile(
            f"no profile {name!r} in {FILE} or in the vault{named}",
            hint="check the name; see: credguard list, or add its key:"
            f" credguard add {quote(name)}",
        )

    def _follows(self, name: str, settings: Settings) -> str | None:
        """The profile that our own credential_process in this one hands out, where it is another.

        As in botocore, a role, a web identity, SSO and a key come before a credential_process.
        """
        line = settings.get("credential_process")
        if line is None or name in self.known or is_role(settings):
            return None
        if "web_identity_token_file" in settings or is_sso(settings):
            return None
        other = self.alias(line)
        return other if other != name else None

    def _source(self, name: str, settings: Settings) -> str:
        source, credential_source = (
            settings.get("source_profile"),
            settings.get("credential_source"),
        )
        if source and credential_source:
            raise ConfigError(
                f"profile {name} has both source_profile and credential_source",
                hint=f"keep one of them in {FILE}",
            )
        if credential_source:
            raise Unsupported(
                f"profile {name} takes its credentials from {credential_source}, that is from the"
                " machine or the environment it runs in, which credguard does not hold",
                hint=f"name a profile whose key is in the vault as source_profile in {FILE}",
            )
        if source is None and name not in self.known:
            raise ConfigError(
                f"profile {name} has a role_arn and no source_profile",
                hint=f"name a profile whose key is in the vault as source_profile in {FILE}",
            )
        if source == name and name not in self.known:
            raise self._no_key(name)
        return source or name

    def _no_key(self, name: str) -> ConfigError | UnknownProfile:
        if name in self.config.plain:
            return ConfigError(
                f"the key of profile {name} is in plaintext in the AWS files, not in the vault",
                hint=f"run: credguard import {quote(name)}",
            )
        return UnknownProfile(
            f"no key of profile {name} is in the vault", hint=f"run: credguard add {quote(name)}"
        )

    # The source

    def _base(self, name: str, settings: Settings, asked: str) -> Step:
        if "web_identity_token_file" in settings:
            return self._web_identity(name, settings)
        if is_sso(settings):
            return self._sso(name, settings)
        if name in self.known:
            return self._long_term(name)
        behind = f" (behind {asked})" if name != asked else ""
        if name in self.config.plain:
            raise self._no_key(name)
        if "login_session" in settings:
            raise Unsupported(
                f"profile {name}{behind} signs in by `aws login`; credguard has no part in it",
                hint=f"use it with AWS tools as it is: AWS_PROFILE={quote(name)}",
            )
        line = settings.get("credential_process")
        if line is not None and self.alias(line) is None:
            raise Unsupported(
                f"profile {name}{behind} gets its credentials from another program"
                " (credential_process), and credguard does not hand those out",
                hint=f"use it with AWS tools as it is: AWS_PROFILE={quote(name)}",
            )
        if "credential_source" in settings or "source_profile" in settings:
            raise ConfigError(
                f"profile {name}{behind} has a source and no role_arn",
                hint=f"add its role_arn in {FILE}",
            )
        raise UnknownProfile(
            f"no key of profile {name}{behind} is in the vault",
            hint=f"run: credguard add {quote(name)}",
        )

    def _long_term(self, name: str) -> Step:
        if name in self.config.plain:
            self.notes.append(
                f"profile {name} also has a key in plaintext in the AWS files, which AWS tools"
                f" take first; run: credguard import {quote(name)}"
            )
        return LongTerm(name)

    def _web_identity(self, name: str, settings: Settings) -> Step:
        if not settings.get("role_arn"):
            raise ConfigError(
                f"profile {name} has a web_identity_token_file and no role_arn",
                hint=f"add its role_arn in {FILE}",
            )
        arn = role_arn(name, settings)
        return WebIdentity(
            name,
            arn,
            self._session_name(name, settings),
            settings["web_identity_token_file"],
            duration(name, settings),
            self._sts_region(name, settings, arn),
        )

    def _sso(self, name: str, settings: Settings) -> Step:
        merged = dict(settings)
        named = settings.get("sso_session")
        if named is not None:
            if named not in self.config.sso_sessions:
                raise ConfigError(
                    f"profile {name} names the sso-session {named}, which {FILE} does not have",
                    hint="run: aws configure sso-session",
                )
            for key, value in self.config.sso_sessions[named].items():
                if merged.setdefault(key, value) != value:
                    raise ConfigError(
                        f"{key} of profile {name} is not that of its sso-session {named}",
                        hint=f"keep one of them in {FILE}",
                    )
        needed = ("sso_account_id", "sso_role_name", "sso_start_url", "sso_region")
        missing = [key for key in needed if not merged.get(key)]
        if missing:
            raise ConfigError(
                f"profile {name} lacks {', '.join(missing)}",
                hint=f"run: aws configure sso --profile {quote(name)}",
            )
        return Sso(name, merged["sso_account_id"], merged["sso_region"])

    # What follows

    def _after(self, base: Step, settings: Settings, roles: list[_Role]) -> list[Step]:
        """The steps after `base`, whose settings are `settings`, with at most one MFA code."""
        serials = [role.settings.get("mfa_serial") or None for role in roles]
        steps: list[Step] = []
        if not isinstance(base, LongTerm):
            for role, serial in zip(roles, serials, strict=True):
                if serial is not None:
                    self.notes.append(
                        f"mfa_serial of profile {role.profile} is not used: only an IAM user's key"
                        " can be given a code"
                    )
            serials = [None] * len(roles)
        elif not roles:
            own = session(base.profile, settings)
            if own is not None:
                steps.append(own)
        elif serials[0] is None:
            wanted = next((each for each in serials if each), None)
            if wanted is None and flag(base.profile, settings) is not False:
                wanted = settings.get("mfa_serial") or None
            if wanted is not None:
                steps.append(SessionToken(wanted, _PASSING_S))
            serials = [None] * len(roles)
        for number, role in enumerate(roles):
            chained = number > 0 or not isinstance(base, LongTerm)
            # Only the first call is signed by the user, and one code serves the whole chain.
            serial = serials[0] if number == 0 else None
            steps.append(self._assume(role, chained, serial))
        return steps

    def _assume(self, role: _Role, chained: bool, serial: str | None) -> AssumeRole:
        seconds = duration(role.profile, role.settings)
        if chained and seconds is not None and seconds > CHAINED_S:
            self.notes.append(
                f"role chaining: the session of profile {role.profile} lasts an hour at most,"
                f" not {seconds} s"
            )
            seconds = CHAINED_S
        return AssumeRole(
            role.profile,
            role.arn,
            self._session_name(role.profile, role.settings),
            role.settings.get("external_id") or None,
            seconds,
            serial,
            self._sts_region(role.profile, role.settings, role.arn),
        )

    def _session_name(self, name: str, settings: Settings) -> str:
        given = settings.get("role_session_name")
        if given is None:
            return "credguard-" + (_NOT_IN_NAME.sub("-", self.user)[:54] or "user")
        if not _SESSION_NAME.match(given):
            raise ConfigError(
                f"role_session_name of profile {name} is not valid",
                hint="2 to 64 letters, digits and _+=,.@-",
            )
        return given

    def _sts_region(self, name: str, settings: Settings, arn: str) -> str | None:
        region, partition = settings.get("region"), partition_of_arn(arn)
        if not region or partition_of_region(region) != partition:
            return None
        mode = settings.get("sts_regional_endpoints", "regional").lower()
        if mode not in {"legacy", "regional"}:
            raise ConfigError(
                f"sts_regional_endpoints of profile {name} is {mode!r}",
                hint="write regional or legacy",
            )
        return "aws-global" if mode == "legacy" and region in _LEGACY else region
