"""Offers the git hook for repositories that have none, each once; or installs it, by a setting.

What a repository's settings name is not run: they are read through the one git runner.
"""

import logging
import os
from collections.abc import Callable
from shlex import quote

from credguard.app import hook
from credguard.app.context import Context
from credguard.daemon.announcer import Action
from credguard.daemon.commits import work_tree
from credguard.daemon.worker import Tell, shown
from credguard.errors import GitError
from credguard.report.text import printable
from credguard.store import hooks, problems

_LOG = logging.getLogger("credguard.daemon.offers")
_SETTLE_S = 5.0
_TURN_S = 0.1
_SHOWN = 3


class Offers:
    """`found` with each repository that is come upon, then `poll` often. Used by one thread."""

    def __init__(
        self,
        ctx: Context,
        tell: Tell,
        mode: str,
        now: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        """`mode`: of config.HOOKS."""
        self._ctx = ctx
        self._tell = tell
        self._mode = mode
        self._now = now
        self._monotonic = monotonic
        self._waiting: dict[str, None] = {}
        self._seen: set[str] = set()
        self._without: list[str] = []
        self._last = 0.0

    def found(self, git_dir: str) -> None:
        """A repository is there; linked worktrees and submodules go with theirs."""
        if (
            self._mode != "off"
            and os.path.basename(git_dir) == ".git"
            and git_dir not in self._seen
        ):
            self._seen.add(git_dir)
            self._waiting[git_dir] = None

    def poll(self) -> None:
        """Look at some; when all were, tell of those without the hook. Raises StoreError."""
        if self._waiting:
            self._last = self._monotonic()
            while self._waiting and self._monotonic() - self._last < _TURN_S:
                git_dir = next(iter(self._waiting))
                del self._waiting[git_dir]
                try:
                    self._look(git_dir)
                except (GitError, OSError) as exc:
                    _LOG.info("hooks of %s: %s", shown(git_dir), exc)
        elif self._without and self._monotonic() - self._last > _SETTLE_S:
            tops, self._without = self._without, []
            self._offer(tops)

    def _look(self, git_dir: str) -> None:
        if hooks.get(self._ctx.db, hooks.GLOBAL) is not None:
            return
        if hooks.get(self._ctx.db, shown(git_dir)) is not None:
            return  # installed once: Shadow tells when it is put aside
        top = work_tree(git_dir)
        status = hook.status(self._ctx, top)
        if status.state != "absent":
            return
        if not problems.first_time(self._ctx.db, self._now(), f"hook of {shown(top)}", "offered"):
            return
        if self._mode == "install" and _inside(status.hooks_path, top):
            self._install([top])
        else:
            self._without.append(top)

    def _offer(self, tops: list[str]) -> None:
        names = ", ".join(shown(top) for top in tops[:_SHOWN])
        more = f" and {len(tops) - _SHOWN} more" if len(tops) > _SHOWN else ""
        if len(tops) == 1:
            body = f"{names} has no credguard hook. credguard hook install {quote(names)}"
        else:
            body = (
                f"{len(tops)} repositories have no credguard hook: {names}{more}."
                " For all: credguard hook install --global"
            )
        _LOG.info("%s", body)
        button = Action("hook", "Install the hook", lambda: self._install(tops))
        self._tell("credguard: keep secrets out of git", printable(body), actions=(button,))

    def _install(self, tops: list[str]) -> None:
        done = []
        for top in tops:
            try:
                if not _inside(hook.status(self._ctx, top).hooks_path, top):
                    _LOG.warning("%s keeps its hooks elsewhere: install it by hand", shown(top))
                    continue
                hook.install(self._ctx, top, global_=False)
                done.append(top)
            except GitError as exc:
                _LOG.warning("the hook is not installed in %s: %s", shown(top), exc)
        if done:
            names = ", ".join(shown(top) for top in done[:_SHOWN])
            _LOG.info("hook installed: %s", ", ".join(map(shown, done)))
            self._tell("credguard: the git hook is installed", printable(names))


def _inside(folder: str, top: str) -> bool:
    """Whether git takes the hooks from within `top`: a repository could name any folder."""
    real, root = os.path.realpath(folder), os.path.realpath(top)
    return real.startswith(root + os.sep)
