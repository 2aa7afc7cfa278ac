"""Work over processes: answers in order, deaths told, nothing left behind."""

import os
import signal
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from credguard.errors import CredguardError
from credguard.sources.pool import Died, Pool, WorkerBug


def double(setting: int, job: int) -> int:
    time.sleep(job % 3 / 1000)  # later jobs often end first
    return job * setting


def die(_setting: int, job: int) -> int:
    if job == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return job


def always_die(_setting: int, _job: int) -> int:
    os._exit(7)


def refuse(_setting: int, _job: int) -> int:
    raise CredguardError("no rules", hint="install them")


def stumble(_setting: int, _job: int) -> int:
    raise ValueError("a value that must not be told")


def large(_setting: int, job: bytes) -> bytes:
    return job * 50


def size(_job: object) -> int:
    return 8


def test_answers_come_in_the_order_of_the_jobs() -> None:
    with Pool[int, int, int](double, 3, 3) as pool:
        assert list(pool.ordered(iter(range(100)), size)) == [(n, 3 * n) for n in range(100)]


@pytest.mark.parametrize(
    ("busy", "lane", "chosen"),
    [((1, 1), 1, 1), ((1, 1), 3, 1), ((1, 1), 2, 0), ((2, 1), 0, None), ((2, 1), None, 1),
     ((2, 0), 0, 1), ((0, 1), 1, 0), ((2, 2), None, None)],
)  # fmt: skip
def test_a_lane_waits_for_its_worker_unless_one_idles(
    busy: tuple[int, int], lane: int | None, chosen: int | None
) -> None:
    pool = Pool[int, int, int](double, 3, 2)
    pool._workers = [SimpleNamespace(jobs=list(range(count))) for count in busy]  # type: ignore[misc]
    free = pool._free(8, lane)
    assert free is (None if chosen is None else pool._workers[chosen])


def test_lanes_change_no_order() -> None:
    with Pool[int, int, int](double, 3, 3) as pool:
        assert list(pool.ordered(iter(range(100)), size, 3)) == [(n, 3 * n) for n in range(100)]


def test_no_job_is_no_process() -> None:
    with Pool[int, int, int](double, 3, 3) as pool:
        assert list(pool.ordered(iter(()), size)) == []


def test_jobs_are_read_only_as_far_as_needed() -> None:
    taken = []

    def endless() -> Iterator[int]:
        number = 0
        while True:
            taken.append(number)
            yield number
            number += 1

    with Pool[int, int, int](double, 1, 2) as pool:
        answers = pool.ordered(endless(), size)
        assert [next(answers)[1] for _ in range(20)] == list(range(20))
    assert len(taken) < 60


def test_a_worker_that_dies_is_told_with_its_jobs_and_the_rest_goes_on() -> None:
    with Pool[int, int, int](die, 1, 2) as pool:
        done = list(pool.ordered(iter(range(40)), size))
    assert [job for job, _ in done] == list(range(40))
    lost = {job: answer for job, answer in done if isinstance(answer, Died)}
    assert 5 in lost
    assert len(lost) <= 2
    assert "signal 9" in lost[5].how
    assert all(answer == job for job, answer in done if job not in lost)


def test_workers_that_keep_dying_end_it() -> None:
    with (
        Pool[int, int, int](always_die, 1, 2) as pool,
        pytest.raises(CredguardError, match="exit code 7"),
    ):
        list(pool.ordered(iter(range(1000)), size))


def test_an_error_of_ours_is_raised_here() -> None:
    with Pool[int, int, int](refuse, 1, 2) as pool, pytest.raises(CredguardError) as caught:
        list(pool.ordered(iter(range(3)), size))
    assert (str(caught.value), caught.value.hint) == ("no rules", "install them")


def test_a_bug_tells_no_value() -> None:
    with Pool[int, int, int](stumble, 1, 2) as pool, pytest.raises(WorkerBug) as caught:
        list(pool.ordered(iter(range(3)), size))
    assert "ValueError at" in str(caught.value)
    assert "must not be told" not in str(caught.value)


def test_jobs_and_answers_larger_than_any_pipe() -> None:
    jobs = [os.urandom(300_000) for _ in range(6)]
    with Pool[int, bytes, bytes](large, 1, 2) as pool:
        assert list(pool.ordered(iter(jobs), len)) == [(job, job * 50) for job in jobs]


def test_no_process_is_left() -> None:
    with Pool[int, int, int](double, 1, 3) as pool:
        answers = pool.ordered(iter(range(100)), size)
        next(answers)
        workers = [each.process for each in pool._workers]
    assert all(not each.is_alive() for each in workers)


def count(_setting: int, job: int) -> Iterator[bytes]:
    for number in range(job):
        if number == 9 and job == 10:
            os.kill(os.getpid(), signal.SIGKILL)
        yield bytes([number]) * 100_000  # more than a pipe holds
    yield b"end"


def test_answers_in_parts_come_in_order_whoever_is_done_first() -> None:
    jobs = [3, 40, 0, 30, 1, 25, 2]
    with Pool[int, int, bytes](count, 0, 3) as pool:
        given = list(pool.ordered(iter(jobs), lambda _: 8))
    wanted = [(job, number) for job in jobs for number in range(job + 1)]
    assert [job for job, _ in given] == [job for job, _ in wanted]
    sizes = [(job, len(answer)) for job, answer in given if not isinstance(answer, Died)]
    assert sizes == [(job, 100_000 if number < job else 3) for job, number in wanted]


def test_what_a_worker_gave_before_it_died_is_kept() -> None:
    with Pool[int, int, bytes](count, 0, 2) as pool:
        given = list(pool.ordered(iter([2, 10, 1]), lambda _: 1 << 20))
    told = [answer for job, answer in given if job == 10]
    assert [answer[:1] for answer in told[:-1] if isinstance(answer, bytes)] == [
        bytes([number]) for number in range(8)
    ]
    assert isinstance(told[-1], Died)
    assert [job for job, _ in given if job != 10] == [2, 2, 2, 1, 1]
