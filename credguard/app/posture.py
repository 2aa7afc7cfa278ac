"""Use case: what this machine's credguard looks after, as a record for a team, without a secret.

Only credguard's own state is read: no vault is opened, nobody is asked. The record is sent with
s3:PutObject alone, each time under a new name below a prefix of the IAM user's own; nothing that
was told before is written over.
"""

import getpass
import os
import platform
import socket
from datetime import UTC, datetime

from credguard import __version__
from credguard import config as settings
from credguard.app import hookstates, password, sessions, status
from credguard.app.context import Context
from credguard.app.mfa import Ask, Codes
from credguard.app.periodic import Note
from credguard.errors import ConfigError, CredguardError
from credguard.report.posture import Hooks, Key, Posture, Ssh, masked, to_json
from credguard.report.text import printable
from credguard.secret import Secret
from credguard.store import audits, findings, hooks, leaks, problems, profiles, ssh

UNKNOWN = "UNKNOWN"
_DAY_S = 86400.0
_NAMES = {hooks.GLOBAL: "every repository", hooks.TEMPLATE: "every new clone"}
# What an S3 key may hold without trouble: S3 User Guide, "Naming Amazon S3 objects".
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!-_.*'()@+=,")


def posture(ctx: Context) -> Posture:
    """The record of this machine, now. What cannot be read is in its `unknown`, never left out."""
    unknown: list[str] = []
    try:
        config = ctx.config
        vault = config.vault.backend
    except ConfigError as error:
        unknown.append(f"settings: {error}")
        config, vault = settings.Config(), UNKNOWN
    made = Posture(
        __version__, ctx.now(), printable(_user()), printable(socket.gethostname()),
        f"{platform.system()} {platform.machine()}", vault, status.daemon_state(),
    )  # fmt: skip
    try:
        return _with_store(ctx, made, settings.seconds(config.rotation.max_age), unknown)
    except CredguardError as error:
        unknown.append(f"state: {error}")
    return _replaced(made, unknown=tuple(unknown))


def _replaced(made: Posture, **more: object) -> Posture:
    import msgspec

    return msgspec.structs.replace(made, **more)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return UNKNOWN


def _with_store(ctx: Context, made: Posture, max_age: float, unknown: list[str]) -> Posture:
    now = made.at
    audit = audits.newest(ctx.db)
    try:
        passwords_due = len(password.due(ctx))
    except ConfigError:
        passwords_due = 0  # `unknown` says that the settings cannot be read
    open_leaks = [each for each in leaks.all_(ctx.db) if each.state != leaks.ANSWERED]
    return _replaced(
        made,
        keys=tuple(_key(each, max_age, now) for each in profiles.profiles(ctx.db)),
        hooks=tuple(_hooks(ctx)),
        ssh=tuple(_ssh(ctx, each, now) for each in ssh.in_use(ctx.db)),
        passwords_due=passwords_due,
        open_findings=len(findings.open_findings(ctx.db)),
        leaks=len(open_leaks),
        problems=len(problems.present(ctx.db)),
        last_audit=None if audit is None else audit.at,
        last_audit_failed=None if audit is None else audit.failed,
        unknown=tuple(unknown),
    )


def _key(each: profiles.Profile, max_age: float, now: float) -> Key:
    key, created = each.key, each.key.created
    return Key(
        each.name, key.account, key.user_name, masked(key.key_id), created,
        None if created is None else (now - created) / _DAY_S,
        None if created is None else (created + max_age - now) / _DAY_S,
    )  # fmt: skip


def _hooks(ctx: Context) -> list[Hooks]:
    """By name, not by path: paths tell more of a person's disk than a team needs."""
    # A repository that is gone took its hooks along.
    return [
        Hooks(_NAMES.get(where) or printable(os.path.basename(where)), state)
        for where, state in hookstates.states(ctx)
        if state != "gone"
    ]


def _ssh(ctx: Context, each: ssh.SshKey, now: float) -> Ssh:
    regions = {(r.account, r.region) for r in ssh.registrations(ctx.db, each.name)}
    return Ssh(
        each.name, each.key_type, each.fingerprint, each.created, (now - each.created) / _DAY_S,
        len(regions),
    )  # fmt: skip


def upload(ctx: Context, *, code: Secret | None = None, ask: Ask | None = None) -> str:
    """Write the record to S3 as a new object; gives its place. Needs s3:PutObject there.

    PREFIX/IAM-USER/MACHINE/TIME.json. Raises ConfigError: no place is set; UnknownProfile,
    VaultError, NeedsCode, AwsError: nothing was written, or it is not known.
    """
    from credguard.app.audit.run import profile_named
    from credguard.aws import objects, sts

    found = settings.S3_PLACE.match(ctx.config.posture.s3)
    if found is None:
        raise ConfigError(
            "no place for the posture record is set",
            hint="set one: credguard config set posture.s3 s3://BUCKET/PREFIX",
        )
    bucket, prefix = found[1], (found[2] or "").strip("/")
    name = profile_named(ctx, ctx.config.posture.profile)
    handed = sessions.obtain(ctx, name, Codes(ctx, [name], given=code, ask=ask))
    identity = sts.caller_identity(handed.credentials)
    made = posture(ctx)
    who = identity.user_name or identity.arn.rpartition(":")[2]
    when = datetime.fromtimestamp(made.at, UTC).strftime("%Y%m%dT%H%M%SZ")
    parts = [prefix] if prefix else []
    key = "/".join([*parts, _safe(who), _safe(made.host), f"{when}.json"])
    objects.put_new(handed.credentials, bucket, key, to_json(made).encode(), "application/json")
    return f"s3://{bucket}/{key}"


def send(ctx: Context) -> list[Note]:
    """The periodic job: write the record where a place is set; raises as upload."""
    if ctx.config.posture.s3:
        upload(ctx)
    return []


def _safe(text: str) -> str:
    """`text` as one step of an S3 key; a name of dots alone would climb when it is synced."""
    made = "".join(each if each in _SAFE else "-" for each in text)[:128]
    return made if made.strip(".") else "-"
