from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from credguard.rotation.machine import (
    HANDOVER_S,
    next_step,
)
from credguard.rotation.model import (
    NEVER,
    UNKNOWN_USE,
    Action,
    Facts,
    Mode,
    Record,
    Remote,
    State,
    Use,
)
from tests.rotation.cases import LIMITS, PATIENT

_IDS = st.sampled_from(["old", "new", "foreign", "stray"])
_USES = st.sampled_from([NEVER, UNKNOWN_USE, Use(10.0, "s3", "r"), Use(99999.0, "s3", "r")])
_LISTS = st.dictionaries(
    _IDS, st.builds(Remote, st.booleans(), st.sampled_from([0.0, 1001.0, 5000.0]))
)
_FACTS = st.builds(
    Facts,
    known=st.frozensets(_IDS),
    pointer=st.sampled_from(["old", "new"]),
    listed=st.none() | _LISTS,
    used=st.none() | st.dictionaries(_IDS, _USES),
    rejected=st.frozensets(st.sampled_from(["old", "new"])),
    skew=st.sampled_from([None, 0.0, 86400.0, -86400.0]),
    own_use_until=st.sampled_from([0.0, 5000.0]),
    sessions_until=st.sampled_from([0.0, 6000.0]),
    elsewhere=st.booleans(),
    proved=st.sampled_from(["", "old", "new"]),
    failed=st.sampled_from(["", "old", "new"]),
    bad_secret=st.booleans(),
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
    mode=st.sampled_from(Mode),
)
_NOW = st.sampled_from([0.0, 1000.0, 1e9])


@given(_RECORDS, _FACTS, _NOW)
def test_the_old_key_is_touched_only_when_the_new_one_carries(
    record: Record, facts: Facts, now: float
) -> None:
    step = next_step(record, facts, LIMITS, now)
    if step.action in {Action.DEACTIVATE, Action.DELETE_OLD}:
        assert step.key_id == "old"
        assert facts.pointer == "new"
        assert "new" in facts.known
        assert "new" not in facts.rejected
        assert facts.listed is not None
        assert facts.listed["new"].active
        assert record.state in {State.SWITCHED, State.DEACTIVATED}
        assert not facts.skew
    if step.action is Action.DELETE_OLD:
        assert facts.listed is not None
        assert not facts.listed["old"].active
        assert now >= record.since + (200 if record.mode in PATIENT else 0)


@given(_RECORDS, _FACTS, _NOW)
def test_unattended_a_key_in_use_elsewhere_stays(record: Record, facts: Facts, now: float) -> None:
    facts = replace(facts, person=False)
    step = next_step(record, facts, LIMITS, now)
    if step.action is not Action.DEACTIVATE or record.mode not in PATIENT:
        return
    if facts.listed is None or not facts.listed["old"].active:
        return  # it was deactivated before
    use = (facts.used or {}).get("old", UNKNOWN_USE)
    assert use.known
    assert not facts.elsewhere
    assert use.at is None or use.at <= max(record.since, facts.own_use_until) + HANDOVER_S


@given(_RECORDS, _FACTS, _NOW)
def test_keys_of_others_are_never_touched(record: Record, facts: Facts, now: float) -> None:
    step = next_step(record, facts, LIMITS, now)
    if step.action in {Action.DISABLE_STRAY, Action.DELETE_STRAY, Action.DELETE_NEW}:
        assert step.key_id not in record.baseline
        assert facts.listed is not None
    if step.action in {Action.DISABLE_STRAY, Action.DELETE_STRAY}:
        assert step.key_id == record.stray_id
        assert facts.listed is not None
        assert facts.listed[step.key_id].created == 1001.0
        assert (facts.used or {})[step.key_id] == NEVER
        assert step.key_id not in facts.known


@given(_RECORDS, _FACTS, _NOW)
def test_what_is_handed_out_is_never_stopped(record: Record, facts: Facts, now: float) -> None:
    step = next_step(record, facts, LIMITS, now)
    if step.action in {Action.DELETE_NEW, Action.DELETE_OLD, Action.DEACTIVATE}:
        assert step.key_id != facts.pointer


@given(_RECORDS, _FACTS, _NOW)
def test_a_switch_follows_a_proof_of_this_run(record: Record, facts: Facts, now: float) -> None:
    step = next_step(record, facts, LIMITS, now)
    if step.action in {Action.SWITCH, Action.SWITCH_BACK}:
        assert step.key_id == facts.proved


@given(_RECORDS, _FACTS, _NOW)
def test_a_question_says_why_and_a_wait_until_when(
    record: Record, facts: Facts, now: float
) -> None:
    step = next_step(record, facts, LIMITS, now)
    if step.action is Action.ASK:
        assert step.why
    if step.action is Action.WAIT:
        assert step.why
        assert step.until >= now
