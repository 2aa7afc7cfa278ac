import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credguard.rotation.machine import (
    HANDOVER_S,
    MAX_SKEW_S,
    PROVE_BUDGET_S,
    after_leak,
    exchanged,
    next_step,
    rolled_back,
)
from credguard.rotation.model import (
    NEVER,
    UNKNOWN_USE,
    Action,
    Facts,
    Limits,
    Mode,
    Record,
    Remote,
    State,
    Use,
    from_json,
)

LIMITS = Limits(grace=100, soak=200, orphan_wait=300)
RECORD = Record("aws/1/dev", "t", State.INTENT, "old", ("old",), 1000.0, 1000.0)
OLD_KEY, NEW_KEY = Remote(True, 0.0), Remote(True, 1001.0)
BOTH = {"old": OLD_KEY, "new": NEW_KEY}
RESTING = {"old": Remote(False, 0.0), "new": NEW_KEY}
HELD = frozenset({"old", "new"})

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
        assert now >= record.since + (200 if record.mode is Mode.NORMAL else 0)


@given(_RECORDS, _FACTS, _NOW)
def test_unattended_a_key_in_use_elsewhere_stays(record: Record, facts: Facts, now: float) -> None:
    facts = replace(facts, person=False)
    step = next_step(record, facts, LIMITS, now)
    if step.action is not Action.DEACTIVATE or record.mode is not Mode.NORMAL:
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


def at(state: State, since: float = 1000.0, mode: Mode = Mode.NORMAL) -> Record:
    return replace(RECORD, state=state, new_id="new", since=since, mode=mode)


def facts(pointer: str = "new", **more: object) -> Facts:
    return replace(Facts(HELD, pointer), **more)  # type: ignore[arg-type]


def seen(
    listed: dict[str, Remote], use: Use = NEVER, pointer: str = "new", **more: object
) -> Facts:
    return facts(pointer, listed=listed, used={"old": use}, **more)


LATE = 1001 + PROVE_BUDGET_S
DEAD_NEW = {"old": OLD_KEY}
GONE = frozenset({"old"})


CASES = [
    (at(State.CREATED), replace(facts("old"), known=frozenset()), 1002, Action.ABORT),
    (at(State.CREATED), facts("old"), 1002, Action.ADOPT),
    (at(State.STORED), facts("old"), 1002, Action.PROVE),
    (at(State.STORED), facts("old"), LATE, Action.PROVE),
    (at(State.STORED), facts("old", failed="new"), 1002, Action.WAIT),
    (at(State.STORED), facts("old", failed="new"), LATE - 1, Action.WAIT),
    (at(State.STORED, since=LATE), facts("old", failed="new"), 1002, Action.WAIT),
    (at(State.STORED, since=LATE + 9), facts("old", failed="new"), 1002, Action.ABORT),
    (at(State.STORED), facts("old", failed="new"), LATE, Action.ABORT),
    (at(State.STORED), facts("old", failed="new", bad_secret=True), 1002, Action.ABORT),
    (at(State.STORED), facts("new", failed="new"), 1002, Action.REVERT),
    (at(State.PROVEN), facts("old"), 1002, Action.PROVE),
    (at(State.PROVEN), facts("old", proved="new"), 1002, Action.SWITCH),
    (at(State.PROVEN), facts("new", proved="new"), 1002, Action.SWITCH),
    (at(State.PROVEN), replace(facts("old"), known=frozenset({"old"})), 1002, Action.ABORT),
    (at(State.PROVEN), replace(facts("new"), known=frozenset({"old"})), 1002, Action.REVERT),
    (at(State.SWITCHED), facts(), 1099, Action.WAIT),
    (at(State.SWITCHED), facts(person=True), 1050, Action.LOOK),
    (at(State.SWITCHED), facts(), 1100, Action.LOOK),
    (at(State.SWITCHED), seen(BOTH), 1100, Action.DEACTIVATE),
    (at(State.SWITCHED), seen(BOTH, failed="new"), 1100, Action.WAIT),
    (at(State.SWITCHED), seen(BOTH, UNKNOWN_USE), 1100, Action.ASK),
    (at(State.SWITCHED), seen(BOTH, elsewhere=True), 1100, Action.ASK),
    (at(State.SWITCHED), seen(BOTH, elsewhere=True, person=True), 1100, Action.DEACTIVATE),
    (at(State.SWITCHED), seen(BOTH, Use(1900.0)), 9e9, Action.DEACTIVATE),
    (at(State.SWITCHED), seen(BOTH, Use(1901.0)), 9e9, Action.ASK),
    (at(State.SWITCHED), seen(BOTH, Use(1901.0), own_use_until=1500.0), 9e9, Action.DEACTIVATE),
    (at(State.SWITCHED), seen(BOTH, Use(1901.0), person=True), 9e9, Action.DEACTIVATE),
    (at(State.SWITCHED, mode=Mode.EMERGENCY), facts(), 1000, Action.LOOK),
    (at(State.SWITCHED, mode=Mode.EMERGENCY), seen(BOTH, Use(9e8)), 1000, Action.DEACTIVATE),
    (at(State.SWITCHED), seen(RESTING, Use(1901.0)), 9e9, Action.DEACTIVATE),
    (at(State.SWITCHED), seen(BOTH, pointer="old"), 1100, Action.ASK),
    (at(State.SWITCHED), seen(DEAD_NEW), 1100, Action.LIST_AGAIN),
    (at(State.SWITCHED), seen(DEAD_NEW, looks=3), 1100, Action.WAIT),
    (at(State.SWITCHED),
     seen({**BOTH, "new": Remote(False, 1001.0)}, looks=3), 1100, Action.WAIT),
    (at(State.SWITCHED), seen({"new": NEW_KEY}, looks=3), 1299, Action.WAIT),
    (at(State.SWITCHED), seen({"new": NEW_KEY}), 1300, Action.LIST_AGAIN),
    (at(State.SWITCHED), seen({"new": NEW_KEY}, looks=3), 1300, Action.OLD_GONE),
    (at(State.SWITCHED), seen(BOTH, known=frozenset({"old"})), 1001, Action.LIST_AGAIN),
    (at(State.SWITCHED), seen(BOTH, known=frozenset({"old"}), looks=3), 1001, Action.REVERT),
    (at(State.SWITCHED), seen(BOTH, known=frozenset(), looks=3), 1001, Action.ASK),
    (at(State.SWITCHED), facts(known=frozenset({"old"})), 1001, Action.LOOK),
    (at(State.SWITCHED), facts("old"), 1001, Action.LOOK),
    (at(State.SWITCHED), seen(BOTH, own_use_until=1200.0), 1199, Action.WAIT),
    (at(State.SWITCHED), facts(own_use_until=1200.0), 1199, Action.WAIT),
    (at(State.SWITCHED), facts(own_use_until=1200.0), 1200, Action.LOOK),
    (at(State.SWITCHED, mode=Mode.EMERGENCY), facts(own_use_until=1200.0), 1000, Action.LOOK),
    (at(State.SWITCHED, mode=Mode.EMERGENCY),
     seen(BOTH, looks=3, rejected=frozenset({"new"})), 1100, Action.ASK),
    (at(State.SWITCHED, mode=Mode.CLEAR),
     seen(BOTH, looks=3, rejected=frozenset({"new"})), 1100, Action.ASK),
    (at(State.SWITCHED),
     seen(BOTH, looks=2, rejected=frozenset({"new"})), 1100, Action.LIST_AGAIN),
    (at(State.SWITCHED),
     seen(BOTH, looks=3, rejected=frozenset({"new"}), known=frozenset({"new"})),
     1100, Action.ASK),
    (at(State.SWITCHED), seen(BOTH, looks=3, rejected=frozenset({"new"})), 1100, Action.REVERT),
    (at(State.SWITCHED), facts(rejected=frozenset({"new", "old"})), 1100, Action.ASK),
    (at(State.STORED, mode=Mode.BACK), facts("old"), 1002, Action.ABORT),
    (at(State.STORED, mode=Mode.BACK), facts("new"), 1002, Action.PROVE),
    (at(State.PROVEN, mode=Mode.EMERGENCY), facts("new", failed="new"), 1002, Action.ASK),
    (at(State.DEACTIVATED), facts(), 1199, Action.WAIT),
    (at(State.DEACTIVATED), facts(known=frozenset({"old"})), 1199, Action.LOOK),
    (at(State.DEACTIVATED), seen(RESTING), 1199, Action.WAIT),
    (at(State.DEACTIVATED), facts("old"), 1199, Action.LOOK),
    (at(State.DEACTIVATED), facts(person=True), 1199, Action.WAIT),
    (at(State.DEACTIVATED), facts(), 1200, Action.LOOK),
    (at(State.DEACTIVATED), seen(RESTING, Use(1000.0)), 1200, Action.DELETE_OLD),
    (at(State.DEACTIVATED), seen(RESTING, Use(1001.0)), 1200, Action.ASK),
    (at(State.DEACTIVATED), seen(RESTING, Use(1001.0), person=True), 1200, Action.DELETE_OLD),
    (at(State.DEACTIVATED), seen(RESTING, UNKNOWN_USE), 1200, Action.ASK),
    (at(State.DEACTIVATED), seen(BOTH), 1200, Action.ASK),
    (at(State.DEACTIVATED), seen(BOTH, person=True), 1200, Action.DEACTIVATE),
    (at(State.DEACTIVATED, mode=Mode.EMERGENCY), seen(BOTH), 1200, Action.DEACTIVATE),
    (at(State.DEACTIVATED, mode=Mode.CLEAR), seen(RESTING), 1000, Action.DELETE_OLD),
    (at(State.DEACTIVATED), seen({"new": NEW_KEY}, looks=3), 1300, Action.OLD_GONE),
    (at(State.DEACTIVATED), seen({"new": NEW_KEY}, looks=3), 1299, Action.WAIT),
    (at(State.DELETED), facts(skew=9e9), 1002, Action.FORGET_OLD),
    (at(State.ABORTING), facts("old"), 1002, Action.LOOK),
    (at(State.ABORTING), seen(BOTH, pointer="old"), 1002, Action.DELETE_NEW),
    (at(State.ABORTING), seen(RESTING, pointer="old"), 1002, Action.DELETE_NEW),
    (at(State.ABORTING), seen(BOTH, pointer="old", rejected=GONE), 1002, Action.LIST_AGAIN),
    (at(State.ABORTING),
     seen(BOTH, pointer="old", rejected=GONE, looks=3), 1002, Action.KEEP_NEW),
    (at(State.ABORTING),
     seen(BOTH, pointer="old", known=frozenset({"new"}), looks=3), 1002, Action.KEEP_NEW),
    (at(State.ABORTING), seen(BOTH, pointer="old", known=frozenset()), 1002, Action.ASK),
    (at(State.ABORTING), seen(BOTH, pointer="new"), 1002, Action.ASK),
    (at(State.ABORTING), seen(DEAD_NEW, pointer="old", looks=3), 1002, Action.WAIT),
    (at(State.ABORTING), seen(DEAD_NEW, pointer="old", deleted="new"), 1002, Action.LIST_AGAIN),
    (at(State.ABORTING),
     seen(DEAD_NEW, pointer="old", deleted="new", looks=3), 1002, Action.END),
    (at(State.ABORTING), seen(DEAD_NEW, pointer="old", looks=3), 1299, Action.WAIT),
    (at(State.ABORTING), seen(DEAD_NEW, pointer="old"), 1300, Action.LIST_AGAIN),
    (at(State.ABORTING), seen(DEAD_NEW, pointer="old", looks=3), 1300, Action.END),
    (at(State.REVERTING), facts(), 1002, Action.LOOK),
    (at(State.REVERTING), facts(proved="old"), 1002, Action.SWITCH_BACK),
    (at(State.REVERTING), seen(RESTING), 1002, Action.ACTIVATE_OLD),
    (at(State.REVERTING), seen(BOTH), 1002, Action.ACTIVATE_OLD),
    (at(State.REVERTING), seen(RESTING, activated="old"), 1002, Action.ACTIVATE_OLD),
    (at(State.REVERTING), seen(BOTH, activated="old"), 1002, Action.PROVE_OLD),
    (at(State.REVERTING), seen(BOTH, failed="old", activated="old"), 1002, Action.WAIT),
    (at(State.REVERTING), seen(BOTH, failed="old"), LATE, Action.STAY),
    (at(State.REVERTING), seen({"new": NEW_KEY}), 1002, Action.LIST_AGAIN),
    (at(State.REVERTING), seen({"new": NEW_KEY}, looks=3), 1002, Action.STAY),
    (at(State.REVERTING), facts(rejected=frozenset({"new", "old"})), 1002, Action.ASK),
    (RECORD, facts("old"), 1002, Action.LOOK),
    (RECORD, facts("old", rejected=frozenset({"old"})), 1002, Action.ASK),
    (RECORD, seen({"old": OLD_KEY}, pointer="old"), 1299, Action.WAIT),
    (RECORD, seen({"old": OLD_KEY}, pointer="old"), 1300, Action.LIST_AGAIN),
    (RECORD, seen({"old": OLD_KEY}, pointer="old", looks=3), 1300, Action.END),
    (RECORD, seen(BOTH, pointer="old"), 1300, Action.ADOPT),
]  # fmt: skip


@pytest.mark.parametrize(("record", "given_", "now", "expected"), CASES)
def test_steps(record: Record, given_: Facts, now: float, expected: Action) -> None:
    assert next_step(record, given_, LIMITS, now).action is expected


def test_every_word_of_the_steps() -> None:
    """`steps.txt` says what each of CASES gives; after a change, read what differs, and keep it."""
    said = []
    for record, given_, now, _expected in CASES:
        step = next_step(record, given_, LIMITS, now)
        until = f" until {step.until:.0f}" if step.until else ""
        line = f"{record.state} {record.mode} at {now:.0f}: {step.action}"
        said.append(f"{line} {step.key_id}{until} {step.why}".rstrip())
    assert said == (Path(__file__).parent / "steps.txt").read_text().splitlines()


def test_a_clock_that_is_off_is_told_in_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    for skew, words in ((7200.0, "2.0 hours ahead of"), (-5400.0, "1.5 hours behind")):
        step = next_step(at(State.STORED), facts("old", skew=skew), LIMITS, 1.0)
        assert step.why == f"this machine's clock is {words} AWS's; set it"
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        step = next_step(at(State.SWITCHED), seen(BOTH, Use(5000.0, "s3", "r")), LIMITS, 9e9)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert "01:23 UTC" in step.why


@pytest.mark.parametrize("state", [each for each in State if each is not State.DELETED])
def test_a_clock_that_is_off_stops_everything(state: State) -> None:
    for skew in (MAX_SKEW_S + 1, -MAX_SKEW_S - 1):
        step = next_step(at(state), seen(BOTH, skew=skew), LIMITS, 9e9)
        assert step.action is Action.ASK
        assert "clock" in step.why
    assert "clock" not in next_step(at(state), seen(BOTH, skew=MAX_SKEW_S), LIMITS, 9e9).why


def _stray(created: float = 1001.0, active: bool = True) -> dict[str, Remote]:
    return {"old": OLD_KEY, "x": Remote(active, created)}


@pytest.mark.parametrize(
    ("listed", "use", "stray_id", "now", "expected"),
    [
        (_stray(), NEVER, None, 1002, Action.NOTE_STRAY),
        (_stray(), NEVER, "x", 1002, Action.DISABLE_STRAY),
        (_stray(active=False), NEVER, "x", 9e9, Action.NOTE_STOPPED),
        (_stray(), Use(1002.0), None, 9e9, Action.ASK),
        (_stray(), UNKNOWN_USE, None, 9e9, Action.ASK),
        (_stray(995.0), NEVER, None, 9e9, Action.NOTE_STRAY),
        (_stray(994.9), NEVER, None, 9e9, Action.ASK),
        (_stray(1075.0), NEVER, None, 9e9, Action.NOTE_STRAY),
        (_stray(1075.1), NEVER, None, 9e9, Action.ASK),
        ({"old": OLD_KEY}, NEVER, "x", 1299, Action.WAIT),
        ({"old": OLD_KEY}, NEVER, "x", 1300, Action.LIST_AGAIN),
    ],
)
def test_a_key_of_a_lost_request(
    listed: dict[str, Remote], use: Use, stray_id: str | None, now: float, expected: Action
) -> None:
    record = replace(RECORD, stray_id=stray_id)
    given_ = facts("old", listed=listed, used={"x": use})
    assert next_step(record, given_, LIMITS, now).action is expected


@pytest.mark.parametrize(
    ("active", "looks", "now", "expected"),
    [
        (False, 1, 1299, Action.WAIT),
        (False, 1, 1300, Action.DELETE_STRAY),
        (True, 2, 1300, Action.LIST_AGAIN),
        (True, 3, 1300, Action.ASK),
    ],
)
def test_a_stray_that_was_stopped(active: bool, looks: int, now: float, expected: Action) -> None:
    record = replace(RECORD, stray_id="x", stray_stopped=True)
    given_ = facts("old", listed=_stray(active=active), used={"x": NEVER}, looks=looks)
    assert next_step(record, given_, LIMITS, now).action is expected


def test_several_unknown_keys_are_asked_about() -> None:
    given_ = facts("old", listed={"old": OLD_KEY, "x": NEW_KEY, "y": NEW_KEY}, used={})
    step = next_step(RECORD, given_, LIMITS, 9e9)
    assert step.action is Action.ASK
    assert step.why == "unknown keys appeared: x, y"


def test_the_use_elsewhere_is_told() -> None:
    step = next_step(at(State.SWITCHED), seen(BOTH, Use(5000.0, "s3", "eu-west-1")), LIMITS, 9e9)
    assert step.why == "blocked: used elsewhere (s3 in eu-west-1, 1970-01-01 01:23 UTC)"


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
