"""Folders that got no watch, and repositories of which nobody tells: looked at now and then."""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator

from credguard.daemon.commits import Commits
from credguard.daemon.roots import gone
from credguard.daemon.tree import Ignores, worth
from credguard.daemon.watcher import Watcher
from credguard.report.advice import leaks_while_ignored
from credguard.sources import mounts
from credguard.store import problems, watches

EVERY_S = 30.0
_SHARE = 50  # it takes at most so much less time than lies between two rounds
_PROBLEM = "watched folders"


class Polling:
    """`due` every second; `files` is then to be read to its end. Used by one thread."""

    def __init__(
        self,
        ignores: Ignores,
        commits: Commits,
        changed: Callable[[str], bool],
        gone: Callable[[str], None],
    ) -> None:
        """`changed`: whether a file is to be read; `gone` hears of folders that are not there."""
        self._ignores = ignores
        self._commits = commits
        self._changed = changed
        self._gone = gone
        self._looked, self._every_s, self._running = 0.0, EVERY_S, False

    def due(self, watcher: Watcher) -> bool:
        """Whether a round is to begin; then it has."""
        if self._running or not (watcher.unwatched or watcher.unlogged):
            return False
        if time.monotonic() - self._looked < self._every_s:
            return False
        self._running = True
        return True

    def files(self, watcher: Watcher) -> Iterator[str]:
        """Each file that changed in a folder without a watch, and those in new folders there."""
        spent, start = 0.0, time.monotonic()
        try:
            for git_dir in list(watcher.unlogged):
                self._commits.look(git_dir)
            known = watcher.folders() | set(watcher.unwatched)
            for folder in list(watcher.unwatched):
                if mounts.network(folder):
                    continue
                try:
                    with os.scandir(folder) as listing:
                        entries = list(listing)
                except OSError:
                    if gone(folder):
                        self._gone(folder)
                    continue
                below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
                fresh = [path for path in below if path not in known]
                ignored = self._ignores.among(fresh)
                for path in fresh:
                    if path not in ignored and worth(path, self._ignores):
                        spent += time.monotonic() - start
                        yield from watcher.add_tree(path)
                        start = time.monotonic()
                files = [entry.path for entry in entries if entry.is_file(follow_symlinks=False)]
                changed = [path for path in files if self._changed(path)]
                ignored = self._ignores.among(changed)
                spent += time.monotonic() - start
                for path in changed:
                    if path not in ignored or leaks_while_ignored(os.path.basename(path)):
                        yield path
                start = time.monotonic()
        finally:
            self._running = False
            self._looked = time.monotonic()
            self._every_s = max(EVERY_S, _SHARE * spent)


def walked(watcher: Watcher, connection: sqlite3.Connection, root: str) -> Iterator[str]:
    """Every file of `root`, which is watched from now on; their count is kept at the end."""
    files = 0
    for path in watcher.add_tree(root):
        files += 1
        yield path
    watches.set_looked(connection, root, files, time.time())


def tell_limit(connection: sqlite3.Connection, count: int, now: float) -> None:
    """Keep in the store, for `status`, whether `count` folders have no watch."""
    if not count:
        problems.solve(connection, now, _PROBLEM)
        return
    problems.put(
        connection,
        now,
        _PROBLEM,
        "limit",
        f"no inotify watch is left for {count} folders; they are looked at about every"
        f" {EVERY_S:.0f} seconds instead",
        "give more: sysctl fs.inotify.max_user_watches; or: credguard config set"
        " watch.most_watches NUMBER",
    )
