"""Use case: the environment in which a command has a profile's credentials."""

import os
import re
import sys

from credguard.app import keys, secrets
from credguard.app.context import Context
from credguard.errors import CredguardError
from credguard.store import handouts

GUARD = "CREDGUARD_EXEC"
# What would beat, or be mixed up with, the credentials given. Region, endpoint and CA stay.
_CLEARED = (
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
)  # fmt: skip
# Linux's limit for one variable, execve(2); others have a higher one or none.
_LONGEST = (128 << 10) - 256
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def environment(ctx: Context, profile: str, wanted: list[str]) -> dict[str, str]:
    """This process's environment with the credentials of `profile` and the `wanted` secrets.

    `wanted`: "ENV=NAME" each. Raises CredguardError (nested, malformed),
    UnknownProfile, VaultError.
    """
    from credguard.awsfiles import files

    outer = os.environ.get(GUARD)
    if outer:
        raise CredguardError(
            f"this is already inside credguard exec {outer}", hint="leave that shell first"
        )
    found = {name: value for name, value in os.environ.items() if name not in _CLEARED}
    for pair in wanted:
        variable, equals, name = pair.partition("=")
        if not equals or not _VARIABLE.match(variable):
            raise CredguardError(f"{pair!r} is not ENV=NAME", hint="--secret GITHUB_TOKEN=github")
        value = secrets.get(ctx, name).reveal_bytes()
        if b"\0" in value or len(value) > _LONGEST:
            what = "has a NUL byte" if b"\0" in value else "is longer than 128 KiB"
            raise CredguardError(
                f"the secret {name} {what} and cannot stand in an environment",
                hint=f"give it through a pipe: credguard secret get {name}",
            )
        found[variable] = os.fsdecode(value)
    credentials = keys.credentials(ctx, profile)
    handouts.note(ctx.db, profile, credentials.key_id, "exec", sys.stderr.write)
    found["AWS_ACCESS_KEY_ID"] = credentials.key_id
    found["AWS_SECRET_ACCESS_KEY"] = credentials.secret.reveal()
    region = files.region(profile)
    if region and "AWS_REGION" not in found and "AWS_DEFAULT_REGION" not in found:
        found["AWS_REGION"] = found["AWS_DEFAULT_REGION"] = region
    found[GUARD] = profile
    return found
