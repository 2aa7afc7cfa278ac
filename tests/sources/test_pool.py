"""Work over processes: answers in order, deaths told, nothing left behind."""

import os
import signal
import time
from collections.abc import Iterator

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
