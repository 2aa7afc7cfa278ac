"""Use case: the environment variables that give a process a profile's credentials."""

import os
import re
import sys
import time
from shlex import quote

from credguard.app import keys, obtain, secrets, sessions
from credguard.app.context import Context
from credguard.app.mfa import Ask
from credguard.errors import ConfigError, CredguardError, UnknownProfile
from credguard.secret import Secret

# Set inside exec and shell: refuses nested ones. The other is for a person's prompt.
GUARD = "CREDGUARD_EXEC"
PROMPT = "CREDGUARD_PROFILE"
# What would beat, or be mixed up with, the credentials given. Region, endpoint and CA stay.
_CLEARED = (
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN",
    "AWS_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_CREDENTIAL_EXPIRATION", "AWS_ACCOUNT_ID",
    "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
)  # fmt: skip
# Of one service each, and taken before any key: AWS_BEARER_TOKEN_BEDROCK.
_CLEARED_PREFIX = "AWS_BEARER_TOKEN_"
# A profile with one of these needs no credential_process.
_BY_ITSELF = ("sso_session", "sso_start_url", "web_identity_token_file")
# Linux's limit for one variable, execve(2); others have a higher one or none.
_LONGEST = (128 << 10) - 256
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def refuse_nested() -> None:
    """Raise CredguardError inside `credguard exec` or `credguard shell`.

    There the outer credentials are those a person believes to work with.
    """
    outer = os.environ.get(GUARD)
    if outer:
        raise CredguardError(
            f"this is already inside credguard exec or shell of profile {outer}",
            hint="leave it first: exit",
        )


def parse_secrets(wanted: list[str]) -> dict[str, str]:
    """`wanted`, "ENV=NAME" each, as variable to the secret's name. Raises CredguardError."""
    found = {}
    for pair in wanted:
        variable, equals, name = pair.partition("=")
        if not equals or not _VARIABLE.match(variable):
            raise CredguardError(f"{pair!r} is not ENV=NAME", hint="--secret GITHUB_TOKEN=github")
        found[variable] = name
    return found


def cleared() -> list[str]:
    """The variables that would beat, or be mixed up with, credentials given, set or not."""
    return [*_CLEARED, *sorted(each for each in os.environ if each.startswith(_CLEARED_PREFIX))]


def inherited() -> dict[str, str]:
    """This process's environment without what would beat the credentials given."""
    gone = set(cleared())
    return {name: value for name, value in os.environ.items() if name not in gone}


def of_secrets(ctx: Context, wanted: dict[str, str]) -> dict[str, str]:
    """The values of the vault's secrets for an environment. Raises CredguardError, VaultError."""
    found = {}
    for variable, name in wanted.items():
        value = secrets.get(ctx, name, tell=sys.stderr.write).reveal_bytes()
        if b"\0" in value or len(value) > _LONGEST:
            what = "has a NUL byte" if b"\0" in value else "is longer than 128 KiB"
            raise CredguardError(
                f"the secret {name} {what} and cannot stand in an environment",
                hint=f"give it through a pipe: credguard secret get {quote(name)}",
            )
        found[variable] = os.fsdecode(value)
    return found


def of_handed(handed: sessions.Handed) -> dict[str, str]:
    """The variables that SDKs read for these credentials. An end only where they have one."""
    found = {
        "AWS_ACCESS_KEY_ID": handed.credentials.key_id,
        "AWS_SECRET_ACCESS_KEY": handed.credentials.secret.reveal(),
    }
    if handed.credentials.token is not None:
        found["AWS_SESSION_TOKEN"] = handed.credentials.token.reveal()
        found["AWS_CREDENTIAL_EXPIRATION"] = expiration(handed)
    if handed.account is not None:
        found["AWS_ACCOUNT_ID"] = handed.account
    return found


def expiration(handed: sessions.Handed) -> str:
    """The end of the credentials, ISO 8601 in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(handed.expiration))


def of_region(profile: str) -> dict[str, str]:
    """The region that ~/.aws/config names for `profile`, as SDKs read it; empty: none.

    Damage outside of the profile's own sections does not matter. Raises ConfigError.
    """
    from credguard.awsfiles import files

    try:
        region = files.region(profile)
    except ConfigError:
        region = files.sections_of(profile).profiles.get(profile, {}).get("region")
    return {"AWS_REGION": region, "AWS_DEFAULT_REGION": region} if region else {}


def of_profile(
    ctx: Context, profile: str, how: str, code: Secret | None = None, ask: Ask | None = None
) -> dict[str, str]:
    """The credentials of `profile`, handed out as `how`; see obtain.credentials_for."""
    handed = obtain.credentials_for(ctx, profile, how=how, code=code, ask=ask)
    if handed.note:
        sys.stderr.write(f"credguard: {handed.note}\n")
    return of_handed(handed)


def check_line(profile: str) -> None:
    """Raise CredguardError when AWS tools would not fetch and refresh `profile` by themselves.

    They do through a credential_process line of ours, its own or that of its source_profile, and
    for IAM Identity Center and web identities without us. Raises UnknownProfile, ConfigError too.
    """
    from credguard.awsfiles import files

    if profile not in files.config_profiles():
        raise UnknownProfile(f"no profile {profile!r} in ~/.aws/config")

    plain = {each.profile: each.path for each in files.plain_keys()}
    name, seen = profile, set[str]()
    while name not in seen:
        seen.add(name)
        if name in plain:
            raise CredguardError(
                f"profile {name} has a key in plaintext in {plain[name]}, which AWS tools take",
                hint=f"run: credguard import {quote(name)}",
            )
        line = files.process_of(name)
        source = files.setting(name, "source_profile")
        if line is not None and keys.is_ours(line):
            return
        if any(files.setting(name, each) for each in _BY_ITSELF):
            return
        if line is not None or source is None:
            break
        name = source
    raise CredguardError(
        f"profile {name} has no credential_process line of credguard in ~/.aws/config",
        hint=f"put it there: credential_process = {keys.command(name)}",
    )
