"""Tells a person without ever making the loop wait: one notification at a time, the rest summed up.

A burst (a first look over an old tree) must not become a thousand notifications, and a desktop that
hangs for its whole deadline must cost the scanner nothing.
"""

import logging
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

_LOG = logging.getLogger("credguard.daemon.announcer")

GAP_S = 10.0
_SHOWN = 3


class Child(Protocol):
    """What is needed of subprocess.Popen."""

    def poll(self) -> int | None:
        """The exit code; None while it runs."""

    def kill(self) -> None:
        """End it."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    title: str
    body: str
    done: Callable[[], None]


class Announcer:
    """Takes what is to be told; call `poll()` every second. Used by one thread."""

    def __init__(
        self,
        start: Callable[[str, str], Child | None],
        monotonic: Callable[[], float],
        deadline_s: float,
    ) -> None:
        """`start` begins to show (title, body) and gives the child that does; None: no desktop."""
        self._start = start
        self._monotonic = monotonic
        self._deadline_s = deadline_s
        self._waiting: list[_Waiting] = []
        self._showing: list[_Waiting] = []
        self._child: Child | None = None
        self._started: float | None = None

    def tell(self, title: str, body: str, done: Callable[[], None] = lambda: None) -> None:
        """Show it soon; `done` is called once it was shown, or certainly cannot be."""
        self._waiting.append(_Waiting(title, body, done))

    def poll(self) -> None:
        """Look after the child that shows; start the next. Raises what a `done` raises."""
        now = self._monotonic()
        if self._child is not None:
            code = self._child.poll()
            if code is None:
                if self._started is None or now - self._started <= self._deadline_s:
                    return
                self._child.kill()
            self._child = None
            self._finish(shown=code == 0)
        if self._waiting and (self._started is None or now - self._started >= GAP_S):
            self._showing, self._waiting = self._waiting, []
            self._started = now
            self._child = self._start(*_summed(self._showing))
            if self._child is None:
                self._finish(shown=False)

    def stop(self) -> None:
        """End a child that still shows; what was not shown is told after the next start."""
        if self._child is not None:
            self._child.kill()
            if isinstance(self._child, subprocess.Popen):
                self._child.wait()
            self._child = None

    def _finish(self, *, shown: bool) -> None:
        if not shown:
            _LOG.info("no desktop notification could be shown; this log has what it said")
        finished, self._showing = self._showing, []
        for each in finished:
            each.done()


def _summed(items: list[_Waiting]) -> tuple[str, str]:
    first = items[0]
    if len(items) == 1:
        return first.title, first.body
    lines = [each.body for each in items[:_SHOWN]]
    if len(items) > _SHOWN:
        lines.append(f"and {len(items) - _SHOWN} more, see: credguard status")
    return f"{first.title} (and {len(items) - 1} more)", "\n".join(lines)
