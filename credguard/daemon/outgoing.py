"""Looks for own secrets in what remote-tracking branches got, by a push from here or by a fetch.

Also once more at commits with findings when the vault learns a value: it may be one of those.
Refs only say where to look, so one that moves away and back between two looks is not seen. Killed
at any instant it loses nothing: what a repository's branches had is stored once it was looked at.
"""

import logging
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator

from credguard.daemon.worker import Scanner, own_in_names, real, shown
from credguard.errors import CredguardError, GitError
from credguard.report.text import path_text
from credguard.sources import fetched
from credguard.sources.commits import committed
from credguard.sources.git import run
from credguard.sources.own import own_file
from credguard.sources.staging import is_oid
from credguard.store import commits, leaks
from credguard.store.db import transaction

_LOG = logging.getLogger("credguard.daemon.outgoing")
_EVERY_S = 15.0
_FIRST_S = 3600
"""Of a repository seen for the first time, what was committed so long ago at most is looked at."""
_MOST = 5000
_KNOWN = 20_000
_FILES = 64
_AGAIN = 500
_AGAIN_S = 90 * 86_400.0
_HOW = "a remote-tracking branch or the last fetch holds it, by a push or a fetch"
Stamp = tuple[tuple[str, int], ...]


def stamp(git_dir: str) -> Stamp:
    """Changes whenever a remote-tracking ref or FETCH_HEAD does: a push or a fetch."""
    found = []
    top = os.path.join(git_dir, "refs", "remotes")
    files = [os.path.join(git_dir, name) for name in ("packed-refs", "reftable/tables.list")]
    files += fetched.files(git_dir)
    for folder, _, names in os.walk(top):
        files += [os.path.join(folder, name) for name in names]
    for file in files:
        try:
            found.append((file, os.stat(file).st_mtime_ns))
        except OSError:
            continue
    return tuple(sorted(found))


class Outgoing:
    """Call `poll()` often and `step()` while there is something to do."""

    def __init__(
        self,
        scanner: Scanner,
        connection: sqlite3.Connection,
        *,
        max_bytes: int,
        out: Callable[[leaks.Place, str], None],
        now: Callable[[], float],
    ) -> None:
        """`out` is told of a place that got out, and how; `now` gives Unix seconds."""
        self._scanner = scanner
        self._db = connection
        self._max_bytes = max_bytes
        self._out = out
        self._now = now
        self._polled = 0.0
        self._stamps: dict[str, Stamp] = {}
        self._followed = set(leaks.repositories(connection))
        self._own: tuple[int, int] | None = None
        self._work: deque[Iterator[None]] = deque()

    def follow(self, repository: str) -> None:
        """From now on, what its remote-tracking branches get is looked at. Raises StoreError."""
        self._followed.add(shown(repository))

    def poll(self) -> None:
        """Note which repositories were pushed from or fetched into. Raises StoreError."""
        now = self._now()
        if abs(now - self._polled) < _EVERY_S or self._work:
            return
        self._polled = now
        for name in sorted(self._followed):
            repository = real(name)
            if not os.path.isdir(repository):
                self._followed.discard(name)
                leaks.forget_repository(self._db, name)
                continue
            seen = stamp(repository)
            if seen != self._stamps.get(name):
                self._work.append(self._looked(repository, name, seen))
        try:
            status = os.stat(own_file())
        except OSError:
            return
        own = (status.st_mtime_ns, status.st_ino)
        if own != self._own:
            self._own = own
            self._work.append(self._again())

    def step(self) -> bool:
        """Do some of what waits; True when there is more. Raises StoreError."""
        if not self._work:
            return False
        try:
            next(self._work[0])
        except StopIteration:
            self._work.popleft()
        except CredguardError:
            self._work.popleft()
            raise
        return bool(self._work)

    def _looked(self, repository: str, name: str, seen: Stamp) -> Iterator[None]:
        try:
            said = run(repository, "for-each-ref", "--format=%(objectname)", "refs/remotes")
            remotes = {each for each in said.decode("ascii", "replace").split() if is_oid(each)}
            tips = sorted(remotes.union(fetched.heads(repository)))
            before = leaks.tips(self._db, name)
            fresh = [each for each in tips if each not in set(before or ())]
            if fresh:
                arguments = [f"--max-count={_MOST}", "--ignore-missing", *fresh]
                if before is None:
                    arguments.append(f"--since={int(self._now()) - _FIRST_S}")
                else:
                    arguments += ["--not", *before[:_KNOWN]]
                yield from self._scanned(repository, name, arguments)
            if tips != before:
                with transaction(self._db):
                    leaks.set_tips(self._db, name, tips, self._now())
        except (GitError, OSError) as exc:
            _LOG.warning("remote branches of %s cannot be looked at: %s", name, exc)
        self._stamps[name] = seen

    def _scanned(self, repository: str, name: str, arguments: list[str]) -> Iterator[None]:
        for place in self._places(repository, name, arguments):
            if place is None:
                yield
            else:
                self._out(place, _HOW)

    def _again(self) -> Iterator[None]:
        """Own secrets in commits where something was found, before they were known as such."""
        since = self._now() - _AGAIN_S
        found: dict[str, dict[str, None]] = {}
        for each in commits.found(self._db)[-_AGAIN:]:
            if each.first_seen >= since:
                found.setdefault(each.repository, {})[each.oid] = None
        for name, oids in found.items():
            repository = real(name)
            arguments = ["--no-walk=unsorted", "--ignore-missing", *oids]
            try:
                for place in self._places(repository, name, arguments):
                    if place is None:
                        yield
                    else:
                        leaks.put_place(self._db, place)
            except (GitError, OSError) as exc:
                _LOG.info("commits of %s cannot be looked at again: %s", name, exc)
            yield

    def _places(
        self, repository: str, name: str, arguments: list[str]
    ) -> Iterator[leaks.Place | None]:
        """Where commits bring an own secret; None now and then, for others to have a turn."""
        too_large: list[bytes] = []
        files = committed(
            repository, arguments, inherit=False, most=self._max_bytes, too_large=too_large
        )
        scanned: dict[tuple[str, bytes], list[tuple[str, bytes, int]]] = {}
        names: dict[bytes, str] = {}
        for number, file in enumerate(files, 1):
            names.setdefault(file.path, file.commit)
            kind = (file.oid, file.path)
            hits = scanned.get(kind)
            if hits is None:
                hits = scanned[kind] = [
                    (hit.own, hit.path, hit.line)
                    for hit in self._scanner.scan(file.data, file.path)
                    if hit.own
                ]
            for item, path, line in hits:
                text = path_text(path)
                yield leaks.Place(item, name, file.commit, text, line, self._now())
            if number % _FILES == 0:
                yield None
        for hit, oid in own_in_names(self._scanner, names):
            text = hit.path.decode()
            yield leaks.Place(hit.own, name, oid, text, hit.line, self._now())
        for path in too_large:
            _LOG.warning("not looked at, larger than watch.max_file_mb: %s in %s", path, name)
