import pytest

from credguard.daemon.scheduler import DEADLINE_S, INTERVAL_S, RETRY_S, Scheduler
from credguard.store import db


class World:
    """A wall clock, a monotonic clock and children that end as told."""

    def __init__(self) -> None:
        self.wall = 1e9
        self.mono = 5.0
        self.code: int | None = 0
        self.spawned = 0
        self.told: list[str] = []
        self.lines: list[str] = []
        self.ended: list[str] = []
        self.stubborn = False
        self.scheduler = Scheduler(
            db.connect(),
            self.spawn,
            wall=lambda: self.wall,
            monotonic=lambda: self.mono,
            tell=self.tell,
        )

    def tell(self, title: str, body: str) -> None:
        self.told.append(body)

    def spawn(self) -> "World":
        self.spawned += 1
        return self

    def poll(self) -> int | None:
        return self.code

    def said(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines

    def terminate(self) -> None:
        self.ended.append("asked")
        if not self.stubborn:
            self.code = -15

    def kill(self) -> None:
        self.ended.append("killed")
        self.code = -9

    def wait(self, timeout: float) -> int | None:
        return self.code

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


def test_what_a_tick_says_is_logged_and_not_told_twice(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.code = 2
    world.lines = ["rotation of ada: the key is inactive"]
    world.pass_(0)
    assert world.told == []  # the tick notified by itself
    assert "failed: rotation of ada: the key is inactive; again in" in caplog.text


def test_a_tick_that_hangs_is_ended_and_told(world: World) -> None:
    world.code = None
    world.pass_(0)
    world.pass_(DEADLINE_S + 1)
    assert world.ended == ["killed"]
    assert len(world.told) == 1
    world.pass_(RETRY_S - 1)
    assert world.spawned == 1


@pytest.mark.parametrize("stubborn", [False, True])
def test_stop_ends_the_running_tick(world: World, stubborn: bool) -> None:
    world.code = None
    world.pass_(0)
    world.stubborn = stubborn
    world.scheduler.stop()
    assert world.ended == (["asked", "killed"] if stubborn else ["asked"])


def test_a_dying_tick_is_told_once_and_backed_off(world: World) -> None:
    world.code = 3
    world.pass_(0)
    assert len(world.told) == 1
    world.pass_(RETRY_S + 1)
    assert world.spawned == 2
    world.pass_(RETRY_S + 1)
    assert world.spawned == 2
    world.pass_(RETRY_S + 1)
    assert world.spawned == 3
    assert len(world.told) == 1
