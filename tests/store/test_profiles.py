import sqlite3

import pytest

from credguard.errors import UnknownProfile
from credguard.store import db, profiles
from tests.support import samples


def key(seed: int) -> profiles.Key:
    return profiles.Key(samples.aws_key_id(seed), "aws", "1" * 12, "u", "U", 1.0, "import")


def test_a_switch_moves_every_profile_of_the_key() -> None:
    connection = db.connect()
    for name in ("a", "b"):
        profiles.add_profile(connection, name, key(1), 1, consent=True)
    profiles.add_key(connection, key(2), 1)
    assert profiles.switch(connection, key(1).key_id, key(2).key_id) == 2
    assert profiles.profile(connection, "a").key == key(2)
    assert profiles.profile(connection, "a").generation == 2


def test_a_key_in_use_is_not_forgotten() -> None:
    connection = db.connect()
    profiles.add_profile(connection, "a", key(1), 1, consent=True)
    with pytest.raises(sqlite3.IntegrityError):
        profiles.forget_key(connection, key(1).key_id)
    profiles.remove_profile(connection, "a")
    profiles.forget_key(connection, key(1).key_id)
    with pytest.raises(UnknownProfile):
        profiles.profile(connection, "a")
