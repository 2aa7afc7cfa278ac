"""What is watched, and what becomes of each path that changed: roots, places, losses, polling.

Events are hints. What may have been missed is made good by walks that read only what differs from
the snapshot; each has its reason in the log.
"""

import logging
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator

from credguard.config_model import WatchConfig
from credguard.daemon.clock import Jumps
from credguard.daemon.commits import Commits
from credguard.daemon.inbox import Inbox
from credguard.daemon.letting import FILES, Letting
from credguard.daemon.memory import give_back
from credguard.daemon.offers import Offers
from credguard.daemon.places import Place, places
from credguard.daemon.polling import Polling, tell_limit, walked
from credguard.daemon.roots import Root, above, editors_own, gone, removed, root_at, within
from credguard.daemon.tree import Ignores, worth
from credguard.daemon.watcher import Watcher, opened, pruned
from credguard.daemon.worker import Worker, real, shown
from credguard.report.advice import leaks_while_ignored
from credguard.sources import mounts
from credguard.store import findings, watches

_LOG = logging.getLogger("credguard.daemon.watching")

_BATCH = 64
_PAUSE = ""  # among the files of the backlog: what else waits has its turn first
_VERIFY_S = 6 * 3600.0
_PLACES_S = 10.0
_COOL = 20  # a file that takes long to scan, such as a log, rests for so many times that
_LEAST_COOL_S = 0.05
_MOST_COOLING = 256  # that many are looked through for those that rested


class Watching:
    """Used by one thread: `step` while it says so, `refresh` and `check` every second."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        worker: Worker,
        commits: Commits,
        letting: Letting,
        offers: Offers,
        config: WatchConfig,
        *,
        wake: Callable[[], None],
        stopping: Callable[[], bool],
        wall: Callable[[], float] = time.time,
        besides: Callable[[], list[str]] = list,
    ) -> None:
        """`wake` is called, from another thread, when there is something to do. `wall`: seconds.

        `besides`: folders that are roots too.

        Raises Unsupported: no inotify instance is left.
        """
        self._db = connection
        self._worker = worker
        self._commits = commits
        self._letting = letting
        self._offers = offers
        self._most = config.most_watches or None
        self._stopping = stopping
        self._besides = besides
        self._inbox = Inbox(time.monotonic, wake=wake)
        self._ignores = Ignores(time.monotonic)
        self._watcher = self._new_watcher()
        self._roots: dict[str, Root] = {}
        self._missing: set[str] = set()
        self._unmounted: set[str] = set()  # whose file system went; what lay in it is not judged
        self._wanted_places = places(config.places)
        self._places: dict[str, list[Place]] = {}
        self._stood: dict[str, Root | None] = {}  # at the folder of each place
        self._places_at = -_PLACES_S
        # Files still to be looked at after a start, a new root or lost events; read lazily.
        self._backlog: deque[Iterator[str]] = deque()
        # Looks at everything, beside it: new folders without an end do not keep one from ending.
        self._walks: deque[Iterator[str]] = deque()
        self._walking = False  # a look at everything is among them
        self._again = ""  # why everything is to be looked at once more after that
        self._verified = time.monotonic()
        self._jumps = Jumps(wall, time.monotonic)
        self._polling = Polling(self._ignores, commits, worker.changed, self._gone)
        self._cooling: dict[str, float] = {}  # path -> not before
        self._later: dict[str, float] = {}

    @property
    def roots(self) -> int:
        """How many folders are watched with all below them: chosen, or synced."""
        return len(self._roots)

    def close(self) -> None:
        """Stop the event thread."""
        self._watcher.close()

    def wait_s(self) -> float | None:
        """Seconds until a path is due; None: none waits."""
        return self._inbox.wait_s()

    def step(self) -> bool:
        """Look at some of what waits; True when there is more. Raises StoreError."""
        self._warm()
        paths = self._inbox.take(_BATCH)
        ignored = self._ignores.among(paths)
        for path in paths:
            if self._stopping():
                return True
            self._handle(path, ignored=path in ignored)
        # Also while events pour in: new folders among them get their watch from here.
        self._read_some(self._backlog)
        self._read_some(self._walks)
        self._commits.poll()
        committed = self._commits.step()
        return bool(paths or self._backlog or self._walks or committed)

    def _read_some(self, waiting: deque[Iterator[str]]) -> None:
        for _ in range(_BATCH):
            if not waiting or self._stopping():
                break
            old = next(waiting[0], None)
            if old == _PAUSE:
                break
            if old is None:
                waiting.popleft()
            elif self._worker.changed(old):
                self._scan(old)

    def _warm(self) -> None:
        """Put what rested long enough."""
        if self._later:
            now = time.monotonic()
            for path in [path for path, due in self._later.items() if due <= now]:
                del self._later[path]
                self._inbox.put(path)

    # One path

    def _handle(self, path: str, *, ignored: bool) -> None:
        if mounts.network(path):
            return
        if (git_dir := self._commits.log_of(path)) is not None:
            self._watcher.add_log(git_dir)  # its folder may have come only now
            self._commits.look(git_dir)
            return
        folder, name = os.path.split(path)
        if name == ".git":
            self._ignores.forget(path)
            self._repository(path)
        elif name in FILES or name == ".gitignore":
            self._judge_again(folder, name)
        if not self._below_root(path):
            self._in_place(path, folder, name)
        elif os.path.isdir(path) and not os.path.islink(path):
            own = os.path.lexists(os.path.join(path, ".git"))
            if (own or not ignored) and worth(path, self._ignores):
                self._backlog.appendleft(self._watcher.add_tree(path))
        elif gone(path):
            self._gone(path)
        elif not ignored or leaks_while_ignored(name):
            self._scan(path)
        elif findings.any_in(self._db, shown(path)):
            self._scan(path, "git ignores it")

    def _in_place(self, path: str, folder: str, name: str) -> None:
        if path in self._places:
            self._place_went(path)
        if any(place.wanted(name) for place in self._places.get(folder, ())):
            self._scan(path)

    def _look_again(self, path: str, *, ignored: bool) -> None:
        """At a file with findings, which may be in no tree any more."""
        if not gone(path):
            if self._worker.changed(path):
                self._handle(path, ignored=ignored)
        elif above(path, self._missing | self._unmounted) is None:
            self._worker.gone(path)  # in a root that is not there now it need not be gone

    def _scan(self, path: str, ignored: str = "") -> None:
        if editors_own(os.path.basename(path)):
            return
        start = time.monotonic()
        if (due := self._cooling.get(path)) is not None and start < due:
            self._later[path] = due
            return
        self._worker.scan(path, ignored)
        now = time.monotonic()
        if now - start > _LEAST_COOL_S:
            if len(self._cooling) >= _MOST_COOLING:
                self._cooling = {each: at for each, at in self._cooling.items() if at > now}
            self._cooling[path] = now + _COOL * (now - start)
        elif due is not None:
            del self._cooling[path]

    def _gone(self, path: str) -> None:
        """`path` is not there: resolved, unless it went with the file system that it lay in."""
        self._watcher.forget_tree(path)
        root = above(path, self._roots)
        if root is not None:
            was = self._roots[root]
            if root_at(root) != was and (was.mounted or gone(root)) and not removed(root, was):
                self._worker.forget(path)
                return
        self._worker.gone(path)

    def _judge_again(self, folder: str, name: str) -> None:
        """What lets findings pass changed in `folder`: those below are looked at again."""
        self._letting.forget()
        self._ignores.forget(os.path.join(folder, name))
        for stored in findings.paths_below(self._db, shown(folder)):
            self._worker.forget(real(stored))
        self._look_below(folder)

    def _repository(self, dot_git: str) -> None:
        """A repository was come upon: what is committed in it is looked at from now on."""
        for git_dir in self._commits.repositories(dot_git):
            self._watcher.add_log(git_dir)
            self._commits.look(git_dir)
            self._offers.found(git_dir)

    def _below_root(self, path: str) -> bool:
        return any(within(path, root) and not pruned(path, root) for root in self._roots)

    # Roots and places

    def start(self) -> None:
        """Take up all roots, and look at everything. Raises StoreError."""
        self.refresh()
        self._backlog.clear()  # what follows walks them all
        # A file deleted while no daemon ran is in no tree: stored paths are looked at too.
        self.look_at_everything("start")

    def refresh(self) -> None:
        """Take up roots that came, let go those that went. Raises StoreError."""
        wanted = {*watches.roots(self._db), *self._besides()}
        for root in set(self._roots) - wanted:
            _LOG.info("no longer watched: %s", shown(root))
            self._forget(root)
        self._missing &= wanted
        self._unmounted &= wanted
        for root in sorted(wanted):
            here = root_at(root)
            known = self._roots.get(root)
            if known is not None and here != known:
                # Moved, removed or unmounted; another folder may stand in its place already.
                _LOG.warning("gone: %s", shown(root))
                self._forget(root)
                self._unmounted |= {root} if known.mounted else set()
                if here is None and removed(root, known):
                    self._worker.gone(root)
            if here is None:
                if root not in self._missing:
                    self._missing.add(root)
                    why = "not readable, watched as soon as it is"
                    if kind := mounts.network(root):
                        why = f"left out while on a network file system ({kind})"
                    _LOG.warning("%s: %s", why, shown(root))
            elif here != known:
                self._unmounted -= {root} if here.mounted else set()
                if root in self._missing or (known is not None and not known.mounted):
                    self._look_below(root)  # for what went meanwhile
                self._missing.discard(root)
                self._roots[root] = here
                _LOG.info("watching %s", shown(root))
                self._backlog.append(walked(self._watcher, self._db, root))
        self._refresh_places()

    def _forget(self, root: str) -> None:
        del self._roots[root]
        self._watcher.forget_tree(root)
        self._ignores.forget()
        # What other roots have in common with it stays watched.
        below = [each for each in self._roots if within(each, root)]
        for each in [root] if self._below_root(root) else below:
            self._backlog.append(self._watcher.add_tree(each))
        for folder, known in self._places.items():
            if known and within(folder, root):
                self._place_went(folder)

    def _refresh_places(self) -> None:
        now = time.monotonic()
        if now - self._places_at < _PLACES_S:
            return
        self._places_at = now
        stands = {place.folder: root_at(place.folder) for place in self._wanted_places}
        for folder, known in self._places.items():
            if known and stands[folder] != self._stood[folder]:
                self._place_went(folder)
        self._stood = stands
        for place in self._wanted_places:
            known = self._places.setdefault(place.folder, [])
            if place in known or stands[place.folder] is None:
                continue
            known.append(place)
            _LOG.info("watching what is downloaded or typed: %s", shown(place.folder))
            self._backlog.append(self._in_folder(place))

    def _place_went(self, folder: str) -> None:
        """It was removed, and perhaps made again: the watch went with the old one."""
        self._places[folder].clear()
        self._places_at = -_PLACES_S
        self._look_below(folder)

    def _look_below(self, folder: str) -> None:
        """At the files with findings at and below `folder`, soon."""
        for path in self._stored(shown(folder)):
            self._inbox.put(path)

    def _stored(self, folder: str) -> list[str]:
        paths = findings.paths_below(self._db, folder)
        return [real(each) for each in paths if not mounts.network(each)]

    def _in_folder(self, place: Place) -> Iterator[str]:
        if not self._below_root(place.folder):
            self._watcher.add_folder(place.folder)
        try:
            with os.scandir(place.folder) as listing:
                names = [entry.name for entry in listing if entry.is_file(follow_symlinks=False)]
        except OSError as exc:
            _LOG.info("cannot list %s: %s", shown(place.folder), exc.strerror)
            known = self._places.get(place.folder, [])
            if place in known:
                known.remove(place)
            return
        for name in names:
            if place.wanted(name):
                yield os.path.join(place.folder, name)

    # What may have been missed

    def check(self) -> None:
        """Look whether events were lost, and begin what makes it good. Raises StoreError."""
        jumped = self._jumps.jumped()
        if not self._watcher.alive:
            self._watcher.close()
            self._watcher = self._new_watcher()
            self._places.clear()
            self._places_at = -_PLACES_S
            self.look_at_everything("the event thread died")
        elif self._watcher.overflowed or self._inbox.overflowed:
            self._watcher.overflowed = self._inbox.overflowed = False
            self.look_at_everything("events were lost")
        elif jumped:
            self.look_at_everything("the machine slept, or its clock was set")
        elif time.monotonic() - self._verified > _VERIFY_S:
            self.look_at_everything("periodic verification")
        if self._polling.due(self._watcher):
            self._backlog.append(self._polling.files(self._watcher))

    def look_at_everything(self, reason: str) -> None:
        """Walk every root; only files that differ from the snapshot are read.

        While such a walk is on, another one follows it: beginning anew each time would let a steady
        loss of events keep the last folders from ever being looked at.
        """
        if self._walking:
            self._again = reason
            return
        self._walking = True
        self._verified = time.monotonic()
        _LOG.info("looking at every watched file: %s", reason)
        self._walks.append(self._everything())

    def _everything(self) -> Iterator[str]:
        try:
            self._ignores.forget()
            self._letting.forget()
            # Stored paths too: a file deleted while events were lost is in no tree.
            stored = self._stored("/")
            for start in range(0, len(stored), _BATCH):
                paths = stored[start : start + _BATCH]
                ignored = self._ignores.among(list(filter(self._worker.changed, paths)))
                for path in paths:
                    self._look_again(path, ignored=path in ignored)
                yield _PAUSE
            for root in sorted(self._roots):
                yield from walked(self._watcher, self._db, root)
            for known in list(self._places.values()):
                for place in list(known):
                    yield from self._in_folder(place)
            tell_limit(self._db, len(self._watcher.unwatched), time.time())
            _LOG.info("every watched file was looked at; %d folders watched", self._watcher.count)
            give_back()
        finally:
            self._walking = False
        if self._again:
            reason, self._again = self._again, ""
            self.look_at_everything(reason)

    def _new_watcher(self) -> Watcher:
        return opened(
            self._inbox.put, self._ignores, self._repository, leaks_while_ignored, self._most
        )
