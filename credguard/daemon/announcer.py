"""Tells a person without ever making the loop wait: one notification at a time, the rest summed up.

A burst (a first look over an old tree) must not become a thousand notifications, and a desktop that
hangs for its whole deadline must cost the scanner nothing.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from credguard.errors import CredguardError
from credguard.notify.desktop import SHOWN, Notification, Said

_LOG = logging.getLogger("credguard.daemon.announcer")

GAP_S = 10.0
_SHOWN = 3
_MOST_BUTTONS = 20
_STEP_S = 0.02


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Action:
    """A button: its name, what it says, and what it does; None: the desktop's own "show"."""

    name: str
    label: str
    do: Callable[[], None] | None
    path: str = ""


class Desktop(Protocol):
    """What is needed of credguard.notify.desktop.Desktop."""

    def show(self, number: int, notification: Notification) -> bool:
        """Begin to show it; False: there is no desktop."""

    def poll(self) -> list[Said]:
        """What became of those shown, since the last call."""

    def close(self) -> None:
        """Give up what still shows."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    title: str
    body: str
    done: Callable[[], None]
    actions: tuple[Action, ...]
    urgent: bool


class Announcer:
    """Takes what is to be told; call `poll()` every second. Used by one thread."""

    def __init__(
        self,
        desktop: Desktop | None,
        monotonic: Callable[[], float],
        deadline_s: float,
        *,
        quiet: Callable[[], bool] = lambda: False,
        digest_s: float = 0.0,
        starting_s: float = 0.0,
    ) -> None:
        """`desktop` None: nobody is to be told. What is not urgent waits while `quiet()`, and at
        least `digest_s` seconds after the last one, then comes in one notification.

        For `starting_s` seconds from now a desktop that refuses is asked again: it may be starting.
        """
        self._desktop = desktop
        self._monotonic = monotonic
        self._deadline_s = deadline_s
        self._quiet = quiet
        self._digest_s = digest_s
        self._started_by = monotonic() + starting_s
        self._waiting: list[_Waiting] = []
        self._showing: list[_Waiting] = []
        self._finished: deque[_Waiting] = deque()  # shown, and not noted as such yet
        self._number = 0
        self._started: float | None = None
        self._buttons: dict[int, tuple[Action, ...]] = {}

    def tell(
        self,
        title: str,
        body: str,
        done: Callable[[], None] = _nothing,
        *,
        actions: tuple[Action, ...] = (),
        urgent: bool = False,
    ) -> None:
        """Show it soon; `done` is called once it was shown, or certainly cannot be."""
        self._waiting.append(_Waiting(title, body, done, actions, urgent))

    def poll(self) -> None:
        """Hear what became of what shows; start the next. Raises what a callback raises."""
        try:
            self._turn()
        finally:
            self._note()

    def _turn(self) -> None:
        now = self._monotonic()
        for said in self._desktop.poll() if self._desktop is not None else ():
            self._heard(said)
        if self._showing:
            if self._started is not None and now - self._started > self._deadline_s:
                if self._desktop is not None:
                    self._desktop.close()
                self._buttons.clear()
                self._finish(shown=False)
            return
        ready = self._ready(now)
        if not ready:
            return
        chosen = set(map(id, ready))
        self._waiting = [each for each in self._waiting if id(each) not in chosen]
        self._showing = ready
        self._started = now
        self._number += 1
        if self._desktop is None or not self._desktop.show(self._number, self._summed(ready)):
            self._finish(shown=False)

    def stop(self, patience_s: float = 1.0) -> None:
        """Give up what still shows; what was not shown is told after the next start.

        What is being shown is heard of for `patience_s` seconds, so that it is not told again.
        """
        for _ in range(int(patience_s / _STEP_S)):
            if self._desktop is None or not self._showing:
                break
            for said in self._desktop.poll():
                try:
                    self._heard(said)
                    self._note()
                except CredguardError as error:
                    _LOG.error("what was told is told again: %s", error)
            time.sleep(_STEP_S)
        if self._desktop is not None:
            self._desktop.close()
        self._buttons.clear()

    def _ready(self, now: float) -> list[_Waiting]:
        since = None if self._started is None else now - self._started
        if since is not None and since < GAP_S:
            return []
        if self._quiet() or (since is not None and since < self._digest_s):
            return [each for each in self._waiting if each.urgent]
        return sorted(self._waiting, key=lambda each: not each.urgent)  # of many some are shown

    def _heard(self, said: Said) -> None:
        if said.number == self._number and self._showing:
            if said.what == SHOWN or self._monotonic() >= self._started_by:
                self._finish(shown=said.what == SHOWN)
            else:
                self._waiting, self._showing = self._showing + self._waiting, []
            return
        for action in self._buttons.get(said.number, ()):
            if action.name == said.what and action.do is not None:
                action.do()

    def _finish(self, *, shown: bool) -> None:
        if not shown:
            _LOG.info("no desktop notification could be shown; this log has what it said")
        finished, self._showing = self._showing, []
        if shown and len(finished) == 1 and finished[0].actions:
            self._buttons[self._number] = finished[0].actions
            for old in list(self._buttons)[:-_MOST_BUTTONS]:
                del self._buttons[old]
        self._finished += finished

    def _note(self) -> None:
        """One that fails, as on a full disk, is tried again with those after it."""
        while self._finished:
            self._finished[0].done()
            self._finished.popleft()

    def _summed(self, items: list[_Waiting]) -> Notification:
        first = items[0]
        urgent = any(each.urgent for each in items)
        if len(items) == 1:
            buttons = tuple((action.name, action.label) for action in first.actions)
            path = next((action.path for action in first.actions if action.path), "")
            return Notification(first.title, first.body, buttons, path, urgent)
        lines = [each.body for each in items[:_SHOWN]]
        if len(items) > _SHOWN:
            lines.append(f"and {len(items) - _SHOWN} more, see: credguard status")
        title = f"{first.title} (and {len(items) - 1} more)"
        return Notification(title, "\n".join(lines), urgent=urgent)
