"""Own secrets in commits: notices when one gets out, and has the answer begin in time."""

import logging
import os
import time
from collections.abc import Callable

from credguard.app.context import Context
from credguard.app.leak import countdown
from credguard.app.noting import title_of
from credguard.daemon.scheduler import TASK
from credguard.daemon.worker import Tell
from credguard.errors import GitError
from credguard.report.text import printable
from credguard.sources.git import run
from credguard.store import events, leaks, schedule
from credguard.store.db import transaction

_LOG = logging.getLogger("credguard.daemon.leaks")
_EVERY_S = 5.0
Stamp = tuple[tuple[str, int], ...]


def _stamp(git_dir: str) -> Stamp:
    """Changes whenever a remote-tracking ref does: a push or a fetch."""
    found = []
    top = os.path.join(git_dir, "refs", "remotes")
    files = [os.path.join(git_dir, name) for name in ("packed-refs", "reftable/tables.list")]
    for folder, _, names in os.walk(top):
        files += [os.path.join(folder, name) for name in names]
    for file in files:
        try:
            found.append((file, os.stat(file).st_mtime_ns))
        except OSError:
            continue
    return tuple(sorted(found))


class Leaks:
    """Call `poll()` often. Places come by `leaks.put_place`, from who looks at commits."""

    def __init__(
        self,
        ctx: Context,
        tell: Tell,
        now: Callable[[], float],
    ) -> None:
        """`now` gives Unix seconds."""
        self._db = ctx.db
        self._countdown = countdown(ctx)
        self._tell = tell
        self._now = now
        self._polled = 0.0
        # What was asked about last, and how its repository's refs were then.
        self._asked: dict[tuple[str, str], Stamp] = {}

    def poll(self) -> None:
        """Look which commits got out meanwhile, and whether an answer is due. Raises StoreError."""
        now = self._now()
        if abs(now - self._polled) < _EVERY_S:
            return
        self._polled = now
        for place in leaks.kept_in(self._db):
            if self._is_out(place):
                self._out(place)
        waiting = [each for each in leaks.all_(self._db) if each.state == leaks.WAITING]
        if any(each.due <= now for each in waiting):
            entry = schedule.get(self._db, TASK)
            if entry.next_run is None or entry.next_run > now:
                schedule.put(self._db, TASK, schedule.Entry(entry.last_run, now))

    def _is_out(self, place: leaks.Place) -> bool:
        stamp, asked = _stamp(place.git_dir), (place.git_dir, place.oid)
        if self._asked.get(asked) == stamp:
            return False
        self._asked[asked] = stamp
        args = ("for-each-ref", "--count=1", f"--contains={place.oid}", "--format=x")
        try:
            return bool(run(place.git_dir, *args, "refs/remotes"))
        except GitError as exc:  # such as a commit that was pruned
            _LOG.info("cannot tell whether %s got out: %s", place.oid, exc)
            return False

    def _out(self, place: leaks.Place) -> None:
        now = self._now()
        title = title_of(place.item)
        with transaction(self._db):
            if not leaks.got_out(self._db, place, title, now, now + self._countdown):
                return
            events.record(
                self._db, now, "leak.out", title, place=f"{place.path}:{place.line}",
                commit=place.oid[:12], repository=place.git_dir,
                key_id=place.item.rpartition("/")[2] if place.item.startswith("key/") else None,
            )  # fmt: skip
        _LOG.warning("got out: %s, commit %s of %s", title, place.oid, place.git_dir)
        body = f"{title} was pushed: {place.path}:{place.line}, commit {place.oid[:12]}."
        if self._countdown:
            at = time.strftime("%H:%M", time.localtime(now + self._countdown))
            body += f" It is answered at {at}; to stop that: credguard leak stop"
        self._tell("credguard: your own secret got out", printable(body), urgent=True)
