"""Tables key and profile: which access key each profile hands out. The pointer lives here."""

import sqlite3
from dataclasses import dataclass

from credguard.errors import UnknownProfile
from credguard.store.db import transaction


@dataclass(frozen=True, slots=True)
class Key:
    """One IAM access key whose secret is in the vault. `created`: Unix seconds; None: not known."""

    key_id: str
    partition: str
    account: str
    user_name: str
    user_id: str
    created: float | None
    origin: str

    @property
    def identity(self) -> str:
        """partition/account/user_name: what a rotation belongs to."""
        return f"{self.partition}/{self.account}/{self.user_name}"


@dataclass(frozen=True, slots=True)
class Profile:
    """A name as in ~/.aws/config and the key it hands out now."""

    name: str
    key: Key
    generation: int
    consent: bool
    used_elsewhere: bool


_SELECT = """
    SELECT p.name, p.generation, p.consent, p.used_elsewhere, k.*
    FROM profile p JOIN key k USING (key_id)
"""


def _key(row: sqlite3.Row) -> Key:
    return Key(
        row["key_id"],
        row["partition"],
        row["account"],
        row["user_name"],
        row["user_id"],
        row["created"],
        row["origin"],
    )


def _profile(row: sqlite3.Row) -> Profile:
    return Profile(
        row["name"],
        _key(row),
        row["generation"],
        bool(row["consent"]),
        bool(row["used_elsewhere"]),
    )


def profiles(connection: sqlite3.Connection) -> list[Profile]:
    """Every profile, by name."""
    return [_profile(row) for row in connection.execute(_SELECT + " ORDER BY p.name")]


def profile(connection: sqlite3.Connection, name: str) -> Profile:
    """The profile called `name`. Raises UnknownProfile."""
    row = connection.execute(_SELECT + " WHERE p.name = ?", (name,)).fetchone()
    if row is None:
        raise UnknownProfile(f"no profile {name!r} in the vault")
    return _profile(row)


def keys(connection: sqlite3.Connection) -> list[Key]:
    """Every key that the vault holds a secret for, oldest entry first."""
    return [_key(row) for row in connection.execute("SELECT * FROM key ORDER BY added, key_id")]


def added(connection: sqlite3.Connection) -> dict[str, float]:
    """Key id -> when the key was remembered here, Unix seconds."""
    return {row["key_id"]: row["added"] for row in connection.execute("SELECT * FROM key")}


def newest(connection: sqlite3.Connection) -> float | None:
    """When the last key was remembered, Unix seconds; None: there is none."""
    found: float | None = connection.execute("SELECT max(added) FROM key").fetchone()[0]
    return found


def add_key(connection: sqlite3.Connection, key: Key, now: float) -> None:
    """Remember `key`; safe to repeat."""
    connection.execute(
        "INSERT INTO key VALUES (?,?,?,?,?,?,?,?) ON CONFLICT (key_id) DO UPDATE SET"
        " partition=excluded.partition, account=excluded.account, user_name=excluded.user_name,"
        " user_id=excluded.user_id, created=excluded.created",
        (
            key.key_id,
            key.partition,
            key.account,
            key.user_name,
            key.user_id,
            key.created,
            key.origin,
            now,
        ),
    )


def forget_key(connection: sqlite3.Connection, key_id: str) -> None:
    """Drop `key_id` from the index; no profile may point at it (sqlite3.IntegrityError)."""
    connection.execute("DELETE FROM key WHERE key_id = ?", (key_id,))
    connection.execute("DELETE FROM session_end WHERE key_id = ?", (key_id,))


def set_created(connection: sqlite3.Connection, key_id: str, created: float) -> None:
    """Remember IAM's creation time of `key_id`, Unix seconds."""
    connection.execute("UPDATE key SET created = ? WHERE key_id = ?", (created, key_id))


def rename_user(connection: sqlite3.Connection, old: Key, user_name: str) -> None:
    """The IAM user of `old` is called `user_name` now: its keys say so. In a transaction."""
    connection.execute(
        "UPDATE key SET user_name = ?"
        " WHERE partition = ? AND account = ? AND user_name = ? AND user_id = ?",
        (user_name, old.partition, old.account, old.user_name, old.user_id),
    )


def set_elsewhere(connection: sqlite3.Connection, key_id: str, elsewhere: bool) -> None:
    """Whether the key that these profiles hand out is used on other machines too."""
    connection.execute(
        "UPDATE profile SET used_elsewhere = ? WHERE key_id = ?", (int(elsewhere), key_id)
    )


def add_profile(
    connection: sqlite3.Connection,
    name: str,
    key: Key,
    now: float,
    *,
    consent: bool,
    used_elsewhere: bool = False,
) -> None:
    """Point `name` at `key`, both remembered together; replaces an earlier pointer."""
    with transaction(connection):
        add_key(connection, key, now)
        connection.execute(
            "INSERT INTO profile VALUES (?,?,1,?,?,?) ON CONFLICT (name) DO UPDATE SET"
            " key_id=excluded.key_id, generation=generation+1, consent=excluded.consent,"
            " used_elsewhere=excluded.used_elsewhere",
            (name, key.key_id, int(consent), int(used_elsewhere), now),
        )


def remove_profile(connection: sqlite3.Connection, name: str) -> None:
    """Forget the profile `name`; its key stays in the index. Absent is not an error."""
    connection.execute("DELETE FROM profile WHERE name = ?", (name,))


def set_consent(connection: sqlite3.Connection, name: str, consent: bool = True) -> None:
    """A person agreed that `name`'s key is rotated, unattended too; or no more."""
    connection.execute("UPDATE profile SET consent = ? WHERE name = ?", (int(consent), name))


def user_ids(connection: sqlite3.Connection, identity: str) -> set[str]:
    """IAM's unique ids of the user: more than one where a name was given to another user."""
    return {key.user_id for key in keys(connection) if key.identity == identity}


def switch(connection: sqlite3.Connection, old_id: str, new_id: str) -> int:
    """Point every profile of key `old_id` at `new_id`; the number of profiles. One statement."""
    cursor = connection.execute(
        "UPDATE profile SET key_id = ?, generation = generation + 1 WHERE key_id = ?",
        (new_id, old_id),
    )
    return cursor.rowcount
