from credguard.store import db, problems


def test_a_problem_stays_until_it_is_solved_and_is_told_once() -> None:
    connection = db.connect()
    first = problems.put(connection, 1, "a", "Down", "one", "do")
    assert (first.since, first.told) == (1, False)
    problems.mark_told(connection, "a")
    again = problems.put(connection, 3, "a", "Down", "in other words")
    assert (again.since, again.what, again.told) == (1, "one", True)
    other = problems.put(connection, 4, "a", "Refused", "two")
    assert (other.since, other.told) == (4, False)
    problems.put(connection, 5, "b", "Down", "three")
    assert [problem.subject for problem in problems.present(connection)] == ["a", "b"]
    assert problems.solve(connection, 6, "a")
    assert not problems.solve(connection, 7, "a")
    assert [problem.subject for problem in problems.present(connection)] == ["b"]


def test_a_thing_is_told_again_only_when_it_changed() -> None:
    connection = db.connect()
    assert problems.first_time(connection, 1, "key", "one")
    assert not problems.first_time(connection, 2, "key", "one")
    assert problems.first_time(connection, 3, "other", "one")
    assert problems.first_time(connection, 4, "key", "two")
    assert problems.first_time(connection, 5, "key", "one")
