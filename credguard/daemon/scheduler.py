"""Runs the periodic tick in a short-lived child, so that boto3 and secrets stay out of the daemon.

Due hourly, at start, and after the wall clock jumped against the monotonic one (sleep, or the clock
was set). A failing tick is tried again with growing pauses. What it says goes to the log; it
notifies a person itself, so only a tick that died without a word is told of from here.
"""

import logging
import sqlite3
from collections.abc import Callable
from typing import Protocol

from credguard.daemon.clock import Jumps
from credguard.store import schedule

_LOG = logging.getLogger("credguard.daemon.scheduler")

TASK = "tick"
INTERVAL_S = 3600.0
RETRY_S = 300.0
DEADLINE_S = 1800.0
_PATIENCE_S = 5.0
_SAID_SO = (2, 130)  # it said why, see credguard/errors.py


class Child(Protocol):
    """What is needed of subprocess.Popen."""

    def poll(self) -> int | None:
        """The exit code; None while it runs."""

    def said(self) -> list[str]:
        """The lines that it wrote since the last call; never waits."""

    def terminate(self) -> None:
        """Ask it to stop."""

    def kill(self) -> None:
        """End it, and wait for that."""

    def wait(self, timeout: float) -> int | None:
        """The exit code; None when it still runs after `timeout` seconds."""


class Scheduler:
    """Call `poll()` every few seconds; it never blocks and never raises for a failing tick."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        spawn: Callable[[], Child],
        *,
        wall: Callable[[], float],
        monotonic: Callable[[], float],
        tell: Callable[[str, str], None],
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
        self._told = False
        self._last_line = ""
        self._jumps = Jumps(wall, monotonic)
        self._at_start = True

    def poll(self) -> None:
        """Start the tick when it is due; look after the one that runs. Raises StoreError."""
        if self._child is not None:
            self._watch(self._child)
            return
        if self._due():
            self._start()

    def stop(self) -> None:
        """Ask a running child to stop; a rotation is resumable at every step."""
        if self._child is not None:
            self._child.terminate()
            if self._child.wait(_PATIENCE_S) is None:
                self._child.kill()
            self._child = None

    def _due(self) -> bool:
        jumped = self._jumps.jumped()
        if self._at_start or jumped:
            if jumped:
                _LOG.info("the clock jumped or the machine slept: looking for what is due")
            self._at_start = False
            return True
        next_run = schedule.get(self._db, TASK).next_run
        return next_run is None or self._wall() >= next_run

    def _start(self) -> None:
        self._started = self._monotonic()
        self._last_line = ""
        try:
            self._child = self._spawn()
        except OSError as exc:
            self._failed(f"it could not be started: {exc.strerror}", silent=True)

    def _watch(self, child: Child) -> None:
        code = child.poll()
        for line in child.said():
            self._last_line = line
            _LOG.warning("look for due rotations: %s", line)
        if code is None:
            if self._monotonic() - self._started > DEADLINE_S:
                _LOG.error("the look for due rotations ran over %d s and was ended", DEADLINE_S)
                child.kill()
                self._failed(f"it ran over {DEADLINE_S / 60:.0f} minutes", silent=True)
            return
        self._child = None
        if code == 0:
            self._failures = 0
            self._told = False
            now = self._wall()
            schedule.put(self._db, TASK, schedule.Entry(now, now + INTERVAL_S))
        elif code in _SAID_SO:
            self._failed(self._last_line or f"it ended with code {code}", silent=False)
        else:
            self._failed(f"it ended with code {code}: {self._last_line}", silent=True)

    def _failed(self, reason: str, *, silent: bool) -> None:
        self._child = None
        self._failures += 1
        pause = min(RETRY_S * 2 ** (self._failures - 1), INTERVAL_S)
        last = schedule.get(self._db, TASK).last_run
        schedule.put(self._db, TASK, schedule.Entry(last, self._wall() + pause))
        _LOG.error("the look for due rotations failed: %s; again in %d s", reason, pause)
        if silent and not self._told:
            self._told = True
            self._tell(
                "credguard: due keys cannot be looked for", f"{reason}; see: credguard status"
            )
