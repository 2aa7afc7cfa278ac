import pytest

from credguard.daemon.announcer import GAP_S, Announcer


class Desktop:
    """Shows what it is given, when it is told to go on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.shown: list[tuple[str, str]] = []
        self.code: int | None = 0
        self.killed = 0
        self.there = True
        self.announcer = Announcer(self.start, lambda: self.now, deadline_s=5)

    def start(self, title: str, body: str) -> "Desktop | None":
        self.shown.append((title, body))
        return self if self.there else None

    def poll(self) -> int | None:
        return self.code

    def kill(self) -> None:
        self.killed += 1


@pytest.fixture
def desktop() -> Desktop:
    return Desktop()


def test_the_first_is_shown_at_once_and_a_burst_is_summed_up(desktop: Desktop) -> None:
    done: list[int] = []
    for number in range(100):
        desktop.announcer.tell("t", f"b{number}", lambda number=number: done.append(number))
        desktop.announcer.poll()
    assert desktop.shown == [("t", "b0")]
    desktop.now = GAP_S
    desktop.announcer.poll()
    title, body = desktop.shown[1]
    assert title == "t (and 98 more)"
    assert body == "b1\nb2\nb3\nand 96 more, see: credguard status"
    desktop.announcer.poll()
    assert done == list(range(100))


def test_a_hung_desktop_is_ended_and_counts_as_told_by_the_log(desktop: Desktop) -> None:
    done: list[int] = []
    desktop.code = None
    desktop.announcer.tell("t", "b", lambda: done.append(1))
    desktop.announcer.poll()
    desktop.announcer.poll()
    assert (desktop.killed, done) == (0, [])
    desktop.now = 5.1
    desktop.announcer.poll()
    assert (desktop.killed, done) == (1, [1])


def test_without_a_desktop_everything_is_done_at_once(desktop: Desktop) -> None:
    done: list[int] = []
    desktop.there = False
    desktop.announcer.tell("t", "b", lambda: done.append(1))
    desktop.announcer.poll()
    assert done == [1]


def test_what_still_shows_at_the_end_is_not_done(desktop: Desktop) -> None:
    done: list[int] = []
    desktop.code = None
    desktop.announcer.tell("t", "b", lambda: done.append(1))
    desktop.announcer.poll()
    desktop.announcer.stop()
    assert (desktop.killed, done) == (1, [])
