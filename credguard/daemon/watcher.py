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

_LOG = logging.getLogger("credguard.daemon.watcher")
# What it warns of is said in our own words; without a handler it would print it.
logging.getLogger("watchdog").addHandler(logging.NullHandler())

PRUNED = frozenset(
    {
        ".git", ".hg", ".svn", "node_modules", ".venv", "venv", "target", "dist", "build",
        "__pycache__", ".tox", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".cache",
    }
)  # fmt: skip


def kept_folders(
    top: str,
    enter: Callable[[str], object] = lambda _: None,
    repository: Callable[[str], object] = lambda _: None,
) -> Iterator[tuple[str, list[str]]]:
    """Every folder at and below `top` that is not pruned, with its file names.

    `enter` is called with a folder before it is listed, `repository` with each `.git`, a folder or
    a file. No symlink is followed.
    """
    stack = [top]
    while stack:
        folder = stack.pop()
        files: list[str] = []
        enter(folder)
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name == ".git" and not entry.is_symlink():
                        repository(entry.path)
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name not in PRUNED:
                            stack.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        files.append(entry.name)
        except OSError as exc:  # gone meanwhile, or not readable: nothing in it can be read either
            if exc.errno != errno.ENOENT:
                _LOG.warning("cannot list %s: %s", folder, exc.strerror)
            continue
        yield folder, files


def pruned(path: str, root: str) -> bool:
    """Whether `path` lies in a folder below `root` that is not watched."""
    return not PRUNED.isdisjoint(os.path.relpath(path, root).split(os.sep))


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
            self, put: Callable[[str], None], repository: Callable[[str], object] = lambda _: None
        ) -> None:
            """`put` is called from the event thread; `repository` with each `.git` of a tree added.

            Raises OSError: no inotify instance left.
            """
            self._put = put
            self._repository = repository
            self._logs: set[str] = set()
            self._fd = InotifyFD()
            self._fd.daemon = True
            self._lock = threading.Lock()
            self._folder: dict[WatchDescriptor, str] = {}
            self._closing = False
            self.overflowed = False
            self.exhausted = False  # the system's limit of watches was reached
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
            for folder, files in kept_folders(top, self._add, self._repository):
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
            self._add(folder)

        def _add(self, folder: str) -> None:
            try:
                if not os.access(folder, os.R_OK):  # watchdog takes EACCES for success
                    return
                with warnings.catch_warnings():
                    # A moved folder keeps its descriptor; watchdog warns of the callback replaced.
                    warnings.simplefilter("ignore", RuntimeWarning)
                    wd = self._fd.add_callback(os.fsencode(folder), _MASK, self, _ID)
            except OSError as exc:
                if exc.errno == errno.ENOSPC and not self.exhausted:
                    self.exhausted = True
                    _LOG.error(
                        "the system's limit of inotify watches is reached at %s: folders beyond it"
                        " are only looked at by rescans; raise fs.inotify.max_user_watches",
                        folder,
                    )
                elif exc.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ENOSPC):
                    _LOG.warning("cannot watch %s: %s", folder, exc.strerror)
                return
            with self._lock:
                self._folder[wd] = folder

        def forget_tree(self, top: str) -> bool:
            """Stop watching `top` and below; False when it was not watched."""
            prefix = top.rstrip("/") + "/"
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
            self, put: Callable[[str], None], repository: Callable[[str], object] = lambda _: None
        ) -> None:
            """`put` is called from the event thread; `repository` with each `.git` in a tree."""
            self._put = put
            self._repository = repository
            self._observer = Observer()
            self._watches: dict[str, ObservedWatch] = {}
            self.overflowed = False
            self.exhausted = False
            self._observer.start()

        @property
        def alive(self) -> bool:
            """False when an event thread has died: make another watcher and rescan."""
            return self._observer.is_alive() and all(e.is_alive() for e in self._observer.emitters)

        @property
        def count(self) -> int:
            """The number of folders watched."""
            return len(self._watches)

        def add_tree(self, top: str) -> Iterator[str]:
            """Watch `top` and below; gives every file in the kept folders."""
            if not any(
                top == w or top.startswith(w.rstrip(os.sep) + os.sep) for w in self._watches
            ):
                handler = _Handler(self._put, top)
                self._watches[top] = self._observer.schedule(handler, top, recursive=True)
            for folder, files in kept_folders(top, repository=self._repository):
                for name in files:
                    yield os.path.join(folder, name)

        def add_log(self, git_dir: str) -> None:
            """Put `git_dir/logs/HEAD` when HEAD moves: the recursive watch has it already."""

        def forget_tree(self, top: str) -> bool:
            """Stop watching `top`; False when it was not watched."""
            watch = self._watches.pop(top, None)
            if watch is not None:
                self._observer.unschedule(watch)
            return watch is not None

        def close(self) -> None:
            """Stop the event threads."""
            self._observer.stop()
            self._observer.join(5)
