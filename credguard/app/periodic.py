"""What a periodic job is, and what it has to say. The table of them is `credguard.app.jobs`."""

from collections.abc import Callable
from dataclasses import dataclass

from credguard.app.context import Context
from credguard.errors import Busy, CredguardError, NetworkDown, Throttled
from credguard.store.problems import Problem

EVERY_LOOK = ""
# These pass by themselves mostly: a laptop in a train is no reason to interrupt anybody.
_PASSING = (NetworkDown, Throttled, Busy)
_PATIENCE_S = 86400.0


@dataclass(frozen=True, slots=True)
class Note:
    """What a job found about one thing. `tell`: a person is to be notified of it now.

    `failed`: the job is tried again soon. `title`: of the notification. `problem`: it stands in
    `status` until it is over; who returns one keeps it by `store.problems`.
    """

    subject: str
    what: str
    hint: str
    failed: bool
    tell: bool
    title: str = "credguard: a key rotation needs you"
    problem: bool = True


def worth_telling(problem: Problem, error: CredguardError | None, now: float) -> bool:
    """Whether a person is to be notified of `problem`, which `error` brought: once, and of what
    mostly passes by itself only after a day of it.
    """
    passing = isinstance(error, _PASSING) and 0 <= now - problem.since < _PATIENCE_S
    return not problem.told and not passing


def _never(_ctx: Context) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Job:
    """Something done from time to time. It is due again after a crash, so it is safe to repeat.

    `name`: of its row in table schedule, never changed. `what`: for people, after "to". `run`: does
    it and gives what there is to say; a CredguardError that it raises is told by the caller.

    `every`: a duration ("7d"), or the dotted name of a setting that is one ("audit.every", "0s"
    there switches it off), or EVERY_LOOK: at each look of the service, hourly and after a wake
    from sleep, for what decides by itself whether anything is due.

    `network`: put off on a metered network; `heavy`: put off on battery; each at most for
    `patience` after it is due, and not at all while `urgent` says so.
    """

    name: str
    what: str
    run: Callable[[Context], list[Note]]
    every: str = EVERY_LOOK
    network: bool = False
    heavy: bool = False
    patience: str = "0s"
    urgent: Callable[[Context], bool] = _never
