from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credguard.rotation.machine import GRACE_MAX_S, next_step
from credguard.rotation.model import Action, Facts, Limits, Record, Remote, State, from_json

LIMITS = Limits(grace=100, soak=200, orphan_wait=300)
RECORD = Record("aws/1/dev", "t", State.INTENT, "old", ("old",), 1000.0, 1000.0)
BOTH = {"old": Remote(True, 0.0), "new": Remote(True, 1001.0)}
DESTRUCTIVE = {Action.DEACTIVATE, Action.DELETE_OLD, Action.FORGET_OLD}

_IDS = st.sampled_from(["old", "new", "foreign", "stray"])
_FACTS = st.builds(
    Facts,
    listed=st.dictionaries(
        _IDS, st.builds(Remote, st.booleans(), st.sampled_from([0.0, 1001.0, 5000.0]))
    ),
    known=st.frozensets(_IDS),
    pointer=st.sampled_from(["old", "new"]),
    last_used=st.dictionaries(_IDS, st.sampled_from([None, 10.0, 99999.0])),
    looks=st.integers(1, 4),
    person=st.booleans(),
)
_RECORDS = st.builds(
    Record,
    identity=st.just("i"),
    transaction=st.just("t"),
    state=st.sampled_from(State),
    old_id=st.just("old"),
    baseline=st.sampled_from([("old",), ("foreign", "old")]),
    intent_at=st.just(1000.0),
    since=st.just(1000.0),
    new_id=st.just("new"),
    stray_id=st.sampled_from([None, "stray"]),
)


@given(_RECORDS, _FACTS, st.sampled_from([0.0, 1000.0, 1e9]))
def test_the_old_key_is_touched_only_when_the_new_one_carries(
    record: Record, facts: Facts, now: float
) -> None:
    step = next_step(record, facts, LIMITS, now)
    if step.action in {Action.DEACTIVATE, Action.DELETE_OLD}:
        assert step.key_id == "old"
        assert facts.pointer == "new"
        assert "new" in facts.known
        assert facts.listed["new"].active
        assert record.state in {State.SWITCHED, State.DEACTIVATED}
    if step.action is Action.DELETE_OLD:
        assert not facts.listed["old"].active


@given(_RECORDS, _FACTS, st.sampled_from([0.0, 1000.0, 1e9]))
def test_keys_of_others_are_never_touched(record: Record, facts: Facts, now: float) -> None:
    step = next_step(record, facts, LIMITS, now)
    if step.action in {Action.DISABLE_STRAY, Action.DELETE_STRAY, Action.DELETE_NEW}:
        assert step.key_id not in record.baseline
    if step.action in {Action.DISABLE_STRAY, Action.DELETE_STRAY}:
        assert step.key_id == record.stray_id
        assert facts.listed[step.key_id].created == 1001.0
        assert facts.last_used.get(step.key_id) is None
        assert step.key_id not in facts.known


@given(_RECORDS, _FACTS, st.sampled_from([0.0, 1000.0, 1e9]))
def test_what_is_handed_out_is_never_deleted(record: Record, facts: Facts, now: float) -> None:
    step = next_step(record, facts, LIMITS, now)
    if step.action in {Action.DELETE_NEW, Action.DELETE_OLD, Action.DEACTIVATE}:
        assert step.key_id != facts.pointer


def _state(state: State, since: float = 1000.0) -> Record:
    return replace(RECORD, state=state, new_id="new", since=since)


@pytest.mark.parametrize(
    ("record", "facts", "now", "expected"),
    [
        (_state(State.CREATED), Facts(BOTH, frozenset(), "old", {}), 1002, Action.ABORT),
        (_state(State.CREATED), Facts(BOTH, frozenset({"new"}), "old", {}), 1002, Action.ADOPT),
        (_state(State.STORED), Facts(BOTH, frozenset({"new"}), "old", {}), 1002, Action.PROVE),
        (_state(State.STORED), Facts(BOTH, frozenset({"new"}), "old", {}), 99999, Action.ABORT),
        (_state(State.PROVEN), Facts(BOTH, frozenset({"new"}), "old", {}), 1002, Action.SWITCH),
        (_state(State.PROVEN), Facts(BOTH, frozenset({"new"}), "new", {}), 1002, Action.SWITCH),
        (_state(State.PROVEN), Facts(BOTH, frozenset(), "new", {}), 1002, Action.ASK),
        (_state(State.SWITCHED), Facts(BOTH, frozenset({"new"}), "new", {}), 1050, Action.WAIT),
        (
            _state(State.SWITCHED), Facts(BOTH, frozenset({"new"}), "new", {}), 1100,
            Action.DEACTIVATE,
        ),
        (_state(State.SWITCHED), Facts(BOTH, frozenset({"new"}), "old", {}), 1100, Action.ASK),
        (
            _state(State.SWITCHED), Facts(BOTH, frozenset({"new"}), "new", {"old": 5000.0}), 6000,
            Action.WAIT,
        ),
        (
            _state(State.SWITCHED), Facts(BOTH, frozenset({"new"}), "new", {"old": 5000.0}),
            1001 + GRACE_MAX_S, Action.DEACTIVATE,
        ),
        (_state(State.DELETED), Facts({}, frozenset(), "new", {}), 1002, Action.FORGET_OLD),
        (_state(State.ABORTING), Facts(BOTH, frozenset(), "old", {}), 1002, Action.DELETE_NEW),
        (
            _state(State.ABORTING), Facts({"old": BOTH["old"]}, frozenset(), "old", {}), 1002,
            Action.LIST_AGAIN,
        ),
        (
            _state(State.ABORTING), Facts({"old": BOTH["old"]}, frozenset(), "old", {}, 3), 1002,
            Action.END,
        ),
    ],
)  # fmt: skip
def test_steps(record: Record, facts: Facts, now: float, expected: Action) -> None:
    assert next_step(record, facts, LIMITS, now).action is expected


def test_soak() -> None:
    record = _state(State.DEACTIVATED)
    resting = {"old": Remote(False, 0.0), "new": Remote(True, 1001.0)}
    facts = Facts(resting, frozenset({"new"}), "new", {"old": 999.0})
    assert next_step(record, facts, LIMITS, 1100).action is Action.WAIT
    assert next_step(record, facts, LIMITS, 1200).action is Action.DELETE_OLD
    used = replace(facts, last_used={"old": 1100.0})
    assert next_step(record, used, LIMITS, 1200).action is Action.ASK
    assert next_step(record, replace(used, person=True), LIMITS, 1200).action is Action.DELETE_OLD
    woken = replace(facts, listed=BOTH)
    assert next_step(record, woken, LIMITS, 1200).action is Action.ASK


def test_an_unknown_key_made_at_another_time_is_not_ours() -> None:
    listed = {"old": Remote(True, 0.0), "x": Remote(True, 5000.0)}
    assert (
        next_step(RECORD, Facts(listed, frozenset(), "old", {}), LIMITS, 9e9).action is Action.ASK
    )
    listed = {"old": Remote(True, 0.0), "x": Remote(True, 1001.0)}
    used = Facts(listed, frozenset(), "old", {"x": 1002.0})
    assert next_step(RECORD, used, LIMITS, 9e9).action is Action.ASK


def test_the_journal_gives_the_record_back() -> None:
    record = _state(State.SWITCHED)
    assert from_json(record.to_json()) == record
    with pytest.raises(ValueError, match="nonsense"):
        from_json({**record.to_json(), "state": "nonsense"})
    with pytest.raises(TypeError):
        from_json({**record.to_json(), "colour": "red"})
