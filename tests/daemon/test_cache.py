"""When an answer in memory may still be given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credguard.daemon.cache import Cache, Entry, World

NAME = ("/config", "work")
WORLD = World(((1, 2, 3), None, None), {"work": ("KEY", 1), "other": ("THEIRS", 1)})


def entry(**fields: object) -> Entry:
    values: dict[str, object] = {
        "body": b"it", "note": "", "made": 0.0, "expiration": 3600.0, "key_id": "KEY",
        "source_key": "KEY", "identity": "aws/1/dev", "long_term": False, "pointer": ("KEY", 1),
        "files": WORLD.files, "refresh_at": 1800.0,
    }  # fmt: skip
    return Entry(**{**values, **fields})  # type: ignore[arg-type]


def cached(**fields: object) -> Cache:
    cache = Cache()
    cache.put(NAME, entry(**fields))
    return cache


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_it_serves_while_it_lasts_long_enough(now: int, min_ttl: int) -> None:
    found = cached().get(NAME, WORLD, min_ttl, now)
    assert (found is not None) == (now < 3600 and 3600 - now >= min_ttl)


@pytest.mark.parametrize(
    "world",
    [
        World(((1, 2, 4), None, None), WORLD.pointers),
        World((None, None, None), WORLD.pointers),
        World(WORLD.files, {"work": ("NEW", 2)}),
        World(WORLD.files, {"work": ("KEY", 2)}),
        World(WORLD.files, {}),
    ],
)
def test_a_change_of_key_generation_or_settings_ends_it(world: World) -> None:
    cache = cached()
    assert cache.get(NAME, world, 0, 10) is None
    assert cache.get(NAME, WORLD, 0, 10) is None


def test_a_role_dies_with_the_key_behind_it_and_not_with_another_one() -> None:
    role = ("/config", "role")
    cache = Cache()
    cache.put(role, entry(pointer=None))
    others = {"work": ("KEY", 1), "other": ("REPLACED", 2)}
    assert cache.get(role, World(WORLD.files, others), 0, 10) is not None
    switched = {"work": ("NEW", 2), "other": ("THEIRS", 1)}
    assert cache.get(role, World(WORLD.files, switched), 0, 10) is None


def test_dropping_by_identity_all_and_long_term_only() -> None:
    for identity, left in (("aws/1/dev", 0), ("aws/1/else", 1), ("", 0)):
        cache = cached()
        cache.drop(identity)
        assert len(cache.shown()) == left
    for long_term in (True, False):
        cache = cached(long_term=long_term)
        cache.drop_long_term()
        assert len(cache.shown()) == (not long_term)


def test_what_is_over_is_purged() -> None:
    cache = cached()
    assert cache.purge(3599) == 3600
    assert cache.purge(3600) is None
    assert cache.shown() == []


def test_a_refresh_ahead_is_postponed_or_given_up() -> None:
    cache = cached()
    cache.postpone(NAME, 2000, for_good=False)
    found = cache.get(NAME, WORLD, 0, 2000)
    assert found is not None
    assert found.refresh_at == 2060
    cache.postpone(NAME, 2000, for_good=True)
    found = cache.get(NAME, WORLD, 0, 2000)
    assert found is not None
    assert found.refresh_at is None
