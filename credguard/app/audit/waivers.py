"""The file of waivers: what a person accepts, why, and until when."""

import os
import tomllib
from datetime import UTC, date, datetime, timedelta

import msgspec

from credguard import paths
from credguard.app.context import Context
from credguard.atomic import locked, open_mode, write_private
from credguard.audit.model import Waiver
from credguard.audit.table import BY_ID
from credguard.errors import ConfigError
from credguard.reading import content

_LARGEST = 1 << 20
EXAMPLE = (
    'write such entries: [[waiver]] check = "s3-bucket-public", resource = "arn:aws:s3:::www",'
    ' reason = "the public website", until = 2027-06-30'
)


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    check: str
    reason: str
    until: date
    resource: str = "*"


class _File(msgspec.Struct, forbid_unknown_fields=True):
    waiver: list[_Entry] = []


def file(ctx: Context) -> str:
    """Where the waivers stand."""
    given = ctx.config.audit.waivers
    return os.path.expanduser(given) or os.path.join(paths.config_dir(), "audit-waivers.toml")


def load(ctx: Context) -> list[Waiver]:
    """Every waiver, expired ones too; none where there is no file. Raises ConfigError.

    One holds to the end of its day, UTC.
    """
    path = file(ctx)
    try:
        return _parsed(_read(path), path)
    except FileNotFoundError:
        if ctx.config.audit.waivers:
            raise ConfigError(
                f"there is no file {path}", hint="see: credguard config get audit.waivers"
            ) from None
        return []


def add(ctx: Context, check: str, resource: str, reason: str, until: date) -> str:
    """Write one more waiver; gives the file. What stands in it stays as it is, comments too.

    Raises ConfigError: the check is none, the reason says nothing, something is not UTF-8, the day
    is over, or the file is not one of waivers. Raises Busy: another credguard writes it for long.
    """
    if until < datetime.fromtimestamp(ctx.now(), UTC).date():
        raise ConfigError(f"{until} is over", hint="name a day to come: --until")
    path = os.path.realpath(file(ctx))
    paths.private_dir(paths.state_dir())
    with locked(paths.lock_file("waivers"), busy="another credguard writes the waivers"):
        _append(path, {"check": check, "resource": resource, "reason": reason, "until": until})
    return path


def _append(path: str, entry: dict[str, object]) -> None:
    import tomlkit  # only here: reading takes tomllib

    try:
        before = _read(path)
    except FileNotFoundError:
        before = ""
    after = f"{before.rstrip()}\n\n{tomlkit.dumps({'waiver': [entry]})}".lstrip()
    try:
        data = after.encode()
    except UnicodeEncodeError:
        raise ConfigError(
            "the resource and the reason must be UTF-8", hint="write them in other letters"
        ) from None
    _parsed(after, path)
    try:
        paths.private_dir(paths.config_dir())
        write_private(path, data, open_mode(path) if before else 0o600)
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror}", hint="make room, or see its mode"
        ) from error


def _read(path: str) -> str:
    try:
        return content(path, _LARGEST).decode()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}", hint="see: credguard config get audit.waivers"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: {error}", hint=EXAMPLE) from None


def _parsed(text: str, path: str) -> list[Waiver]:
    try:
        found = msgspec.convert(tomllib.loads(text), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: {error}", hint=EXAMPLE) from None
    return [_waiver(each, path) for each in found.waiver]


def _waiver(entry: _Entry, path: str) -> Waiver:
    if entry.check not in BY_ID:
        raise ConfigError(
            f"{path}: there is no check {entry.check!r}", hint="see: credguard audit --list"
        )
    if not entry.reason.strip():
        raise ConfigError(f"{path}: the waiver of {entry.check} gives no reason", hint=EXAMPLE)
    last = datetime(entry.until.year, entry.until.month, entry.until.day, tzinfo=UTC)
    # Added to the number: there is no day after the last one of the calendar.
    end = last.timestamp() + timedelta(days=1).total_seconds()
    return Waiver(entry.check, entry.resource, entry.reason.strip(), end, entry.until.isoformat())
