import time
from dataclasses import replace
from pathlib import Path

import pytest

from credguard.rotation.decisions import after_leak, locked_out, rolled_back
from credguard.rotation.machine import MAX_SKEW_S, PROVE_BUDGET_S, next_step
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
from tests.rotation.cases import BOTH, HELD, LIMITS, NEW_KEY, OLD_KEY, RECORD, RESTING, at


def facts(pointer: str = "new", **more: object) -> Facts:
    return replace(Facts(HELD, pointer), **more)  # type: ignore[arg-type]


def seen(
    listed: dict[str, Remote], use: Use = NEVER, pointer: str = "new", **more: object
) -> Facts:
    return facts(pointer, listed=listed, used={"old": use}, **more)


def _stray(created: float = 1001.0, active: bool = True) -> dict[str, Remote]:
    return {"old": OLD_KEY, "x": Remote(active, created)}


def stray(listed: dict[str, Remote], use: Use = NEVER, **more: object) -> Facts:
    return facts("old", listed=listed, used={"x": use}, **more)


KNOWN = replace(RECORD, stray_id="x")
STOPPED = replace(KNOWN, stray_stopped=True)
LATE = 1001 + PROVE_BUDGET_S
DEAD_NEW = {"old": OLD_KEY}
GONE, GONE_OLD = frozenset({"old"}), frozenset({"new"})


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
    (at(State.SWITCHED), facts(sessions_until=1200.0), 1199, Action.WAIT),
    (at(State.SWITCHED), facts(sessions_until=1200.0), 1200, Action.LOOK),
    (at(State.SWITCHED, mode=Mode.EMERGENCY), facts(sessions_until=1200.0), 1000, Action.LOOK),
    # A session does not sign with the key, so it explains no use of it.
    (at(State.SWITCHED), seen(BOTH, Use(1901.0), sessions_until=1500.0), 9e9, Action.ASK),
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
    (RECORD, facts("old", known=frozenset(), rejected=frozenset({"old"})), 1002, Action.ASK),
    (RECORD, stray(_stray()), 1002, Action.NOTE_STRAY),
    (RECORD, stray(_stray(994.9)), 1002, Action.ASK),
    (RECORD, stray(_stray(), Use(1002.0)), 1002, Action.ASK),
    (RECORD, stray(_stray(), UNKNOWN_USE), 1002, Action.ASK),
    (RECORD, facts("old", listed=_stray(), used={}), 1002, Action.ASK),
    (KNOWN, stray(_stray()), 1002, Action.DISABLE_STRAY),
    (KNOWN, stray(_stray(active=False)), 1002, Action.NOTE_STOPPED),
    (STOPPED, stray(_stray(active=False)), 1002, Action.WAIT),
    (STOPPED, stray(_stray(active=False)), 1300, Action.DELETE_STRAY),
    (STOPPED, stray(_stray(), looks=3), 1300, Action.ASK),
    (at(State.STORED), facts("old", skew=36e5), 1002, Action.ASK),
    # No way back, and no key that carries either.
    (at(State.REVERTING), seen(BOTH, known=GONE_OLD), 1002, Action.STAY),
    (at(State.REVERTING), seen(BOTH, known=frozenset()), 1002, Action.ASK),
    (at(State.REVERTING), seen(BOTH, known=GONE_OLD, pointer="old"), 1002, Action.ASK),
    (at(State.REVERTING), seen(BOTH, known=GONE_OLD, rejected=GONE_OLD), 1002, Action.ASK),
    (at(State.ABORTING), facts("old", rejected=HELD), 1002, Action.ASK),
    (at(State.DEACTIVATED), facts(rejected=HELD), 1200, Action.ASK),
    (KNOWN, stray({"old": OLD_KEY}), 1299, Action.WAIT),
    (KNOWN, stray({"old": OLD_KEY}, looks=3), 1300, Action.END),
    # The key in use was locked out: nothing rests, and nothing goes back without a person.
    (at(State.SWITCHED, mode=Mode.LOCKED_OUT), facts(), 1001, Action.LOOK),
    (at(State.SWITCHED, mode=Mode.LOCKED_OUT),
     seen(BOTH, looks=3, rejected=frozenset({"new"})), 9e9, Action.ASK),
    (at(State.DEACTIVATED, mode=Mode.LOCKED_OUT), facts(), 1001, Action.LOOK),
    (at(State.DEACTIVATED, mode=Mode.LOCKED_OUT),
     seen(BOTH, looks=3, rejected=frozenset({"new"})), 9e9, Action.ASK),
    # Somebody woke it: the old one has its time, and is asked about, as ever.
    (at(State.SWITCHED, mode=Mode.LOCKED_OUT), seen(BOTH), 1099, Action.WAIT),
    (at(State.SWITCHED, mode=Mode.LOCKED_OUT),
     seen(BOTH, own_use_until=1200.0), 1199, Action.WAIT),
    (at(State.SWITCHED, mode=Mode.LOCKED_OUT), seen(BOTH, Use(1901.0)), 9e9, Action.ASK),
    (at(State.SWITCHED, mode=Mode.LOCKED_OUT), seen(BOTH), 1100, Action.DEACTIVATE),
    (at(State.DEACTIVATED, mode=Mode.LOCKED_OUT), seen(RESTING), 1199, Action.WAIT),
    (at(State.DEACTIVATED, mode=Mode.LOCKED_OUT), seen(BOTH), 1200, Action.ASK),
    (at(State.DEACTIVATED, mode=Mode.LOCKED_OUT), seen(RESTING, UNKNOWN_USE), 1200, Action.ASK),
    (at(State.DEACTIVATED, mode=Mode.LOCKED_OUT), seen(RESTING), 1200, Action.DELETE_OLD),
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
    assert (step.action, step.key_id) == (Action.ASK, "x")
    assert step.why == "unknown keys appeared: x, y"


def test_the_use_elsewhere_is_told() -> None:
    step = next_step(at(State.SWITCHED), seen(BOTH, Use(5000.0, "s3", "eu-west-1")), LIMITS, 9e9)
    assert step.why == "blocked: used elsewhere (s3 in eu-west-1, 1970-01-01 01:23 UTC)"


LEAKS = [
    (at(State.ABORTING), "old", "old", State.STORED, Mode.EMERGENCY),
    (at(State.REVERTING), "new", "old", State.SWITCHED, Mode.EMERGENCY),
    (at(State.STORED), "old", "new", State.ABORTING, Mode.EMERGENCY),
    (at(State.STORED), "new", "new", State.REVERTING, Mode.EMERGENCY),
    (at(State.REVERTING), "old", "old", State.SWITCHED, Mode.CLEAR),
]


@pytest.mark.parametrize(("record", "pointer", "leaked", "state", "mode"), LEAKS)
def test_a_leak_takes_the_record_on_from_now(
    record: Record, pointer: str, leaked: str, state: State, mode: Mode
) -> None:
    """A wait or a question of before, and its date, are not those of the way that begins."""
    before = replace(record, why="it waits", until=5000.0)
    after = after_leak(before, pointer, leaked, 2000.0)
    assert (after.state, after.mode, after.since) == (state, mode, 2000.0)
    assert (after.why, after.until) == ("", 0.0)


@pytest.mark.parametrize(
    ("state", "key", "mode"),
    [
        (State.INTENT, "old", Mode.EMERGENCY),
        (State.STORED, "old", Mode.EMERGENCY),
        (State.DEACTIVATED, "old", Mode.EMERGENCY),
        (State.SWITCHED, "new", Mode.CLEAR),
        (State.DEACTIVATED, "new", Mode.CLEAR),
        (State.DELETED, "new", Mode.CLEAR),
    ],
)
def test_a_leak_hastens_what_goes_that_way_already(state: State, key: str, mode: Mode) -> None:
    record = at(state)
    assert after_leak(record, "new", key, 2000.0) == replace(record, mode=mode)


LOCK_OUTS = [
    # Before the switch the old key is stopped: the new one takes over, as after a leak.
    (at(State.STORED), "old", replace(at(State.STORED), mode=Mode.EMERGENCY)),
    (at(State.ABORTING), "old", replace(at(State.STORED, 2000.0), mode=Mode.EMERGENCY)),
    # The new one is stopped: it stays where it is, and the way back ends.
    (at(State.SWITCHED), "new", at(State.SWITCHED)),
    (at(State.DEACTIVATED), "new", at(State.DEACTIVATED)),
    (at(State.STORED), "new", at(State.SWITCHED, 2000.0)),
    (at(State.PROVEN), "new", at(State.SWITCHED, 2000.0)),
    (at(State.REVERTING), "new", at(State.SWITCHED, 2000.0)),
    # Nothing goes back here anyway.
    (at(State.SWITCHED, mode=Mode.EMERGENCY), "new", at(State.SWITCHED, mode=Mode.EMERGENCY)),
    (at(State.DEACTIVATED, mode=Mode.CLEAR), "new", at(State.DEACTIVATED, mode=Mode.CLEAR)),
]


@pytest.mark.parametrize(("record", "pointer", "expected"), LOCK_OUTS)
def test_a_lock_out_leaves_no_way_back_by_itself(
    record: Record, pointer: str, expected: Record
) -> None:
    after = locked_out(replace(record, why="it waits", until=5000.0), pointer, 2000.0)
    if expected.mode is Mode.NORMAL:
        why = "AWS does not accept new any more; it was locked out"
        expected = replace(expected, mode=Mode.LOCKED_OUT, why=why)
    elif expected.state is record.state:
        expected = replace(expected, why="it waits", until=5000.0)
    assert after == expected
    assert after_leak(after, pointer, pointer, 3000.0).mode is not Mode.NORMAL


def test_a_lock_out_after_the_way_back_keeps_the_parts_exchanged() -> None:
    after = locked_out(at(State.REVERTING), "old", 2000.0)
    assert (after.state, after.new_id, after.old_id) == (State.SWITCHED, "old", "new")
    assert (after.mode, after.since) == (Mode.LOCKED_OUT, 2000.0)
    assert after.why == "AWS does not accept old any more; it was locked out"


def test_a_leak_of_a_key_that_was_locked_out_changes_nothing() -> None:
    record = at(State.SWITCHED, mode=Mode.LOCKED_OUT)
    assert after_leak(record, "new", "new", 2000.0) == record


def test_the_way_back_from_a_key_that_was_locked_out_leaves_it_no_grace() -> None:
    back = rolled_back(at(State.SWITCHED, mode=Mode.LOCKED_OUT), "new", 2000.0)
    assert back is not None
    assert (back.state, back.mode) == (State.REVERTING, Mode.EMERGENCY)
