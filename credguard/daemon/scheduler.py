"""Runs the periodic tick in a short-lived child, so that boto3 and secrets stay out of the daemon.

Due hourly, at start, and after the wall clock jumped against the monotonic one (sleep, or the clock
was set). A failing tick is logged, told once, and tried again with growing pauses.
"""

import logging
import sqlite3
import subprocess
from collections.abc import Callable
from typing import Protocol

from credguard.store import schedule

_LOG = logging.getLogger("credguard.daemon.scheduler")

TASK = "tick"
INTERVAL_S = 3600.0
RETRY_S = 300.0
JUMP_S = 60.0
DEADLINE_S = 1800.0


class Child(Protocol):
    """What is needed of subprocess.Popen."""

    def poll(self) -> int | None:
        """The exit code; None while it runs."""

    def terminate(self) -> None:
        """Ask it to stop."""


class Scheduler:
    """Call `poll()` every few seconds; it never blocks and never raises for a failing tick."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        spawn: Callable[[], Child],
        *,
        wall: Callable[[], float],
        monotonic: Callable[[], float],
        tell: Callable[[str, str], bool],
    ) -> None:
        """`spawn` starts the child; `wall` and `monotonic` give seconds."""
        self._db = connection
        self._spawn = spawn
        self._wall = wall
        self._monotonic = monotonic
        self._tell = tell
        self._child: Child | None = None
        self._started = 0.0
        self._failures = 0
        self._offset = wall() - monotonic()
        self._at_start = True

    def poll(self) -> None:
        """Start the tick when it is due; look after the one that runs. Raises sqlite3.Error."""
        if self._child is not None:
            self._watch(self._child)
            return
        if self._due():
            self._start()

    def stop(self) -> None:
        """Ask a running child to stop; a rotation is resumable at every step."""
        if self._child is not None:
            self._child.terminate()
            if isinstance(self._child, subprocess.Popen):
                try:
                    self._child.wait(5)
                except subprocess.TimeoutExpired:
                    self._child.kill()
                    self._child.wait()
            self._child = None

    def _due(self) -> bool:
        offset = self._wall() - self._monotonic()
        jumped = abs(offset - self._offset) > JUMP_S
        self._offset = offset
        if self._at_start or jumped:
            if jumped:
                _LOG.info("the clock jumped or the machine slept: looking for what is due")
            self._at_start = False
            return True
        next_run = schedule.get(self._db, TASK).next_run
        return next_run is None or self._wall() >= next_run

    def _start(self) -> None:
        self._started = self._monotonic()
        try:
            self._child = self._spawn()
        except OSError as exc:
            self._failed(f"it could not be started: {exc.strerror}")

    def _watch(self, child: Child) -> None:
        code = child.poll()
        if code is None:
            if self._monotonic() - self._started > DEADLINE_S:
                child.terminate()
                self._started = self._monotonic()
                _LOG.error("the periodic task ran over %d s and was stopped", DEADLINE_S)
            return
        self._child = None
        if code == 0:
            self._failures = 0
            now = self._wall()
            schedule.put(self._db, TASK, schedule.Entry(now, now + INTERVAL_S))
        else:
            self._failed(f"it ended with code {code}")

    def _failed(self, reason: str) -> None:
        self._child = None
        self._failures += 1
        pause = min(RETRY_S * 2 ** (self._failures - 1), INTERVAL_S)
        last = schedule.get(self._db, TASK).last_run
        schedule.put(self._db, TASK, schedule.Entry(last, self._wall() + pause))
        _LOG.error("the look for due rotations failed: %s; again in %d s", reason, pause)
        if self._failures == 1:
            self._tell(
                "credguard: a key rotation needs you", f"{reason}; see: credguard rotate --status"
            )
