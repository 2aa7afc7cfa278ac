"""The background service: wires watcher, inbox, worker and scheduler; one loop, one thread of ours.

The loop waits on a pipe that the signal handlers write to, at most a second, so that a folder added
by `credguard watch add` is picked up without any message between the processes.
"""

import itertools
import logging
import os
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from credguard import logs, notify
from credguard.app.context import Context
from credguard.daemon import lock
from credguard.daemon.inbox import Inbox
from credguard.daemon.scheduler import Scheduler
from credguard.daemon.watcher import PRUNED, Watcher, pruned
from credguard.daemon.worker import Worker, fingerprint_key, shown
from credguard.errors import CredguardError
from credguard.store import findings, watches

_LOG = logging.getLogger("credguard.daemon")

_IDLE_S = 1.0
_BATCH = 64
_VERIFY_S = 6 * 3600.0


def run(ctx: Context) -> None:
    """Serve until SIGTERM or SIGINT. Raises AlreadyRunning, StoreError, ConfigError.

    Killed at any instant it loses nothing: the next start looks at every watched file again.
    """
    from credguard import paths
    from credguard.sources.database import load_engine

    held = lock.acquire()
    again = False
    try:
        logs.to_file()
        if sys.stderr.isatty():
            logs.to_stderr()
        config = ctx.config.watch
        tell: Callable[[str, str], bool] = notify.notify if config.notify else _told_nobody
        worker = Worker(
            load_engine(paths.private_dir(paths.cache_dir())),
            ctx.db,
            fingerprint_key(),
            max_bytes=config.max_file_mb * 1_000_000,
            tell=tell,
            now=time.time,
        )
        scheduler = Scheduler(
            ctx.db, _spawn_tick, wall=time.time, monotonic=time.monotonic, tell=tell
        )
        again = Daemon(ctx.db, worker, scheduler).serve()
    finally:
        os.close(held)
    if again:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves


def _installed() -> str:
    """The environment that our own path leads to; install.sh points it at another one."""
    return os.path.realpath(sys.prefix)


def _told_nobody(_title: str, _body: str) -> bool:
    return False


def _spawn_tick() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "credguard", "daemon", "tick"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


class Daemon:
    """The loop. `serve()` returns after a signal, or when another version was installed."""

    def __init__(
        self, connection: sqlite3.Connection, worker: Worker, scheduler: Scheduler
    ) -> None:
        """Everything is opened by the caller."""
        self._db = connection
        self._worker = worker
        self._scheduler = scheduler
        self._inbox = Inbox(time.monotonic)
        self._watcher = Watcher(self._inbox.put)
        self._roots: set[str] = set()
        self._missing: set[str] = set()
        # Files still to be looked at after a start, a new root or lost events; read lazily.
        self._backlog: Iterator[str] = iter(())
        self._verified = time.monotonic()
        self._stopping = False
        self._version = _installed()

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
            _sd_notify("READY=1")
            _LOG.info(
                "ready, %d folders watched below %d roots", self._watcher.count, len(self._roots)
            )
            while not self._stopping:
                if self._replaced():
                    _LOG.info("another version was installed; going on as that one")
                    return True
                self._turn(read)
            _sd_notify("STOPPING=1")
            return False
        finally:
            self._scheduler.stop()
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
        try:
            busy = self._work()
            self._refresh_roots()
            self._check_health()
            self._scheduler.poll()
        except (sqlite3.Error, CredguardError) as exc:
            # A busy or full disk passes; what was not stored is found again by the rescan.
            _LOG.error("%s; looking at every file again in a while", exc)
            busy = False
            self._rescan("the state database failed")
            select.select([read], [], [], _IDLE_S * 10)
        if self._stopping:
            return
        wait = self._inbox.wait_s()
        timeout = 0.0 if busy else _IDLE_S if wait is None else min(wait, _IDLE_S)
        if select.select([read], [], [], timeout)[0]:
            os.read(read, 512)

    def _work(self) -> bool:
        """Scan some of what waits; True when there is more."""
        paths = self._inbox.take(_BATCH)
        for path in paths:
            self._handle(path)
        old = list(itertools.islice(self._backlog, _BATCH - len(paths)))
        for path in old:
            if self._worker.changed(path):
                self._worker.scan(path)
        return bool(paths or old)

    def _handle(self, path: str) -> None:
        if os.path.isdir(path) and not os.path.islink(path):
            if os.path.basename(path) not in PRUNED and self._below_root(path):
                self._backlog = itertools.chain(self._watcher.add_tree(path), self._backlog)
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
        wanted = set(watches.roots(self._db))
        for root in self._roots - wanted:
            _LOG.info("no longer watched: %s", shown(root))
            self._watcher.forget_tree(root)
        self._roots &= wanted
        for root in sorted(wanted - self._roots):
            if not os.path.isdir(root):
                if root not in self._missing:
                    self._missing.add(root)
                    _LOG.warning("not there, watched as soon as it is: %s", shown(root))
                continue
            self._missing.discard(root)
            self._roots.add(root)
            _LOG.info("watching %s", shown(root))
            self._watch(root)
        for root in [root for root in self._roots if not os.path.isdir(root)]:
            _LOG.warning("gone: %s", shown(root))
            self._roots.discard(root)
            self._watcher.forget_tree(root)

    def _watch(self, root: str) -> None:
        self._backlog = itertools.chain(self._backlog, self._watcher.add_tree(root))

    def _check_health(self) -> None:
        if not self._watcher.alive:
            self._watcher.close()
            self._watcher = Watcher(self._inbox.put)
            self._rescan("the event thread died")
        elif self._watcher.overflowed or self._inbox.overflowed:
            self._watcher.overflowed = self._inbox.overflowed = False
            self._rescan("events were lost")
        elif time.monotonic() - self._verified > _VERIFY_S:
            self._rescan("periodic verification")

    def _rescan(self, reason: str) -> None:
        """Walk every root again; only files that differ from the snapshot are read."""
        _LOG.info("looking at every watched file: %s", reason)
        self._verified = time.monotonic()
        stored = {finding.path for finding in findings.open_findings(self._db)}
        trees = [self._watcher.add_tree(root) for root in sorted(self._roots)]
        # Stored paths too: a file deleted while events were lost is in no tree.
        self._backlog = itertools.chain(sorted(stored), *trees)


_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def _sd_notify(state: str) -> None:
    """Tell systemd `state`, where it asked (Type=notify). Best effort."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.connect(address)
            sock.sendall(state.encode())
    except OSError as exc:
        _LOG.warning("systemd could not be told %s: %s", state, exc.strerror)
