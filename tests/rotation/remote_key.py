"""A key in the world's IAM, whose changes are seen late."""

from credguard.rotation.model import NEVER, Use

SECRET = "the-secret-of-"
LONG_AGO = -1e9
SLACK_S = 301.0  # AWS refuses signatures of clocks that are further off


class RemoteKey:
    """A key in IAM. `states`: (since when, Active, or None once deleted), oldest first."""

    __slots__ = ("created", "states", "used")

    def __init__(self, created: float, use: Use = NEVER) -> None:
        self.created = created
        self.used = use
        self.states: list[tuple[float, bool | None]] = [(created, True)]

    @property
    def active(self) -> bool:
        return bool(self.states[-1][1])

    def at(self, moment: float) -> bool | None:
        """Active or not as known at `moment`; None: not known then."""
        for since, active in reversed(self.states):
            if since <= moment:
                return active
        return None
