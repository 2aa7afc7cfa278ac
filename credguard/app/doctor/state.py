"""Checks of credguard's own state: settings, database, journal, problems."""

import sqlite3
from dataclasses import dataclass

from credguard import config as settings
from credguard import paths
from credguard.app.context import Context
from credguard.app.doctor.model import Check, fail, ok, warn
from credguard.app.rotate import record_of
from credguard.app.rotate_status import KeyState, statuses
from credguard.errors import ConfigError, CredguardError, StoreError
from credguard.store import db, journal, profiles
from credguard.store import problems as table

_BROKEN = "the state database cannot be used, see state database under State"


def there() -> bool:
    """Whether there is a state database; a look does not make one."""
    return db.there()


def store(ctx: Context) -> sqlite3.Connection:
    """The database. Raises CredguardError pointing at the check that says what ails it."""
    try:
        return ctx.db
    except StoreError as error:
        raise CredguardError(_BROKEN, hint="") from error


def settings_of(ctx: Context) -> settings.Config:
    """The settings. Raises CredguardError pointing at the check that says what ails them."""
    try:
        return ctx.config
    except ConfigError as error:
        what = "the settings cannot be read, see config.toml under State"
        raise CredguardError(what, hint="") from error


def config_facts(_ctx: Context) -> ConfigError | None:
    """What is wrong with config.toml; None: nothing, or no such file."""
    try:
        settings.load()
    except ConfigError as error:
        return error
    return None


def config(error: ConfigError | None) -> list[Check]:
    """Whether the settings can be read."""
    if error is not None:
        return [fail(str(error), f"{error.hint}\nin {paths.config_file()}")]
    return [ok(f"{paths.config_file()} is valid")]


@dataclass(frozen=True, slots=True)
class Database:
    """`error`: why it cannot be used; `damage`: SQLite's own finding, empty: none."""

    present: bool
    error: StoreError | None = None
    damage: str = ""


def database_facts(ctx: Context) -> Database:
    """Opens it and has SQLite look it over (PRAGMA quick_check)."""
    if not there():
        return Database(present=False)
    try:
        db.check_version(paths.database_file())
        found = ctx.db.execute("PRAGMA quick_check(1)").fetchone()[0]
    except StoreError as error:
        return Database(present=True, error=error)
    return Database(present=True, damage="" if found == "ok" else "it is damaged")


def database(facts: Database) -> list[Check]:
    """Whether the state database is whole and of a known version."""
    if facts.error is not None:
        return [fail(str(facts.error), facts.error.hint)]
    if facts.damage:
        fix = "make it anew from what can still be read: credguard vault recover"
        return [fail(f"the state database {paths.database_file()}: {facts.damage}", fix)]
    return [ok("whole" if facts.present else "none yet")]


@dataclass(frozen=True, slots=True)
class Journals:
    """`damaged`: errors of records that cannot be read; `asking`: keys that wait for a person."""

    damaged: list[StoreError]
    asking: list[KeyState]
    without_consent: list[str]


def rotation_facts(ctx: Context) -> Journals | None:
    """Every rotation on the way; None: no database."""
    if not there():
        return None
    settings_of(ctx)
    connection = store(ctx)
    damaged = []
    for identity in journal.identities(connection):
        try:
            record_of(ctx, identity)
        except StoreError as error:
            damaged.append(error)
    waiting = [each for each in statuses(ctx) if each.why and each.state != "UNKNOWN"]
    return Journals(
        damaged, waiting, [each.name for each in profiles.profiles(connection) if not each.consent]
    )


def rotations(facts: Journals | None) -> list[Check]:
    """Whether the journal can be read and no rotation waits for a person."""
    if facts is None:
        return []
    found = [fail(str(each), each.hint) for each in facts.damaged]
    for each in facts.asking:
        said = f"{each.identity}: the rotation of {each.key_id} waits: {each.why}"
        found.append(fail(said, "run: credguard rotate --status"))
    return found or [ok("none is damaged, and none waits for you")]


def consent(facts: Journals | None) -> list[Check]:
    """Whether every key may be replaced without asking."""
    if facts is None:
        return []
    if facts.without_consent:
        names = facts.without_consent
        said = f"nobody agreed yet to replacing the keys of {', '.join(names)}"
        return [warn(said, "agree to monthly rotation once: credguard rotate --all --yes")]
    return [ok("every key is replaced by itself")]


def problem_facts(ctx: Context) -> list[table.Problem]:
    """What the service found and nobody mended since."""
    return table.present(store(ctx)) if there() else []


def problems(found: list[table.Problem]) -> list[Check]:
    """The problems that the background service has noted."""
    if not found:
        return [ok("none noted")]
    return [
        fail(f"{each.subject}: {each.what}", each.hint or "run: credguard status") for each in found
    ]
