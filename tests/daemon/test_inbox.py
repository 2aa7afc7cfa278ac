from credguard.daemon.inbox import Inbox


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_path_comes_out_once_after_it_was_quiet() -> None:
    clock = Clock()
    inbox = Inbox(clock, delay=1, max_delay=3)
    inbox.put("a")
    clock.now = 0.9
    inbox.put("a")
    clock.now = 1.5
    assert inbox.take(9) == []
    clock.now = 1.9
    assert inbox.take(9) == ["a"]
    assert inbox.take(9) == []
    assert inbox.wait_s() is None


def test_a_path_written_without_end_comes_out_at_the_maximum() -> None:
    clock = Clock()
    inbox = Inbox(clock, delay=1, max_delay=3)
    for step in range(6):
        clock.now = step * 0.5
        assert inbox.take(9) == []
        inbox.put("a")
    clock.now = 3
    assert inbox.wait_s() == 0
    assert inbox.take(9) == ["a"]


def test_too_many_paths_are_dropped_and_told() -> None:
    inbox = Inbox(Clock(), limit=2)
    for name in "abc":
        inbox.put(name)
    assert len(inbox) == 2
    assert inbox.overflowed


def test_a_folder_with_many_does_not_keep_another_waiting() -> None:
    clock = Clock()
    inbox = Inbox(clock, delay=1)
    for number in range(1000):
        inbox.put(f"/flood/{number}")
    inbox.put("/quiet/a")
    clock.now = 2
    assert inbox.take(4)[:2] == ["/flood/0", "/quiet/a"]
    for number in range(1000, 2000):
        inbox.put(f"/flood/{number}")
    inbox.put("/quiet/b")
    clock.now = 4
    assert "/quiet/b" in inbox.take(4)
    while inbox.take(100):
        pass
    assert len(inbox) == 0


def test_it_wakes_its_reader_when_it_was_empty() -> None:
    woken: list[int] = []
    clock = Clock()
    inbox = Inbox(clock, delay=1, wake=lambda: woken.append(1))
    inbox.put("/a")
    inbox.put("/b")
    assert len(woken) == 1
    clock.now = 2
    inbox.take(9)
    inbox.put("/a")
    assert len(woken) == 2
