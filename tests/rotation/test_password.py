"""The pure core of a password change: generator, age, record."""

import string

from hypothesis import given
from hypothesis import strategies as st

from credguard.rotation import password
from credguard.rotation.password import Record, State


@given(st.one_of(st.none(), st.integers(0, 200)), st.randoms(use_true_random=False))
def test_a_password_follows_every_policy(minimum: int | None, source: object) -> None:
    value = password.generate(minimum, lambda n: source.randrange(n)).reveal()  # type: ignore[attr-defined]
    assert max(32, min(minimum or 0, 128)) == len(value)
    for alphabet in (string.ascii_uppercase, string.ascii_lowercase, string.digits):
        assert set(value) & set(alphabet)
    symbols = set(value) - set(string.ascii_letters + string.digits)
    assert symbols
    assert symbols <= set("!@#$%^&*()_+-=[]{}|'")


def test_every_character_can_stand_anywhere() -> None:
    counter = iter(range(10**9))
    seen: list[set[str]] = [set() for _ in range(32)]
    for _ in range(4000):
        value = password.generate(8, lambda n: hash((next(counter), 1)) % n).reveal()
        for place, character in zip(seen, value, strict=True):
            place.add(character)
    classes = (string.ascii_uppercase, string.ascii_lowercase, string.digits)
    assert all(place & set(each) for place in seen for each in classes)


def test_due() -> None:
    assert password.due(None, 90.0, 1e9) is None
    assert password.due_at(None, 90.0) is None
    assert password.due(100.0, 90.0, 189.9) is False
    assert password.due(100.0, 90.0, 190.0) is True


@given(
    st.builds(
        Record,
        st.text(),
        st.sampled_from(State),
        st.lists(st.integers(1, 9), min_size=1).map(tuple),
        st.integers(10, 99),
        st.floats(0, 1e10),
        st.one_of(st.none(), st.integers(1, 9)),
        st.one_of(st.none(), st.integers(1, 9)),
        st.lists(st.integers(1, 9)).map(tuple),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    )
)
def test_a_record_survives_json(record: Record) -> None:
    import json

    assert password.from_json(json.loads(json.dumps(record.to_json()))) == record
