from functools import partial

import pytest

from credguard.daemon.announcer import GAP_S, Action, Announcer
from credguard.errors import StoreError
from credguard.notify.desktop import FAILED, SHOWN, Notification, Said


class Desktop:
    """Shows what it is given, when it is told to go on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.notifications: list[Notification] = []
        self.answer: str | None = SHOWN
        self.closed = 0
        self.there = True
        self.said: list[Said] = []
        self.quiet = False
        self.announcer = Announcer(self, lambda: self.now, deadline_s=5, quiet=lambda: self.quiet)

    @property
    def shown(self) -> list[tuple[str, str]]:
        return [(each.title, each.body) for each in self.notifications]

    def show(self, number: int, notification: Notification) -> bool:
        self.notifications.append(notification)
        if self.answer is not None:
            self.said.append(Said(number, self.answer))
        return self.there

    def poll(self) -> list[Said]:
        said, self.said = self.said, []
        return said

    def close(self) -> None:
        self.closed += 1

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        for _ in range(2):
            self.announcer.poll()


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
    desktop.answer = None
    desktop.announcer.tell("t", "b", lambda: done.append(1))
    desktop.announcer.poll()
    desktop.announcer.poll()
    assert (desktop.closed, done) == (0, [])
    desktop.now = 5.1
    desktop.announcer.poll()
    assert (desktop.closed, done) == (1, [1])


def test_without_a_desktop_everything_is_done_at_once(desktop: Desktop) -> None:
    done: list[int] = []
    desktop.there = False
    desktop.announcer.tell("t", "b", lambda: done.append(1))
    desktop.announcer.poll()
    assert done == [1]


def test_what_still_shows_at_the_end_is_not_done(desktop: Desktop) -> None:
    done: list[int] = []
    desktop.answer = None
    desktop.announcer.tell("t", "b", lambda: done.append(1))
    desktop.announcer.poll()
    desktop.announcer.stop(0.04)
    assert (desktop.closed, done) == (1, [])


def test_in_quiet_hours_only_what_is_urgent_is_shown_and_the_rest_comes_afterwards_as_one(
    desktop: Desktop,
) -> None:
    desktop.quiet = True
    for number in range(3):
        desktop.announcer.tell("t", f"b{number}")
    desktop.pass_(GAP_S)
    assert desktop.shown == []
    desktop.announcer.tell("key", "out", urgent=True)
    desktop.pass_(GAP_S)
    assert desktop.shown == [("key", "out")]
    desktop.pass_(9 * 3600)
    desktop.quiet = False
    desktop.pass_(GAP_S)
    assert desktop.shown[1:] == [("t (and 2 more)", "b0\nb1\nb2")]


def test_with_a_digest_the_next_comes_after_its_time_with_all_that_came_meanwhile() -> None:
    desktop = Desktop()
    announcer = Announcer(desktop, lambda: desktop.now, deadline_s=5, digest_s=86_400)
    desktop.announcer = announcer
    announcer.tell("t", "first")
    desktop.pass_(0)
    for hour in range(23):
        announcer.tell("t", f"b{hour}")
        desktop.pass_(3600)
    assert desktop.shown == [("t", "first")]
    desktop.pass_(3600)
    assert desktop.shown[1][0] == "t (and 22 more)"


def test_a_button_does_what_it_says_and_a_summary_has_none(desktop: Desktop) -> None:
    pressed: list[str] = []
    allow = Action("allow", "Not a secret", lambda: pressed.append("allow"))
    show = Action("show", "Show", None, "/a/file")
    desktop.announcer.tell("t", "b", actions=(allow, show))
    desktop.pass_(0)
    (only,) = desktop.notifications
    assert only.actions == (("allow", "Not a secret"), ("show", "Show"))
    assert only.path == "/a/file"
    desktop.said = [Said(1, "allow"), Said(1, "unheard of"), Said(7, "allow")]
    desktop.pass_(0)
    assert pressed == ["allow"]
    for _ in range(2):
        desktop.announcer.tell("t", "b", actions=(allow,))
    desktop.pass_(GAP_S)
    assert desktop.notifications[1].actions == ()


def test_what_a_desktop_refuses_counts_as_told_by_the_log(desktop: Desktop) -> None:
    done: list[int] = []
    desktop.answer = FAILED
    desktop.announcer.tell("t", "b", lambda: done.append(1))
    desktop.pass_(0)
    assert done == [1]


def test_nobody_to_tell() -> None:
    done: list[int] = []
    announcer = Announcer(None, lambda: 0.0, deadline_s=5)
    announcer.tell("t", "b", lambda: done.append(1))
    announcer.poll()
    announcer.stop()
    assert done == [1]


def test_what_is_shown_as_the_service_stops_is_not_told_again(desktop: Desktop) -> None:
    done: list[int] = []
    desktop.answer = None
    desktop.announcer.tell("t", "b", lambda: done.append(1))
    desktop.announcer.poll()
    desktop.said = [Said(1, SHOWN)]
    desktop.announcer.stop()
    assert done == [1]


def test_what_could_not_be_noted_is_noted_later_with_all_that_came_after_it(
    desktop: Desktop,
) -> None:
    full, done = [True], []

    def note(number: int) -> None:
        if full[0]:
            raise StoreError("the disk is full")
        done.append(number)

    desktop.announcer.tell("t", "first")
    desktop.pass_(0)
    for number in range(3):
        desktop.announcer.tell("t", "b", partial(note, number))
    desktop.now = GAP_S
    desktop.announcer.poll()
    desktop.announcer.tell("the service", "cannot work")
    for _ in range(2):
        desktop.now += GAP_S
        with pytest.raises(StoreError):
            desktop.announcer.poll()
    assert [title for title, _ in desktop.shown] == ["t", "t (and 2 more)", "the service"]
    full[0] = False
    desktop.announcer.poll()
    assert done == [0, 1, 2]


def test_at_first_a_desktop_that_refuses_is_asked_again_since_it_may_be_starting() -> None:
    desktop, done = Desktop(), []
    announcer = Announcer(desktop, lambda: desktop.now, deadline_s=5, starting_s=60)
    desktop.announcer, desktop.answer = announcer, FAILED
    announcer.tell("t", "b", lambda: done.append("b"))
    desktop.pass_(0)
    assert done == []
    desktop.answer = SHOWN
    desktop.pass_(GAP_S)
    assert (desktop.shown, done) == ([("t", "b")] * 2, ["b"])
    desktop.answer = FAILED
    announcer.tell("t", "c", lambda: done.append("c"))
    desktop.pass_(60)
    assert done == ["b", "c"]


def test_of_what_is_summed_up_the_urgent_comes_first(desktop: Desktop) -> None:
    for number in range(10):
        desktop.announcer.tell("t", f"b{number}")
    desktop.announcer.tell("key", "out", urgent=True)
    desktop.announcer.poll()
    assert desktop.shown[0][0] == "key (and 10 more)"
    assert desktop.shown[0][1].startswith("out\n")
