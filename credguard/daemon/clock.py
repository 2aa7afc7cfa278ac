"""Notices that the machine slept, or that its clock was set: what happened meanwhile is unknown."""

from collections.abc import Callable

JUMP_S = 60.0


class Jumps:
    """Compares the wall clock with the monotonic one, which stands while the machine sleeps."""

    def __init__(self, wall: Callable[[], float], monotonic: Callable[[], float]) -> None:
        """Both give seconds."""
        self._wall = wall
        self._monotonic = monotonic
        self._offset = wall() - monotonic()

    def jumped(self) -> bool:
        """Whether they went apart by more than a minute since the last call."""
        offset = self._wall() - self._monotonic()
        apart = abs(offset - self._offset)
        self._offset = offset
        return apart > JUMP_S
