from dataclasses import replace

import pytest

from credguard.rotation.decisions import after_leak, exchanged, locked_out, rolled_back
from credguard.rotation.model import (
    Mode,
    State,
    from_json,
)
from tests.rotation.cases import RECORD, at


@pytest.mark.parametrize(
    ("state", "pointer", "expected"),
    [
        (State.INTENT, "old", State.INTENT),
        (State.CREATED, "old", State.ABORTING),
        (State.STORED, "old", State.ABORTING),
        (State.PROVEN, "old", State.ABORTING),
        (State.PROVEN, "new", State.REVERTING),
        (State.SWITCHED, "new", State.REVERTING),
        (State.DEACTIVATED, "new", State.REVERTING),
        (State.ABORTING, "old", State.ABORTING),
        (State.REVERTING, "new", State.REVERTING),
    ],
)
def test_the_way_back(state: State, pointer: str, expected: State) -> None:
    back = rolled_back(at(state), pointer, 5.0)
    assert back is not None
    assert back.state is expected


def test_there_is_no_way_back_from_a_deleted_key() -> None:
    assert rolled_back(at(State.DELETED), "new", 5.0) is None


def test_the_way_back_is_remembered_while_nobody_knows_what_was_made() -> None:
    back = rolled_back(RECORD, "old", 5.0)
    assert back is not None
    assert back.mode is Mode.BACK
    back = rolled_back(at(State.SWITCHED, mode=Mode.EMERGENCY), "new", 5.0)
    assert back is not None
    assert (back.mode, back.since) == (Mode.NORMAL, 5.0)
    told = replace(at(State.SWITCHED), why="grace", until=9.0)
    back = rolled_back(told, "new", 5.0)
    assert back == replace(told, state=State.REVERTING, since=5.0, why="", until=0.0)


@pytest.mark.parametrize(
    ("state", "pointer", "key_id", "expected", "mode"),
    [
        (State.INTENT, "old", "old", State.INTENT, Mode.EMERGENCY),
        (State.STORED, "old", "old", State.STORED, Mode.EMERGENCY),
        (State.SWITCHED, "new", "old", State.SWITCHED, Mode.EMERGENCY),
        (State.DEACTIVATED, "new", "old", State.DEACTIVATED, Mode.EMERGENCY),
        (State.ABORTING, "old", "old", State.STORED, Mode.EMERGENCY),
        (State.REVERTING, "new", "old", State.SWITCHED, Mode.EMERGENCY),
        (State.REVERTING, "old", "old", State.SWITCHED, Mode.CLEAR),
        (State.STORED, "old", "new", State.ABORTING, Mode.EMERGENCY),
        (State.PROVEN, "new", "new", State.REVERTING, Mode.EMERGENCY),
        (State.REVERTING, "new", "new", State.REVERTING, Mode.EMERGENCY),
        (State.SWITCHED, "new", "new", State.SWITCHED, Mode.CLEAR),
        (State.DEACTIVATED, "new", "new", State.DEACTIVATED, Mode.CLEAR),
        (State.DELETED, "new", "new", State.DELETED, Mode.CLEAR),
    ],
)
def test_a_leaked_key(state: State, pointer: str, key_id: str, expected: State, mode: Mode) -> None:
    after = after_leak(at(state), pointer, key_id, 5.0)
    assert (after.state, after.mode) == (expected, mode)
    assert exchanged(after, 6.0).mode is mode


@pytest.mark.parametrize("mode", list(Mode))
def test_who_stops_the_key_that_a_rotation_went_back_to_has_no_way_back(mode: Mode) -> None:
    after = locked_out(at(State.REVERTING, mode=mode), "old", 5.0)
    assert after == replace(
        exchanged(at(State.REVERTING), 5.0),
        mode=Mode.LOCKED_OUT,
        why="AWS does not accept old any more; it was locked out",
    )


def test_after_the_way_back_the_new_key_is_the_old_one() -> None:
    before = at(State.REVERTING)
    after = exchanged(before, 5.0)
    assert after == replace(
        before, state=State.SWITCHED, old_id="new", new_id="old", since=5.0, why="", until=0.0
    )
    assert (after.state, after.old_id, after.new_id, after.since) == (
        State.SWITCHED, "new", "old", 5.0,
    )  # fmt: skip


def test_the_journal_gives_the_record_back() -> None:
    record = at(State.SWITCHED, mode=Mode.EMERGENCY)
    assert from_json(record.to_json()) == record
    with pytest.raises(ValueError, match="nonsense"):
        from_json({**record.to_json(), "state": "nonsense"})
    with pytest.raises(TypeError):
        from_json({**record.to_json(), "colour": "red"})


@pytest.mark.parametrize(
    "change",
    [
        {"old_id": ""}, {"old_id": 5}, {"new_id": None}, {"since": -1}, {"since": "soon"},
        {"intent_at": 1e12}, {"until": -1}, {"state": "reverting", "new_id": None},
        {"baseline": [5]}, {"mode": "x"}, {"identity": None},
    ],
)  # fmt: skip
def test_a_damaged_record_is_refused(change: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        from_json({**at(State.SWITCHED).to_json(), **change})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"old_id": ""}, "an id is not a text"),
        ({"new_id": None}, "switched without a new key"),
        ({"until": -1}, "a time is not one"),
        ({"baseline": "old"}, "the baseline is not a list"),
        ({"new_id": "old"}, "the key in use is not the new one"),
        ({"stray_id": "old"}, "the key in use is not the new one"),
    ],
)
def test_a_damaged_record_is_told_by_its_damage(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        from_json({**at(State.SWITCHED).to_json(), **change})


def test_a_record_of_an_earlier_version_is_read() -> None:
    row = at(State.SWITCHED).to_json()
    for name in ("mode", "why", "until"):
        del row[name]
    assert from_json(row) == at(State.SWITCHED)
