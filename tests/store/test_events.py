from credguard.store import db, events


def test_the_newest_events_come_first() -> None:
    connection = db.connect()
    events.record(connection, 1, "a", "s")
    events.record(connection, 2, "b", "s", count=3)
    assert [event.kind for event in events.recent(connection)] == ["b", "a"]
    assert events.recent(connection, 1)[0].detail == {"count": 3}


def test_a_problem_stays_until_it_is_solved_and_is_told_once() -> None:
    connection = db.connect()
    first = events.raise_problem(connection, 1, "a", "Down", "one", "do")
    assert (first.since, first.told) == (1, False)
    events.mark_told(connection, 2, "a")
    again = events.raise_problem(connection, 3, "a", "Down", "in other words")
    assert (again.since, again.what, again.told) == (1, "one", True)
    other = events.raise_problem(connection, 4, "a", "Refused", "two")
    assert (other.since, other.told) == (4, False)
    events.raise_problem(connection, 5, "b", "Down", "three")
    assert [problem.subject for problem in events.problems(connection)] == ["a", "b"]
    assert events.solve(connection, 6, "a")
    assert not events.solve(connection, 7, "a")
    assert [problem.subject for problem in events.problems(connection)] == ["b"]
