"""Use case: which profile AWS tools take when none is named, in one shell or everywhere."""

import os
import shlex

from credguard import paths
from credguard.app import environment as variables
from credguard.app import keys
from credguard.app.context import Context
from credguard.errors import ConfigError, CredguardError
from credguard.report import environment as report
from credguard.store import events, profiles

_DEFAULT = "default"
# SDKs take each of these before a credential_process; botocore, create_credential_resolver.
_BEATS = ("role_arn", "sso_session", "sso_start_url", "web_identity_token_file")


def lines(profile: str | None, shell: str) -> str:
    """What `shell` evaluates so that AWS tools in it use `profile`; None: as if never chosen.

    Keys in its environment, which would win, are unset. Raises CredguardError, UnknownProfile.
    """
    variables.refuse_nested()
    if profile is None:
        return report.lines(shell, {}, variables.cleared())
    variables.check_line(profile)
    return report.lines(shell, {"AWS_PROFILE": profile}, variables.cleared())


def now_default() -> str | None:
    """The profile that [default] in ~/.aws/config hands out through credguard; None: none.

    Raises ConfigError: [default] has something else, which must not be lost or would win.
    """
    from credguard.awsfiles import files

    path = paths.aws_config_file()
    for plain in files.plain_keys():
        if plain.profile == _DEFAULT:
            raise ConfigError(
                f"profile default has a key in plaintext in {plain.path}, which would win",
                hint="run: credguard import default",
            )
    for name in _BEATS:
        if files.setting(_DEFAULT, name) is not None:
            raise ConfigError(
                f"[default] in {path} has {name}, which would win",
                hint="give those lines a profile section of their own",
            )
    line = files.process_of(_DEFAULT)
    if line is not None and not keys.is_ours(line):
        raise ConfigError(
            f"[default] in {path} has another credential_process",
            hint="give that line a profile section of its own",
        )
    return keys.handed_by(line)


def make_default(ctx: Context, profile: str) -> str:
    """Write into [default] of ~/.aws/config that it hands out `profile`; gives a note, or "".

    Nothing else there is changed. A crash midway leaves the old file or the new one. Raises
    CredguardError, UnknownProfile, ConfigError.
    """
    from credguard.awsfiles import files

    now_default()
    if profile == _DEFAULT:
        profiles.profile(ctx.db, profile)
    elif keys.handed_by(files.process_of(profile)) != profile:
        variables.check_line(profile)
        raise CredguardError(
            f"profile {profile} has no credential_process line of its own in ~/.aws/config",
            hint=f'use it in this shell: eval "$(credguard use {shlex.quote(profile)})"',
        )
    files.set_process(_DEFAULT, keys.command(profile))
    events.record(ctx.db, ctx.now(), "profile.made_default", profile)
    region, theirs = files.region(_DEFAULT), files.region(profile)
    if theirs and theirs != region:
        return f"[default] has {region or 'no region'}; profile {profile} has {theirs}"
    if os.environ.get("AWS_PROFILE"):
        return f"AWS_PROFILE={os.environ['AWS_PROFILE']} is set here and wins: unset AWS_PROFILE"
    return ""
