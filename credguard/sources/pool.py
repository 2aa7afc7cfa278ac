"""Work over several cores: jobs to worker processes, answers in the order of the jobs.

A worker that dies is told, with the jobs it had; another takes its place. Ctrl-C reaches this
process alone, which ends the workers.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Generic, TypeVar

from credguard.errors import CredguardError

Job = TypeVar("Job")
Answer = TypeVar("Answer")
Setting = TypeVar("Setting")

_FORK = multiprocessing.get_context("fork") if sys.platform == "linux" else None
_AHEAD = 2  # one in work, one waiting, so that no worker idles
_HELD = 4  # answers of a job whose turn has not come
_MOST_DEATHS = 8
# Two jobs larger than what a socket takes at once could block both sides.
_JOB_BYTES = 40 << 10 if sys.platform == "linux" else 2 << 10


class Died:
    """In place of an answer: the worker ended before it gave one; `how` says in what way."""

    __slots__ = ("how",)

    def __init__(self, how: str) -> None:
        self.how = how


class _Failed:
    """What a worker's own error looked like; a traceback could show a secret."""

    def __init__(self, said: str, hint: str, exit_code: int) -> None:
        self.said, self.hint, self.exit_code = said, hint, exit_code


class WorkerBug(Exception):
    """A worker raised what it should not; `args[0]`: type and place, without values."""


class _Worker:
    def __init__(self, work: Callable[..., object], setting: object, others: list[_Worker]) -> None:
        context = _FORK or multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        # Under fork a child holds the others' ends too; it closes them, or no end would ever show.
        kept = [each.connection for each in others] + [self.connection]
        inherited = kept if _FORK else []
        self.process = context.Process(
            target=_serve, args=(work, setting, theirs, inherited), daemon=True
        )
        with _uninterrupted():
            self.process.start()
        theirs.close()
        self.jobs: list[int] = []

    def how(self) -> str:
        self.process.join(5)
        code = self.process.exitcode
        if code is not None and code < 0:
            return f"a scanning process was ended by signal {-code}"
        return f"a scanning process ended early (exit code {code})"

    def end(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.join()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits: a child that has not switched it off yet would print a traceback."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(
    work: Callable[..., object],
    setting: object,
    connection: Connection,
    inherited: list[Connection],
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))
    for each in inherited:
        each.close()
    while True:
        try:
            number, job = connection.recv()
        except (EOFError, OSError):
            os._exit(0)
        try:
            for answer, is_last in _answers(work, setting, job):
                connection.send((number, answer, is_last))
        except OSError:
            os._exit(0)


def _answers(
    work: Callable[..., object], setting: object, job: object
) -> Iterator[tuple[object, bool]]:
    """What `work` gives, each with whether it is the last, or how it failed."""
    try:
        answer = work(setting, job)
        if isinstance(answer, Iterator):
            given, answer = answer, next(answer)
            for following in given:
                yield answer, False
                answer = following
    except CredguardError as exc:
        answer = _Failed(str(exc), exc.hint, exc.exit_code)
    except Exception as exc:  # noqa: BLE001 - the boundary: told without values
        frame = exc.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else "?"
        answer = _Failed(f"{type(exc).__name__} at {place}", "", 3)
    yield answer, True


class Pool(Generic[Setting, Job, Answer]):
    """`processes` workers that each run `work(setting, job)`; use as a context.

    `work` gives an answer, or an iterator of at least one.
    """

    def __init__(
        self,
        work: Callable[[Setting, Job], Answer | Iterator[Answer]],
        setting: Setting,
        processes: int,
    ) -> None:
        """Under spawn `work` and `setting` are pickled, so `work` is a function of a module."""
        self._work, self._setting, self._processes = work, setting, processes
        self._workers: list[_Worker] = []
        self._deaths = 0

    def __enter__(self) -> Pool[Setting, Job, Answer]:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()

    def ordered(
        self, jobs: Iterator[Job], size: Callable[[Job], int], lanes: int = 0
    ) -> Iterator[tuple[Job, Answer | Died]]:
        """Each job with its answers, in the order of `jobs`, which is read only as far as needed.

        Of a job whose turn has not come few answers are held: its worker waits with the others.

        `size`: about how many bytes a job has when it is sent. `lanes`: of so many jobs in turn
        each goes where those before it in its place went, unless that one has more to do than
        others; 0: each goes where there is least to do. Raises what a worker raised of
        CredguardError; WorkerBug for anything else; CredguardError when workers keep dying.
        """
        given: dict[int, Job] = {}
        done: dict[int, deque[Answer | Died]] = {}
        feed = enumerate(jobs)
        waiting: tuple[int, Job] | None = next(feed, None)
        turn = 0
        while True:
            while waiting is not None:
                lane = waiting[0] % lanes if lanes else None
                worker = self._free(size(waiting[1]), lane)
                if worker is None:
                    break
                number, job = waiting
                given[number] = job
                worker.jobs.append(number)
                with contextlib.suppress(OSError):  # it died: seen below, with its jobs
                    worker.connection.send(waiting)
                waiting = next(feed, None)
            while turn in given:
                answers = done.get(turn, ())
                while answers:
                    yield given[turn], answers.popleft()
                if turn in self._unanswered():
                    break
                del given[turn]
                done.pop(turn, None)
                turn += 1
            busy = {
                each.connection: each
                for each in self._workers
                if each.jobs and (each.jobs[0] == turn or len(done.get(each.jobs[0], ())) < _HELD)
            }
            if not busy:
                if waiting is None:
                    return
                continue
            for connection in wait(list(busy)):
                self._take(busy[connection], done)  # type: ignore[index] # what went in comes out

    def _free(self, size: int, lane: int | None) -> _Worker | None:
        most = _AHEAD if size <= _JOB_BYTES else 1
        if len(self._workers) < self._processes:
            worker = _Worker(self._work, self._setting, self._workers)
            self._workers.append(worker)
            return worker
        least = min(self._workers, key=lambda each: len(each.jobs))
        if lane is not None and least.jobs:  # none idles
            least = self._workers[lane % len(self._workers)]
        return least if len(least.jobs) < most else None

    def _unanswered(self) -> set[int]:
        """The jobs that are not done."""
        return {number for worker in self._workers for number in worker.jobs}

    def _take(self, worker: _Worker, done: dict[int, deque[Answer | Died]]) -> None:
        try:
            number, answer, is_last = worker.connection.recv()
        except (EOFError, OSError):
            how = worker.how()
            for number in worker.jobs:
                done.setdefault(number, deque()).append(Died(how))
            self._workers.remove(worker)
            worker.end()
            self._deaths += 1
            if self._deaths > _MOST_DEATHS:
                raise CredguardError(
                    f"{how}, time and again", hint="scan with --jobs 1, or a part of it"
                ) from None
            return
        if is_last:
            worker.jobs.remove(number)
        if isinstance(answer, _Failed):
            if answer.exit_code == 3:
                raise WorkerBug(answer.said)
            raise CredguardError(answer.said, hint=answer.hint)
        done.setdefault(number, deque()).append(answer)
