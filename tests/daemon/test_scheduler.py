import pytest

from credguard.daemon.scheduler import INTERVAL_S, RETRY_S, Scheduler
from credguard.store import db


class World:
    """A wall clock, a monotonic clock and children that end as told."""

    def __init__(self) -> None:
        self.wall = 1e9
        self.mono = 5.0
        self.code: int | None = 0
        self.spawned = 0
        self.told: list[str] = []
        self.scheduler = Scheduler(
            db.connect(),
            self.spawn,
            wall=lambda: self.wall,
            monotonic=lambda: self.mono,
            tell=self.tell,
        )

    def tell(self, title: str, body: str) -> bool:
        self.told.append(body)
        return True

    def spawn(self) -> "World":
        self.spawned += 1
        return self

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        self.code = -15

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.mono += seconds
        for _ in range(2):
            self.scheduler.poll()


@pytest.fixture
def world() -> World:
    return World()


def test_it_runs_at_start_then_hourly(world: World) -> None:
    world.pass_(0)
    assert world.spawned == 1
    world.pass_(INTERVAL_S - 10)
    assert world.spawned == 1
    world.pass_(20)
    assert world.spawned == 2


def test_it_runs_after_sleep_and_after_the_clock_was_set_back(world: World) -> None:
    world.pass_(0)
    world.wall += 600
    world.pass_(0)
    assert world.spawned == 2
    world.wall -= 365 * 86400
    world.pass_(0)
    assert world.spawned == 3


def test_a_failing_tick_is_told_once_and_backed_off(world: World) -> None:
    world.code = 2
    world.pass_(0)
    assert len(world.told) == 1
    world.pass_(RETRY_S + 1)
    assert world.spawned == 2
    world.pass_(RETRY_S + 1)
    assert world.spawned == 2
    world.pass_(RETRY_S + 1)
    assert world.spawned == 3
    assert len(world.told) == 1
