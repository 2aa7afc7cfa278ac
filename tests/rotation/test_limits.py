"""How long the old key is left, and what is not known about its use."""

from dataclasses import replace

import pytest

from credguard.rotation.machine import EMERGENCY_SOAK_S, hastened, next_step
from credguard.rotation.model import NEVER, Action, Limits, Mode, Remote, State, Step
from tests.rotation.cases import BOTH, LIMITS, RESTING, at
from tests.rotation.test_machine import facts

WEEK = 7 * 86400.0


@pytest.mark.parametrize(
    ("mode", "grace", "soak"),
    [
        (Mode.NORMAL, 86400.0, WEEK),
        (Mode.BACK, 86400.0, WEEK),
        (Mode.LOCKED_OUT, 86400.0, WEEK),
        (Mode.EMERGENCY, 0.0, EMERGENCY_SOAK_S),
        (Mode.CLEAR, 0.0, 0.0),
    ],
)
def test_what_leaked_gets_no_grace(mode: Mode, grace: float, soak: float) -> None:
    given = Limits(grace=86400.0, soak=WEEK, orphan_wait=300.0)
    assert hastened(given, mode) == replace(given, grace=grace, soak=soak)


def test_a_soak_that_is_shorter_already_stays_so_in_an_emergency() -> None:
    assert hastened(LIMITS, Mode.EMERGENCY).soak == LIMITS.soak < EMERGENCY_SOAK_S


@pytest.mark.parametrize(("grace", "waits"), [(100.0, True), (0.0, False)])
def test_only_a_grace_of_zero_does_not_wait_for_sessions(grace: float, waits: bool) -> None:
    given = facts(listed=BOTH, sessions_until=9000.0, used={})
    step = next_step(at(State.SWITCHED), given, replace(LIMITS, grace=grace), 2000.0)
    assert (step.action is Action.WAIT) == waits


@pytest.mark.parametrize(
    ("state", "listed"), [(State.SWITCHED, BOTH), (State.DEACTIVATED, RESTING)]
)
def test_a_use_that_iam_says_nothing_of_is_not_taken_for_none(
    state: State, listed: dict[str, Remote]
) -> None:
    step = next_step(at(state), facts(listed=listed, used={}), LIMITS, 2000.0)
    assert step.action is Action.ASK
    assert "does not say" in step.why


@pytest.mark.parametrize("state", [State.SWITCHED, State.DEACTIVATED])
def test_a_list_that_is_behind_is_asked_again_at_once(state: State) -> None:
    given = facts(listed={"old": RESTING["old"]}, looks=9, used={})
    step = next_step(at(state), given, LIMITS, 2000.0)
    assert (step.action, step.key_id, step.until) == (Action.WAIT, "new", 2000.0)


def test_the_old_key_rests_on_while_the_new_one_is_not_taken() -> None:
    given = facts(listed=RESTING, used={"old": NEVER}, failed="new")
    step = next_step(at(State.DEACTIVATED), given, LIMITS, LIMITS.soak + 2000.0)
    why = "AWS does not accept the new key just now"
    assert step == Step(Action.WAIT, "old", LIMITS.soak + 2000.0, why)
