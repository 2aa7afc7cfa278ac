"""Tables ssh_key and ssh_registration: the SSH keys made here and where they are registered."""

import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SshKey:
    """One key. `path`: of the private key; `created`: Unix seconds; `fingerprint`: SHA256:..."""

    name: str
    key_type: str
    public_key: str
    fingerprint: str
    path: str
    owner: str
    created: float


@dataclass(frozen=True, slots=True)
class Registration:
    """`name` is a key pair of `account` in `region` since `registered` (Unix seconds)."""

    name: str
    account: str
    region: str
    registered: float


def keys(connection: sqlite3.Connection) -> list[SshKey]:
    """Every key, by name."""
    return [SshKey(*row) for row in connection.execute("SELECT * FROM ssh_key ORDER BY name")]


def key(connection: sqlite3.Connection, name: str) -> SshKey | None:
    """The key called `name`; None: not made here."""
    row = connection.execute("SELECT * FROM ssh_key WHERE name = ?", (name,)).fetchone()
    return None if row is None else SshKey(*row)


def add_key(connection: sqlite3.Connection, new: SshKey) -> None:
    """Remember `new`; an entry of that name stays as it is."""
    connection.execute(
        "INSERT INTO ssh_key VALUES (?,?,?,?,?,?,?) ON CONFLICT (name) DO NOTHING",
        (
            new.name,
            new.key_type,
            new.public_key,
            new.fingerprint,
            new.path,
            new.owner,
            new.created,
        ),
    )


def add_registration(connection: sqlite3.Connection, new: Registration) -> None:
    """Remember where a key is registered; a repeated one keeps its first time."""
    connection.execute(
        "INSERT INTO ssh_registration VALUES (?,?,?,?) ON CONFLICT DO NOTHING",
        (new.name, new.account, new.region, new.registered),
    )


def registrations(connection: sqlite3.Connection, name: str) -> list[Registration]:
    """Where the key called `name` is registered, by account and region."""
    rows = connection.execute(
        "SELECT * FROM ssh_registration WHERE name = ? ORDER BY account, region", (name,)
    )
    return [Registration(*row) for row in rows]
