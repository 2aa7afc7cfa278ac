"""Databases of released schema versions, brought to the newest with everything in them kept."""

import hashlib
import json
import os
import sqlite3
from dataclasses import replace

import pytest

from credguard import paths
from credguard.app import upgrade
from credguard.app.context import Context
from credguard.errors import StoreError
from credguard.keypairs.machine import Record, State
from credguard.store import db, findings, hooks, profiles, ssh, watches
from tests.support import samples

# SHA-256 of each released migration with whitespace folded: one that changes after its release
# would leave two kinds of databases of the same version.
RELEASED = ("5d014e18188d5ff1c447175834b20b5d2d3ca32628401564cc454ff669d4ab46",)


def folded(script: str) -> str:
    return hashlib.sha256(" ".join(script.split()).encode()).hexdigest()


def of_version(number: int) -> sqlite3.Connection:
    """A database as the credguard of that schema version left it: WAL, autocommit."""
    paths.private_dir(paths.state_dir())
    connection = sqlite3.connect(paths.database_file(), isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    for script in db._MIGRATIONS[:number]:
        connection.executescript(script)
    connection.execute(f"PRAGMA user_version={number}")
    return connection


def fill_version_1(connection: sqlite3.Connection) -> None:
    key_id = samples.aws_key_id()
    connection.executescript(f"""
        INSERT INTO key VALUES ('{key_id}', 'aws', '111111111111', 'ada', 'U', 1.5, 'import', 2);
        INSERT INTO profile VALUES ('work', '{key_id}', 3, 1, 1, 2);
        INSERT INTO rotation VALUES ('aws/111111111111/ada', '{{"state": "grace"}}', 4);
        INSERT INTO event (at, kind, subject) VALUES (5, 'profile.stored', 'work');
        INSERT INTO secret_name VALUES ('token', 6);
        INSERT INTO watch_root VALUES ('/home/ada/src', 7);
        INSERT INTO finding VALUES ('f', '/a', 3, 'rule', 'x***', 8, 9, 'open', NULL);
        INSERT INTO hook VALUES ('--global', '/hooks', '/mine', 10);
        INSERT INTO ssh_key VALUES ('k', 'ed25519', 'pub', 'fp', '/k', 'ada', 11);
        INSERT INTO ssh_registration VALUES ('k', '111111111111', 'us-east-1', 12);
        INSERT INTO schedule VALUES ('tick', 13, 14);
    """)


def shape(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    names = [
        row[0]
        for row in connection.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'index') ORDER BY name"
        )
    ]
    return {
        name: sorted(
            tuple(row)[1:]
            for row in connection.execute("SELECT * FROM pragma_table_info(?)", [name])
        )
        for name in names
    }


def test_a_released_migration_is_not_edited() -> None:
    assert tuple(folded(script) for script in db._MIGRATIONS)[: len(RELEASED)] == RELEASED


def test_version_1_with_everything_in_it() -> None:
    old = of_version(1)
    fill_version_1(old)
    old.close()
    upgrade.check()
    upgrade.finish(Context(), lambda _: None)
    new = db.connect()
    assert new.execute("PRAGMA user_version").fetchone()[0] == len(db._MIGRATIONS)
    assert new.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert new.execute("PRAGMA foreign_key_check").fetchall() == []
    (profile,) = profiles.profiles(new)
    assert (profile.name, profile.generation, profile.consent) == ("work", 3, True)
    assert profile.key.key_id == samples.aws_key_id()
    assert new.execute("SELECT record FROM rotation").fetchone()[0] == '{"state": "grace"}'
    assert [finding.path for finding in findings.open_findings(new)] == ["/a"]
    assert watches.roots(new) == ["/home/ada/src"]
    assert [hook.previous for hook in hooks.installed(new)] == ["/mine"]
    fresh = db.connect(os.path.join(paths.state_dir(), "fresh.db"))
    assert shape(new) == shape(fresh)


@pytest.mark.parametrize("number", range(len(db._MIGRATIONS) + 1))
def test_every_version_reaches_the_newest_shape(number: int) -> None:
    of_version(number).close()
    fresh = db.connect(os.path.join(paths.state_dir(), "fresh.db"))
    assert shape(db.connect()) == shape(fresh)


def test_a_replacement_of_an_ssh_key_that_is_under_way_goes_on_in_its_account() -> None:
    number = next(n for n, script in enumerate(db._MIGRATIONS) if "ssh_rotation_of_one" in script)
    old = of_version(number)
    record = Record("k", "k-202611", "123456789012", State.DRAINING, 1.0, ("eu-west-1",))
    text = json.dumps(record.to_json())
    old.execute("INSERT INTO ssh_rotation VALUES (?,?,?)", ("k", text, 1.0))
    old.close()
    new = db.connect()
    ssh.put_rotation(new, replace(record, finish=True), 2.0)
    assert ssh.rotations(new) == [replace(record, finish=True)]


def test_ssh_keys_of_an_earlier_version_ask_nobody() -> None:
    number = next(
        n for n, script in enumerate(db._MIGRATIONS) if "ssh_key ADD COLUMN confirm" in script
    )
    old = of_version(number)
    row = ("k", "ed25519", "pub", "fp", "/k", "ada", 11.0, "file", "active")
    old.execute(f"INSERT INTO ssh_key VALUES ({','.join('?' * len(row))})", row)
    # As where it cannot be upgraded, such as on a full disk.
    old.row_factory = sqlite3.Row
    before = ssh.keys(old)
    old.close()
    new = db.connect()
    assert ssh.keys(new) == before == [ssh.SshKey(*row, confirm=False)]
    ssh.set_confirm(new, "k", confirm=True)
    assert ssh.key(new, "k") == ssh.SshKey(*row, confirm=True)


def test_a_migration_that_fails_leaves_the_old_version(monkeypatch: pytest.MonkeyPatch) -> None:
    old = of_version(1)
    fill_version_1(old)
    old.close()
    broken = (*db._MIGRATIONS, "CREATE TABLE later (a); INSERT INTO no_such_table VALUES (1)")
    with monkeypatch.context() as patch:
        patch.setattr(db, "_MIGRATIONS", (db._MIGRATIONS[0], *broken[-1:]))
        with pytest.raises(StoreError, match="no_such_table"):
            db.connect()
    assert db.check_version(paths.database_file()) == 1
    assert [p.name for p in profiles.profiles(db.connect())] == ["work"]


def test_a_newer_one_is_refused_and_says_what_to_type() -> None:
    of_version(1).close()
    with sqlite3.connect(paths.database_file()) as connection:
        connection.execute("PRAGMA user_version=999")
    connection.close()
    for use in (upgrade.check, db.connect):
        with pytest.raises(StoreError, match="newer credguard") as caught:
            use()
        assert "./install.sh" in caught.value.hint
