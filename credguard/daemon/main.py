"""The background service: wires watcher, inbox, worker and scheduler; one loop, one thread of ours.

The loop waits on a pipe that the signal handlers write to, at most a second, so that a folder added
by `credguard watch add` is picked up without any message between the processes.
"""

import contextlib
import logging
import os
import select
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from credguard import logs, notify
from credguard.app.context import Context
from credguard.daemon import lock, manager
from credguard.daemon.alone import AgentThread
from credguard.daemon.announcer import Announcer
from credguard.daemon.children import ENTRY
from credguard.daemon.commits import Commits
from credguard.daemon.inbox import Inbox
from credguard.daemon.layered import Layered
from credguard.daemon.leaks import Leaks
from credguard.daemon.scheduler import Scheduler
from credguard.daemon.shadow import Shadow
from credguard.daemon.tick import Tick
from credguard.daemon.watcher import PRUNED, Watcher, pruned
from credguard.daemon.worker import Worker, real, shown
from credguard.errors import CredguardError, Unsupported
from credguard.store import findings, problems, watches
from credguard.store.fingerprint_key import fingerprint_key

_LOG = logging.getLogger("credguard.daemon")

_IDLE_S = 1.0
# Until the agent listens; it takes over from one that runs alone within this.
_AGENT_S = 10.0
_COMPILE_S = 60.0
_BATCH = 64
_VERIFY_S = 6 * 3600.0
_VERIFY_UNWATCHED_S = 600.0  # while some folders have no watch
# The signal handlers run between statements only: no call into SQLite may wait its usual 10 s.
_BUSY_MS = 1000
_WATCH_PROBLEM = "watched folders"


def run(ctx: Context) -> None:
    """Serve until SIGTERM or SIGINT. Raises AlreadyRunning, StoreError, ConfigError.

    Killed at any instant it loses nothing: the next start looks at every watched file again.
    """
    from credguard import paths
    from credguard.sources.database import load_engine

    held = lock.acquire()
    again = False
    passed = None
    agent = AgentThread(ctx.config)
    try:
        logs.to_file(as_json=ctx.config.log.json)
        if sys.stderr.isatty():
            logs.to_stderr()
        passed = manager.agent_socket()
        agent.start(_AGENT_S, passed)
        config = ctx.config.watch
        start = notify.start if config.notify else _told_nobody
        announcer = Announcer(start, time.monotonic, notify.DEADLINE_S)
        ctx.db.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        _compile_rules()
        engine = Layered(load_engine(paths.private_dir(paths.cache_dir())))
        key = fingerprint_key()
        leaks = Leaks(ctx, engine, announcer.tell, time.time)
        most = config.max_file_mb * 1_000_000
        both: Any = {"max_bytes": most, "tell": announcer.tell, "now": time.time}
        worker = Worker(engine, ctx.db, key, own=leaks.in_file, **both)
        commits = Commits(engine, ctx.db, key, follow=leaks.follow, **both)
        shadow = Shadow(ctx, announcer.tell, time.time)
        scheduler = Scheduler(
            ctx.db, Tick, wall=time.time, monotonic=time.monotonic, tell=announcer.tell
        )
        again = Daemon(ctx.db, worker, commits, shadow, leaks, scheduler, announcer).serve()
    finally:
        agent.stop()
        os.close(held)
    if again:
        manager.keep(passed)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves


def _compile_rules() -> None:
    """Leave compiled rules in the cache; when that fails, loading them does it and says why."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            [sys.executable, "-I", "-S", ENTRY, "rules"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_COMPILE_S,
            check=False,
        )


def _installed() -> str:
    """The environment that our own path leads to; install.sh points it at another one."""
    return os.path.realpath(sys.prefix)


def _told_nobody(_title: str, _body: str) -> None:
    return None


def _identity(folder: str) -> tuple[int, int] | None:
    """Tells a folder from another one of the same name; None: no folder there, or not readable."""
    try:
        status = os.stat(folder)
    except OSError:
        return None
    if not stat.S_ISDIR(status.st_mode) or not os.access(folder, os.R_OK | os.X_OK):
        return None
    return status.st_dev, status.st_ino


class Daemon:
    """The loop. `serve()` returns after a signal, or when another version was installed."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        worker: Worker,
        commits: Commits,
        shadow: Shadow,
        leaks: Leaks,
        scheduler: Scheduler,
        announcer: Announcer,
    ) -> None:
        """Everything is opened by the caller. Raises Unsupported: no inotify instance is left."""
        self._db = connection
        self._worker = worker
        self._commits = commits
        self._shadow = shadow
        self._leaks = leaks
        self._scheduler = scheduler
        self._announcer = announcer
        self._inbox = Inbox(time.monotonic)
        self._watcher = _new_watcher(self._inbox, self._repository)
        self._roots: dict[str, tuple[int, int]] = {}
        self._missing: set[str] = set()
        # Files still to be looked at after a start, a new root or lost events; read lazily.
        self._backlog: deque[Iterator[str]] = deque()
        self._walking = False  # a look at everything is among them
        self._again = ""  # why everything is to be looked at once more after that
        self._verified = time.monotonic()
        self._stopping = False
        self._version = _installed()
        self._heart = manager.Heart(time.monotonic)

    def serve(self) -> bool:
        """Loop until SIGTERM or SIGINT; True when it ended because another version is in place.

        Staying would load what is not loaded yet from the new version, and lose what the next
        upgrade removes.
        """
        read, write = os.pipe()
        os.set_blocking(write, False)
        previous = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        handlers = {number: signal.signal(number, self._stop) for number in _SIGNALS}
        try:
            self._refresh_roots()
            # A file deleted while no daemon ran is in no tree: stored paths are looked at too.
            self._look_at_everything("start")
            manager.tell("READY=1")
            _LOG.info("ready, watching %d roots", len(self._roots))
            while not self._stopping:
                if self._replaced():
                    _LOG.info("another version was installed; going on as that one")
                    return True
                self._turn(read)
            manager.tell("STOPPING=1")
            return False
        finally:
            self._scheduler.stop()
            self._announcer.stop()
            self._watcher.close()
            signal.set_wakeup_fd(previous)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            os.close(read)
            os.close(write)
            _LOG.info("stopped")

    def _replaced(self) -> bool:
        return _installed() != self._version and os.access(sys.executable, os.X_OK)

    def _stop(self, _number: int, _frame: object) -> None:
        self._stopping = True

    def _turn(self, read: int) -> None:
        self._heart.beat()
        try:
            busy = self._work()
            if self._stopping:
                return
            self._refresh_roots()
            self._check_health()
            self._shadow.poll()
            self._leaks.poll()
            self._scheduler.poll()
            self._announcer.poll()
        except CredguardError as exc:
            # A busy or full disk passes; what was not stored is found again by the next look.
            _LOG.error("%s; looking at every file again in a while", exc)
            busy = False
            self._recover()
            if not self._stopping:
                select.select([read], [], [], _IDLE_S * 10)
        if self._stopping:
            return
        wait = self._inbox.wait_s()
        timeout = 0.0 if busy else _IDLE_S if wait is None else min(wait, _IDLE_S)
        if select.select([read], [], [], timeout)[0]:
            os.read(read, 512)

    def _recover(self) -> None:
        self._look_at_everything("the state database failed")
        try:
            if self._db.in_transaction:  # a failed commit leaves it open, and no other could begin
                self._db.rollback()
        except sqlite3.Error as exc:
            _LOG.error("cannot roll back: %s", exc)

    def _work(self) -> bool:
        """Look at some of what waits; True when there is more."""
        paths = self._inbox.take(_BATCH)
        for path in paths:
            if self._stopping:
                return True
            self._handle(path)
        # Also while events pour in: new folders among them get their watch from here.
        for _ in range(_BATCH):
            if not self._backlog or self._stopping:
                break
            old = next(self._backlog[0], None)
            if old is None:
                self._backlog.popleft()
            elif self._worker.changed(old):
                self._worker.scan(old)
        self._commits.poll()
        more = [self._commits.step(), self._leaks.step()]
        return bool(paths or self._backlog or any(more))

    def _repository(self, dot_git: str) -> None:
        """A repository was come upon: what is committed in it is looked at from now on."""
        for git_dir in self._commits.repositories(dot_git):
            self._watcher.add_log(git_dir)
            self._commits.look(git_dir)

    def _handle(self, path: str) -> None:
        git_dir = self._commits.log_of(path)
        if git_dir is not None:
            self._watcher.add_log(git_dir)  # its folder may have come only now
            self._commits.look(git_dir)
            return
        if os.path.basename(path) == ".git":
            self._repository(path)
        if os.path.isdir(path) and not os.path.islink(path):
            if os.path.basename(path) not in PRUNED and self._below_root(path):
                self._backlog.appendleft(self._watcher.add_tree(path))
        elif os.path.lexists(path):
            self._worker.scan(path)
        else:
            self._watcher.forget_tree(path)
            self._worker.gone(path)

    def _below_root(self, path: str) -> bool:
        return any(
            path == root
            or (path.startswith(root.rstrip(os.sep) + os.sep) and not pruned(path, root))
            for root in self._roots
        )

    def _refresh_roots(self) -> None:
        wanted = {*watches.roots(self._db), *self._leaks.folders}
        for root in set(self._roots) - wanted:
            _LOG.info("no longer watched: %s", shown(root))
            self._forget(root)
        self._missing &= wanted
        for root in sorted(wanted):
            identity = _identity(root)
            known = self._roots.get(root)
            if known is not None and identity != known:
                # Moved or removed; another folder may stand in its place already.
                _LOG.warning("gone: %s", shown(root))
                self._forget(root)
                if identity is None:
                    self._worker.gone(root)
            if identity is None:
                if root not in self._missing:
                    self._missing.add(root)
                    _LOG.warning("not readable, watched as soon as it is: %s", shown(root))
            elif identity != known:
                self._missing.discard(root)
                self._roots[root] = identity
                _LOG.info("watching %s", shown(root))
                self._backlog.append(self._watcher.add_tree(root))

    def _forget(self, root: str) -> None:
        del self._roots[root]
        self._watcher.forget_tree(root)
        # What other roots have in common with it stays watched.
        below = [each for each in self._roots if each.startswith(root.rstrip(os.sep) + os.sep)]
        for each in [root] if self._below_root(root) else below:
            self._backlog.append(self._watcher.add_tree(each))

    def _check_health(self) -> None:
        every = _VERIFY_UNWATCHED_S if self._watcher.exhausted else _VERIFY_S
        if not self._watcher.alive:
            self._watcher.close()
            self._watcher = _new_watcher(self._inbox, self._repository)
            self._look_at_everything("the event thread died")
        elif self._watcher.overflowed or self._inbox.overflowed:
            self._watcher.overflowed = self._inbox.overflowed = False
            self._look_at_everything("events were lost")
        elif time.monotonic() - self._verified > every:
            self._look_at_everything("periodic verification")

    def _look_at_everything(self, reason: str) -> None:
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
        self._backlog.append(self._everything())

    def _everything(self) -> Iterator[str]:
        try:
            self._watcher.exhausted = False
            # Stored paths too: a file deleted while events were lost is in no tree.
            for stored in sorted({finding.path for finding in findings.open_findings(self._db)}):
                yield real(stored)
            for root in sorted(self._roots):
                yield from self._watcher.add_tree(root)
            self._tell_limit()
            _LOG.info("every watched file was looked at; %d folders watched", self._watcher.count)
        finally:
            self._walking = False
        if self._again:
            reason, self._again = self._again, ""
            self._look_at_everything(reason)

    def _tell_limit(self) -> None:
        """Keep in the store, for `status`, whether some folders have no watch."""
        if not self._watcher.exhausted:
            problems.solve(self._db, time.time(), _WATCH_PROBLEM)
            return
        problems.put(
            self._db,
            time.time(),
            _WATCH_PROBLEM,
            "limit",
            "the system's limit of inotify watches is reached; the folders beyond it are looked at"
            f" every {_VERIFY_UNWATCHED_S / 60:.0f} minutes only",
            "raise it: sysctl fs.inotify.max_user_watches",
        )


def _new_watcher(inbox: Inbox, repository: Callable[[str], None]) -> Watcher:
    try:
        return Watcher(inbox.put, repository)
    except OSError as exc:
        raise Unsupported(
            f"the system gives no file events: {exc.strerror or exc}",
            hint="raise it: sysctl fs.inotify.max_user_instances",
        ) from exc


_SIGNALS = (signal.SIGTERM, signal.SIGINT)
