"""Notices when another tool has taken the place of our git hooks, and tells it once."""

import logging
import os
from collections.abc import Callable, Iterator
from shlex import quote

from credguard.app import hook, hookstates
from credguard.app.context import Context
from credguard.daemon.worker import shown
from credguard.errors import GitError
from credguard.sources import mounts
from credguard.store import hooks, problems

_LOG = logging.getLogger("credguard.daemon.shadow")
_EVERY_S = 900.0
_TITLE = "credguard: a git hook was put aside"


class Shadow:
    """Looks at one installed place a call of `poll()`, at all of them every quarter of an hour."""

    def __init__(
        self, ctx: Context, tell: Callable[[str, str], None], now: Callable[[], float]
    ) -> None:
        """`tell(title, body)` shows a notification later; `now` gives Unix seconds."""
        self._ctx = ctx
        self._tell = tell
        self._now = now
        self._round: Iterator[None] = iter(())
        self._looked = 0.0

    def poll(self) -> None:
        """Look at the next place, when it is time. Raises StoreError."""
        if next(self._round, self) is not self:
            return
        if abs(self._now() - self._looked) >= _EVERY_S:
            self._looked = self._now()
            self._round = self._look()

    def _look(self) -> Iterator[None]:
        for each in hooks.installed(self._ctx.db):
            if each.repository == hooks.GLOBAL:
                self._look_at_global(each)
            elif each.repository != hooks.TEMPLATE:
                self._look_at(each.repository)
            yield

    def _look_at_global(self, row: hooks.Hook) -> None:
        state = hookstates.state_of(row)
        if state != "UNKNOWN":
            what = "git does not run credguard's hooks for all repositories any more"
            self._judge(state, "git hooks of all", what, "run: credguard hook install --global")

    def _look_at(self, git_dir: str) -> None:
        top = os.path.dirname(git_dir) if os.path.basename(git_dir) == ".git" else git_dir
        if mounts.network(top) or not os.path.isdir(top):
            return
        try:
            state = hook.status(self._ctx, top).state
        except GitError as exc:  # a linked worktree's or submodule's git folder has no index here
            _LOG.debug("hooks of %s: %s", shown(top), exc)
            return
        what = f"git does not run all of credguard's hooks in {shown(top)} any more"
        fix = f"run: credguard hook install {quote(shown(top))}"
        self._judge(state, f"git hooks of {shown(top)}", what, fix)

    def _judge(self, state: str, subject: str, what: str, fix: str) -> None:
        if state == "installed":
            problems.solve(self._ctx.db, self._now(), subject)
            return
        if problems.of(self._ctx.db, subject) is not None:
            return
        problems.put(self._ctx.db, self._now(), subject, "hook", what, fix)
        _LOG.warning("%s", what)
        self._tell(_TITLE, f"{what}. {fix[0].upper()}{fix[1:]}")
