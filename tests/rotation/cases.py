"""One rotation, from the old key to the new one, as the tests of the decision take it."""

from dataclasses import replace

from credguard.rotation.model import Limits, Mode, Record, Remote, State

LIMITS = Limits(grace=100, soak=200, orphan_wait=300)
RECORD = Record("aws/1/dev", "t", State.INTENT, "old", ("old",), 1000.0, 1000.0)
OLD_KEY, NEW_KEY = Remote(True, 0.0), Remote(True, 1001.0)
BOTH = {"old": OLD_KEY, "new": NEW_KEY}
RESTING = {"old": Remote(False, 0.0), "new": NEW_KEY}
HELD = frozenset({"old", "new"})
PATIENT = {Mode.NORMAL, Mode.LOCKED_OUT}  # in which the old key has all its time


def at(state: State, since: float = 1000.0, mode: Mode = Mode.NORMAL) -> Record:
    """The record in `state`."""
    return replace(RECORD, state=state, new_id="new", since=since, mode=mode)
