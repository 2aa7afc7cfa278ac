"""The background service: wires watcher, inbox, worker and scheduler; one loop, one thread of ours.

The loop waits on a pipe that the signal handlers write to, at most a second, so that a folder added
by `credguard watch add` is picked up without any message between the processes.
"""

import contextlib
import functools
import logging
import os
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from credguard import logs
from credguard.app import rebuilding
from credguard.app.context import Context
from credguard.daemon import lock, manager, once
from credguard.daemon.alone import AgentThread
from credguard.daemon.announcer import Announcer
from credguard.daemon.children import ENTRY
from credguard.daemon.commits import Commits
from credguard.daemon.layered import Layered
from credguard.daemon.leaks import Leaks
from credguard.daemon.letting import Letting
from credguard.daemon.offers import Offers
from credguard.daemon.scheduler import Scheduler
from credguard.daemon.shadow import Shadow
from credguard.daemon.tick import Tick
from credguard.daemon.watching import Watching
from credguard.daemon.worker import Worker
from credguard.errors import (
    Busy,
    CredguardError,
    DatabaseDamaged,
    DatabaseReplaced,
    RebuiltTooOften,
)
from credguard.notify import desktop
from credguard.store import notices
from credguard.store.fingerprint_key import fingerprint_key
from credguard.times import quiet_hours, seconds

_LOG = logging.getLogger("credguard.daemon")

_IDLE_S = 1.0
# Until the agent listens; it takes over from one that runs alone within this.
_AGENT_S = 10.0
# A busy machine takes a minute; compiling here instead would keep 60 MB for ever.
_COMPILE_S = 180.0
# For others to let go of a damaged database: a hand-out takes a moment, a command some seconds.
_OTHERS_S = 20.0
# At login the service is there before what shows notifications.
_STARTING_S = 120.0
_PATIENCE = 3  # failures in a row, with pauses of 1, 2, 4 and at last 10 seconds
_LONGEST_S = 10.0
# The signal handlers run between statements only: no call into SQLite may wait its usual 10 s.
_BUSY_MS = 1000


def run(ctx: Context) -> None:
    """Serve until SIGTERM or SIGINT. Raises AlreadyRunning, StoreError, ConfigError.

    Killed at any instant it loses nothing: the next start looks at every watched file again.
    """
    held = lock.acquire()
    again = False
    passed = None
    damaged = None
    agent = AgentThread(ctx.config)
    try:
        seen = rebuilding.which()
        try:
            logs.to_file(as_json=ctx.config.log.json)
            if sys.stderr.isatty():
                logs.to_stderr()
            passed = manager.agent_socket()
            agent.start(_AGENT_S, passed)
            again = _daemon(ctx).serve()
        except DatabaseDamaged as error:
            damaged = error
        finally:
            agent.stop()
        if damaged is not None:  # only now: the agent has it open too
            _rebuild(ctx, damaged, seen)
            again = True
    finally:
        os.close(held)
    if again:
        manager.keep(passed)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves


def _rebuild(ctx: Context, error: DatabaseDamaged, seen: tuple[int, int]) -> None:
    """Make the damaged database anew, unless another process did meanwhile.

    Raises Busy: others do not let go of it; StoreError; RebuiltTooOften, once a person was told.
    """
    _LOG.error("%s; making it anew from what can be read", error)
    end = time.monotonic() + _OTHERS_S
    while True:
        try:
            _LOG.warning("%s", rebuilding.rebuild(ctx, seen).what)
            return
        except DatabaseReplaced as exc:
            _LOG.warning("%s", exc)
            return
        except Busy:
            if time.monotonic() >= end:
                raise
            time.sleep(0.2)
        except RebuiltTooOften as exc:
            if ctx.config.watch.notify:
                often = f"{rebuilding.MOST} times within a day, and is again"
                once.tell(rebuilding.TITLE, f"{often}: {exc.hint}", time.time())
            raise


def _daemon(ctx: Context) -> "Daemon":
    """The loop with all its parts, as the settings want them. Raises StoreError."""
    from credguard import paths
    from credguard.sources.database import load_engine

    config = ctx.config.watch
    hours = quiet_hours(ctx.config.notify.quiet)
    announcer = Announcer(
        desktop.Desktop() if config.notify else None,
        time.monotonic,
        desktop.DEADLINE_S,
        quiet=lambda: _quiet(hours),
        digest_s=seconds(ctx.config.notify.digest),
        starting_s=_STARTING_S,
    )
    if ctx.db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise DatabaseDamaged(f"the state database {paths.database_file()} is damaged")
    ctx.db.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    _compile_rules()
    rules = load_engine(paths.private_dir(paths.cache_dir()))
    engine = Layered(rules)
    key = fingerprint_key()
    most = config.max_file_mb * 1_000_000
    letting = Letting(rules, time.monotonic)
    leaks = Leaks(ctx, engine, announcer.tell, time.time)
    both: Any = {"max_bytes": most, "tell": announcer.tell, "now": time.time}
    worker = Worker(engine, ctx.db, key, letting=letting, own=leaks.in_file, **both)
    commits = Commits(engine, ctx.db, key, follow=leaks.follow, **both)
    offers = Offers(ctx, announcer.tell, config.hooks, time.time, time.monotonic)
    scheduler = Scheduler(
        ctx.db, Tick, wall=time.time, monotonic=time.monotonic, tell=announcer.tell
    )
    shadow = Shadow(ctx, announcer.tell, time.time)

    def watching(wake: Callable[[], None], stopping: Callable[[], bool]) -> Watching:
        return Watching(
            ctx.db, worker, commits, letting, offers, config, wake=wake, stopping=stopping,
            besides=lambda: leaks.folders,
        )  # fmt: skip

    return Daemon(ctx.db, watching, leaks, (shadow, offers), announcer, scheduler)


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


def _database(known: tuple[int, int] | None = None) -> tuple[int, int] | None:
    """Which file the state database is; None: it is gone. `known`: where that cannot be told."""
    from credguard import paths

    try:
        status = os.stat(paths.database_file())
    except FileNotFoundError:
        return None
    except OSError:
        return known
    return status.st_dev, status.st_ino


def _quiet(hours: tuple[int, int] | None) -> bool:
    """Whether the time of day here lies in `hours`, which may go over midnight."""
    if hours is None:
        return False
    here = time.localtime()
    now, (start, end) = here.tm_hour * 60 + here.tm_min, hours
    return start <= now < end if start <= end else now >= start or now < end


class Daemon:
    """The loop. `serve()` returns after a signal, or when another version was installed."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        watching: Callable[[Callable[[], None], Callable[[], bool]], Watching],
        leaks: Leaks,
        parts: tuple[Shadow | Offers, ...],
        announcer: Announcer,
        scheduler: Scheduler,
    ) -> None:
        """`watching(wake, stopping)` makes it; `parts` are polled about every second.

        Everything else is opened by the caller. Raises Unsupported: no inotify instance is left.
        """
        self._db = connection
        self._leaks = leaks
        self._parts = (*parts, leaks, scheduler)
        self._announcer = announcer
        self._scheduler = scheduler
        self._stopping = False
        self._version = _installed()
        self._file = _database()
        self._heart = manager.Heart(time.monotonic)
        self._telling: set[int] = set()  # numbers of notices
        self._failures = 0
        self._looked = -_IDLE_S
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._watching = watching(self._wake, lambda: self._stopping)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # full: it wakes already
            os.write(self._write, b"w")

    def serve(self) -> bool:
        """Loop until SIGTERM or SIGINT; True when it ended because another version is in place, or
        another state database.

        Staying would load what is not loaded yet from the new version, and lose what the next
        upgrade removes. Raises DatabaseDamaged.
        """
        previous = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        handlers = {number: signal.signal(number, self._stop) for number in _SIGNALS}
        try:
            self._watching.start()
            manager.tell("READY=1")
            _LOG.info("ready, watching %d roots", self._watching.roots)
            while not self._stopping:
                if self._replaced():
                    _LOG.info("another version was installed; going on as that one")
                    return True
                if self._file is None:
                    _LOG.error("the state database that was in use is gone; starting anew")
                    return True
                self._turn()
            manager.tell("STOPPING=1")
            return False
        finally:
            self._scheduler.stop()
            self._announcer.stop()
            self._watching.close()
            signal.set_wakeup_fd(previous)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            os.close(self._read)
            os.close(self._write)
            _LOG.info("stopped")

    def _replaced(self) -> bool:
        return _installed() != self._version and os.access(sys.executable, os.X_OK)

    def _stop(self, _number: int, _frame: object) -> None:
        self._stopping = True

    def _turn(self) -> None:
        self._heart.beat()
        try:
            busy = any([self._watching.step(), self._leaks.step()])
            if self._stopping:
                return
            self._each_second()
            self._failures = 0
            self._announcer.poll()
        except DatabaseDamaged:
            raise
        except CredguardError as exc:
            # A busy or full disk passes; what was not stored is found again by the next look.
            _LOG.error("%s; looking at every file again in a while", exc)
            busy = False
            self._failed(exc)
            self._recover()
            if not self._stopping:
                select.select([self._read], [], [], min(2.0 ** (self._failures - 1), _LONGEST_S))
        if self._stopping:
            return
        timeout = 0.0
        if not busy:
            wait = self._watching.wait_s()
            timeout = _IDLE_S if wait is None else min(wait, _IDLE_S)
        if select.select([self._read], [], [], timeout)[0]:
            os.read(self._read, 4096)

    def _each_second(self) -> None:
        now = time.monotonic()
        if now - self._looked < _IDLE_S:
            return
        self._looked = now
        if _database(self._file) != self._file:  # what is written now goes nowhere
            self._file = None
            return
        self._watching.refresh()
        self._watching.check()
        for part in self._parts:
            part.poll()
        for notice in notices.waiting(self._db):
            if notice.id not in self._telling:
                self._telling.add(notice.id)
                done = functools.partial(self._told, notice.id)
                self._announcer.tell(notice.title, notice.body, done, urgent=notice.urgent)

    def _told(self, notice: int) -> None:
        notices.remove(self._db, notice)
        self._telling.discard(notice)

    def _failed(self, error: CredguardError) -> None:
        """Tell a person once of what lasts: without its database the service finds nothing."""
        self._failures += 1
        if self._failures == _PATIENCE:
            body = f"{error}; {error.hint}" if error.hint else str(error)
            self._announcer.tell("credguard: the service cannot work", body, urgent=True)
        with contextlib.suppress(CredguardError):  # what waits may have to be noted as told
            self._announcer.poll()

    def _recover(self) -> None:
        self._watching.look_at_everything("the state database failed")
        try:
            if self._db.in_transaction:  # a failed commit leaves it open, and no other could begin
                self._db.rollback()
        except sqlite3.Error as exc:
            _LOG.error("cannot roll back: %s", exc)


_SIGNALS = (signal.SIGTERM, signal.SIGINT)
