"""Tables of SSH keys made here, where they are registered, and what is under way with them.

ssh_key, ssh_registration; ssh_rotation and ssh_revocation are journals, records as JSON.
"""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from credguard.errors import StoreError
from credguard.keypairs import machine, revocation

FILE, VAULT = "file", "vault"
# `making`: its name is taken, its private half may not be stored yet. `draining`: another takes
# over. `replaced`: another has. `revoked`: its private half is gone.
MAKING, ACTIVE, DRAINING, REPLACED, REVOKED = "making", "active", "draining", "replaced", "revoked"


@dataclass(frozen=True, slots=True)
class SshKey:
    """One key. `path`: of the private key, "" when only the vault holds it.

    `created`: Unix seconds; `fingerprint`: SHA256:... `confirm`: an agent asks before each use.
    """

    name: str
    key_type: str
    public_key: str
    fingerprint: str
    path: str
    owner: str
    created: float
    held: str = FILE
    state: str = ACTIVE
    confirm: bool = False


@dataclass(frozen=True, slots=True)
class Registration:
    """`name` is a key pair of `account` in `region` since `registered` (Unix seconds)."""

    name: str
    account: str
    region: str
    registered: float


def keys(connection: sqlite3.Connection) -> list[SshKey]:
    """Every key, by name."""
    return [_key(row) for row in connection.execute("SELECT * FROM ssh_key ORDER BY name")]


def _key(row: sqlite3.Row) -> SshKey:
    # A database that cannot be written stays of an earlier version, without the last.
    return SshKey(*row[:9], *map(bool, row[9:]))


def in_use(connection: sqlite3.Connection) -> list[SshKey]:
    """Those that are wanted as they are, or until another has taken over; by name."""
    return [each for each in keys(connection) if each.state in (ACTIVE, DRAINING)]


def key(connection: sqlite3.Connection, name: str) -> SshKey | None:
    """The key called `name`; None: not made here."""
    row = connection.execute("SELECT * FROM ssh_key WHERE name = ?", (name,)).fetchone()
    return None if row is None else _key(row)


def add_key(connection: sqlite3.Connection, new: SshKey) -> None:
    """Remember `new`; only one still `making` is replaced by it."""
    connection.execute(
        "INSERT INTO ssh_key VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (name) DO UPDATE SET"
        " key_type = excluded.key_type, public_key = excluded.public_key,"
        " fingerprint = excluded.fingerprint, path = excluded.path, created = excluded.created,"
        " held = excluded.held, state = excluded.state WHERE state = 'making'",
        (
            new.name,
            new.key_type,
            new.public_key,
            new.fingerprint,
            new.path,
            new.owner,
            new.created,
            new.held,
            new.state,
            new.confirm,
        ),
    )


def set_state(connection: sqlite3.Connection, name: str, state: str) -> None:
    """What became of the key."""
    connection.execute("UPDATE ssh_key SET state = ? WHERE name = ?", (state, name))


def set_confirm(connection: sqlite3.Connection, name: str, *, confirm: bool) -> None:
    """Whether an agent is to ask before each use of the key."""
    connection.execute("UPDATE ssh_key SET confirm = ? WHERE name = ?", (confirm, name))


def add_registration(connection: sqlite3.Connection, new: Registration) -> None:
    """Remember where a key is registered; a repeated one keeps its first time."""
    connection.execute(
        "INSERT INTO ssh_registration VALUES (?,?,?,?) ON CONFLICT DO NOTHING",
        (new.name, new.account, new.region, new.registered),
    )


def remove_registration(
    connection: sqlite3.Connection, name: str, account: str, region: str
) -> None:
    """The pair is gone there."""
    connection.execute(
        "DELETE FROM ssh_registration WHERE name = ? AND account = ? AND region = ?",
        (name, account, region),
    )


def registrations(connection: sqlite3.Connection, name: str) -> list[Registration]:
    """Where the key called `name` is registered, by account and region."""
    rows = connection.execute(
        "SELECT * FROM ssh_registration WHERE name = ? ORDER BY account, region", (name,)
    )
    return [Registration(*row) for row in rows]


def rotations(connection: sqlite3.Connection) -> list[machine.Record]:
    """Every replacement under way, one an account. Raises StoreError: one cannot be read."""
    rows = connection.execute("SELECT record FROM ssh_rotation ORDER BY old, account")
    return [_read(row["record"], machine.from_json, "SSH keys' replacement") for row in rows]


def put_rotation(connection: sqlite3.Connection, record: machine.Record, now: float) -> None:
    """Journal `record`."""
    connection.execute(
        "INSERT OR REPLACE INTO ssh_rotation VALUES (?,?,?,?)",
        (record.old, record.account, json.dumps(record.to_json()), now),
    )


def end_rotation(connection: sqlite3.Connection, record: machine.Record) -> None:
    """It is over in its account."""
    connection.execute(
        "DELETE FROM ssh_rotation WHERE old = ? AND account = ?", (record.old, record.account)
    )


def revocations(connection: sqlite3.Connection) -> list[revocation.Record]:
    """Every revocation, oldest first. Raises StoreError for one that cannot be read."""
    rows = connection.execute("SELECT record FROM ssh_revocation ORDER BY rowid")
    return [_read(row["record"], revocation.from_json, "SSH keys' revocation") for row in rows]


def put_revocation(
    connection: sqlite3.Connection, fingerprint: str, record: revocation.Record, now: float
) -> None:
    """Journal `record`, of the key with that fingerprint."""
    connection.execute(
        "INSERT INTO ssh_revocation VALUES (?,?,?) ON CONFLICT (fingerprint) DO UPDATE SET"
        " record = excluded.record, updated = excluded.updated",
        (fingerprint, json.dumps(record.to_json()), now),
    )


def _read(text: str, made: Any, what: str) -> Any:
    try:
        return made(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise StoreError(
            f"the journal of the {what} cannot be read",
            hint="the keys are as they were; look at the state: credguard doctor",
        ) from None
