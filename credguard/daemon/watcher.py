"""File events as hints, from watchdog. Its only importer.

Linux: one inotify instance, one thread, one watch for every kept folder. watchdog's Observer costs
a thread for each non-recursive watch and its recursive one cannot prune, so its InotifyFD is used
directly. Elsewhere the platform's recursive observer, its events filtered. Handlers only put paths
into the inbox.
"""

import errno
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator

from credguard.daemon.roots import above
from credguard.daemon.tree import Ignores, kept_folders
from credguard.errors import Unsupported
from credguard.sources.ignored import PRUNED

_LOG = logging.getLogger("credguard.daemon.watcher")
# What it warns of is said in our own words; without a handler it would print it.
logging.getLogger("watchdog").addHandler(logging.NullHandler())

_SHARE = 4
_LEAST = 1024
_LIMIT_FILE = "/proc/sys/fs/inotify/max_user_watches"


def budget() -> int:
    """How many folders may be watched: a quarter of what the system gives a user.

    The rest is for editors and build tools, which stop working without.
    """
    try:
        with open(_LIMIT_FILE, encoding="ascii") as file:
            return max(int(file.read()) // _SHARE, _LEAST)
    except (OSError, ValueError):
        return 1 << 30


def pruned(path: str, root: str) -> bool:
    """Whether `path`, below `root`, is a folder that is never watched, or lies in one."""
    return not PRUNED.isdisjoint(path[len(root) :].split(os.sep))


if sys.platform == "linux":
    from watchdog.observers.inotify_c import (
        CallbackId,
        InotifyConstants,
        InotifyEvent,
        InotifyFD,
        Mask,
        WatchDescriptor,
    )

    _MASK = Mask(
        InotifyConstants.IN_CLOSE_WRITE
        | InotifyConstants.IN_MOVED_TO
        | InotifyConstants.IN_MOVED_FROM
        | InotifyConstants.IN_CREATE
        | InotifyConstants.IN_DELETE
        | InotifyConstants.IN_ONLYDIR
        | InotifyConstants.IN_DONT_FOLLOW
    )
    _ID = CallbackId(1)

    class Watcher:
        """Watches folders and puts paths that changed, came or went."""

        def __init__(
            self,
            put: Callable[[str], None],
            ignores: Ignores,
            repository: Callable[[str], object] = lambda _: None,
            wanted: Callable[[str], bool] = lambda _: False,
            most: int | None = None,
        ) -> None:
            """`put` is called from the event thread; `repository` with each `.git` of a tree added.

            `wanted(name)`: a file that git ignores is given all the same. `most`: folders watched,
            None: `budget()`. Raises OSError: no inotify instance left.
            """
            self._put = put
            self._ignores = ignores
            self._repository = repository
            self._wanted = wanted
            self._most = budget() if most is None else most
            self._logs: set[str] = set()
            self._fd = InotifyFD()
            self._fd.daemon = True
            self._lock = threading.Lock()
            self._folder: dict[WatchDescriptor, str] = {}
            self._closing = False
            self.overflowed = False
            self._full = False  # the system gives no more watches
            self.unwatched: dict[str, None] = {}
            """Folders that got no watch, in order: to be looked at from time to time."""
            self.unlogged: dict[str, None] = {}
            """Git folders of which nobody tells that HEAD moved."""
            self._fd.start()

        @property
        def alive(self) -> bool:
            """False when the event thread has died: make another watcher and rescan."""
            return self._fd.is_alive()

        @property
        def count(self) -> int:
            """The number of folders watched."""
            return len(self._folder)

        def add_tree(self, top: str) -> Iterator[str]:
            """Watch the kept folders at and below `top`; gives every file in them, after its
            folder's watch is on, so nothing that is written meanwhile is missed.
            """
            self._full = False  # some may have been given back
            for folder, files in kept_folders(
                top, self._ignores, self._add, self._repository, self._wanted
            ):
                for name in files:
                    yield os.path.join(folder, name)

        def add_log(self, git_dir: str) -> None:
            """Put `git_dir/logs/HEAD`, or what it is kept as, when HEAD moves."""
            for name in ("logs", "reftable"):
                folder = os.path.join(git_dir, name)
                if os.path.isdir(folder):
                    break
            else:
                folder = git_dir
            self._logs.add(folder)
            # Few, and cheap to have: our own limit is not for them, only the system's.
            if self._watched(folder):
                self.unlogged.pop(git_dir, None)
            else:
                self.unlogged[git_dir] = None

        def add_folder(self, folder: str) -> None:
            """Watch `folder` alone."""
            self._add(folder)

        def folders(self) -> set[str]:
            """Every folder that has a watch."""
            with self._lock:
                return set(self._folder.values())

        def _add(self, folder: str) -> None:
            if (not self._full and len(self._folder) < self._most) and self._watched(folder):
                self.unwatched.pop(folder, None)
            elif self._full or len(self._folder) >= self._most:
                if not self.unwatched:
                    _LOG.warning("the limit of inotify watches is reached at %s: polling", folder)
                self.unwatched[folder] = None

        def _watched(self, folder: str) -> bool:
            """Watch `folder`; False when that cannot be done, `_full`: for want of watches."""
            try:
                if not os.access(folder, os.R_OK):  # watchdog takes EACCES for success
                    return False
                with warnings.catch_warnings():
                    # A moved folder keeps its descriptor; watchdog warns of the callback replaced.
                    warnings.simplefilter("ignore", RuntimeWarning)
                    wd = self._fd.add_callback(os.fsencode(folder), _MASK, self, _ID)
            except OSError as exc:
                if exc.errno == errno.ENOSPC:
                    self._full = True
                elif exc.errno not in (errno.ENOENT, errno.ENOTDIR):
                    _LOG.warning("cannot watch %s: %s", folder, exc.strerror)
                return False
            with self._lock:
                self._folder[wd] = folder
            return True

        def forget_tree(self, top: str) -> bool:
            """Stop watching `top` and below; False when it was not watched."""
            prefix = top.rstrip("/") + "/"
            for folder in [f for f in self.unwatched if f == top or f.startswith(prefix)]:
                del self.unwatched[folder]
            with self._lock:
                gone = [
                    wd
                    for wd, path in self._folder.items()
                    if path == top or path.startswith(prefix)
                ]
                for wd in gone:
                    del self._folder[wd]
            for wd in gone:
                try:
                    self._fd.remove_callbacks([(wd, _ID)])
                except OSError as exc:
                    _LOG.debug("watch %s: %s", wd, exc.strerror)
            return bool(gone)

        def close(self) -> None:
            """Stop the event thread."""
            self._closing = True
            self._fd.stop()
            self._fd.join(5)

        def on_event(self, event: InotifyEvent) -> None:
            """Called by watchdog: put the path of what was written, came or went."""
            folder = self._folder.get(event.wd)
            if folder is None or not event.name:
                return
            name = os.fsdecode(event.name)
            # A created file too, though its content comes with the close: a hard link has no close.
            if folder in self._logs and name not in ("HEAD", "logs", "reftable", "tables.list"):
                return
            if event.is_directory and name in PRUNED and name != ".git":
                return
            self._put(os.path.join(folder, name))

        def on_watch_deleted(self, wd: WatchDescriptor) -> None:
            """Called by watchdog: the folder is gone."""
            with self._lock:
                folder = self._folder.pop(wd, None)
            if folder is not None and not self._closing:
                self._put(folder)

        def on_queue_overflow(self) -> None:
            """Called by watchdog: the kernel dropped events; the main loop rescans."""
            self.overflowed = True

else:
    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer
    from watchdog.observers.api import ObservedWatch

    class _Handler(FileSystemEventHandler):
        def __init__(self, put: Callable[[str], None], root: str) -> None:
            self._put = put
            self._root = root

        def _wanted(self, path: str) -> bool:
            moved = path.endswith((f"logs{os.sep}HEAD", f"reftable{os.sep}tables.list"))
            return moved or not pruned(path, self._root)

        def on_any_event(self, event: FileSystemEvent) -> None:
            if event.event_type in ("opened", "closed_no_write"):
                return
            for path in (event.src_path, event.dest_path):
                if path and self._wanted(os.fsdecode(path)):
                    self._put(os.fsdecode(path))

    class Watcher:
        """Watches folders and puts paths that changed, came or went."""

        def __init__(
            self,
            put: Callable[[str], None],
            ignores: Ignores,
            repository: Callable[[str], object] = lambda _: None,
            wanted: Callable[[str], bool] = lambda _: False,
            most: int | None = None,  # noqa: ARG002 - a recursive watch costs one, or none
        ) -> None:
            """`put` is called from the event thread; `repository` with each `.git` in a tree.

            `wanted(name)`: a file that git ignores is given all the same.
            """
            self._put = put
            self._ignores = ignores
            self._repository = repository
            self._wanted = wanted
            self._observer = Observer()
            self._trees: dict[str, ObservedWatch] = {}
            self._alone: dict[str, ObservedWatch] = {}
            self.overflowed = False
            self.unwatched: dict[str, None] = {}
            self.unlogged: dict[str, None] = {}
            self._observer.start()

        @property
        def alive(self) -> bool:
            """False when an event thread has died: make another watcher and rescan."""
            return self._observer.is_alive() and all(e.is_alive() for e in self._observer.emitters)

        @property
        def count(self) -> int:
            """The number of folders watched."""
            return len(self._trees) + len(self._alone)

        def add_tree(self, top: str) -> Iterator[str]:
            """Watch `top` and below; gives every file in the kept folders."""
            if above(top, self._trees) is None:
                self.forget_tree(top)
                handler = _Handler(self._put, top)
                self._trees[top] = self._observer.schedule(handler, top, recursive=True)
            for folder, files in kept_folders(
                top, self._ignores, repository=self._repository, wanted=self._wanted
            ):
                for name in files:
                    yield os.path.join(folder, name)

        def folders(self) -> set[str]:
            """Every folder that has a watch."""
            return {*self._trees, *self._alone}

        def add_folder(self, folder: str) -> None:
            """Watch `folder` alone."""
            if folder not in self._alone and above(folder, self._trees) is None:
                handler = _Handler(self._put, folder)
                self._alone[folder] = self._observer.schedule(handler, folder, recursive=False)

        def add_log(self, git_dir: str) -> None:
            """Put `git_dir/logs/HEAD` when HEAD moves: the recursive watch has it already."""

        def forget_tree(self, top: str) -> bool:
            """Stop watching `top`; False when it was not watched."""
            watch = self._trees.pop(top, None) or self._alone.pop(top, None)
            if watch is not None:
                self._observer.unschedule(watch)
            return watch is not None

        def close(self) -> None:
            """Stop the event threads."""
            self._observer.stop()
            self._observer.join(5)


def opened(
    put: Callable[[str], None],
    ignores: Ignores,
    repository: Callable[[str], object],
    wanted: Callable[[str], bool],
    most: int | None,
) -> Watcher:
    """A Watcher, see there. Raises Unsupported: the system gives no file events."""
    try:
        return Watcher(put, ignores, repository, wanted, most)
    except OSError as exc:
        raise Unsupported(
            f"the system gives no file events: {exc.strerror or exc}",
            hint="raise it: sysctl fs.inotify.max_user_instances",
        ) from exc
