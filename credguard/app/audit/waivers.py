"""The file of waivers: what a person accepts, why, and until when."""

import os
import tomllib
from datetime import UTC, date, datetime, timedelta

import msgspec

from credguard import paths
from credguard.app.context import Context
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
        found = msgspec.convert(tomllib.loads(content(path, _LARGEST).decode()), _File)
    except FileNotFoundError:
        if ctx.config.audit.waivers:
            raise ConfigError(
                f"there is no file {path}", hint="see: credguard config get audit.waivers"
            ) from None
        return []
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}", hint="see: credguard config get audit.waivers"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
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
    end = (last + timedelta(days=1)).timestamp()
    return Waiver(entry.check, entry.resource, entry.reason.strip(), end, entry.until.isoformat())
