"""Own secrets in commits and files: notices when one gets out, and has the answer begin in time."""

import functools
import logging
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from credguard import config as settings
from credguard.app.context import Context
from credguard.app.noting import title_of
from credguard.daemon.commits import git_folder
from credguard.daemon.outgoing import Outgoing, Stamp, stamp
from credguard.daemon.scheduler import TASK
from credguard.daemon.worker import Scanner, Tell, real, shown
from credguard.errors import GitError
from credguard.report.text import printable
from credguard.scan.model import Finding
from credguard.sources import fetched, mounts, reflog, synced
from credguard.sources.git import run
from credguard.sources.notes import PUSHES, Taken
from credguard.sources.staging import is_oid
from credguard.store import events, exported, leaks, schedule
from credguard.store.db import transaction

_LOG = logging.getLogger("credguard.daemon.leaks")
_EVERY_S = 5.0
_HEADS = 1000  # so many are compared by one git
_KEPT_S = 90 * 86_400.0
_KEY_ID = re.compile(rb"(?<![A-Z0-9])A[KS]IA[A-Z2-7]{16}(?![A-Z0-9])")
Asked = tuple[Stamp, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Around:
    """A repository as it is now. `service`: which copies its folder, None: none does."""

    repository: str
    service: str | None
    stamp: Stamp
    pushes: list[leaks.PushNote]


def _exported(found: Finding, written: set[str]) -> bool:
    if found.own:
        return found.own.startswith("key/") and found.own.rpartition("/")[2] in written
    return found.rule_id.startswith("aws-")


class Leaks:
    """Call `poll()` often, and `step()` while there is something to do.

    Places come by `leaks.put_place`, from who looks at commits; `follow`: see Outgoing.
    """

    def __init__(
        self,
        ctx: Context,
        scanner: Scanner,
        tell: Tell,
        now: Callable[[], float],
    ) -> None:
        """`now` gives Unix seconds. Raises ConfigError."""
        self._db = ctx.db
        most = ctx.config.watch.max_file_mb * 1_000_000
        self._outgoing = Outgoing(scanner, ctx.db, max_bytes=most, out=self.out, now=now)
        self.follow, self.step = self._outgoing.follow, self._outgoing.step
        self._countdown = settings.seconds(ctx.config.leak.countdown)
        self._synced = synced.folders(ctx.config.leak.synced)
        self._tell = tell
        self._now = now
        self._polled = 0.0
        # What was asked about last, and how its repository's refs were then.
        self._asked: dict[tuple[str, str], Asked] = {}

    @property
    def folders(self) -> list[str]:
        """The synced folders that are there."""
        return [each for each in self._synced if os.path.isdir(each)]

    def poll(self) -> None:
        """Look which commits got out meanwhile, and whether an answer is due. Raises StoreError."""
        self._outgoing.poll()
        now = self._now()
        if abs(now - self._polled) < _EVERY_S:
            return
        self._polled = now
        self._take_pushes(now)
        around = functools.cache(self._around)  # of many places in one repository one look
        for place in leaks.kept_in(self._db):
            how = self._how_out(place, around)
            if how:
                self.out(place, how)
        waiting = [each for each in leaks.all_(self._db) if each.state == leaks.WAITING]
        if any(each.due <= now for each in waiting):
            entry = schedule.get(self._db, TASK)
            if entry.next_run is None or entry.next_run > now:
                schedule.put(self._db, TASK, schedule.Entry(entry.last_run, now))

    def in_file(self, path: str, data: bytes, found: list[Finding]) -> list[Finding]:
        """Those of `found` in the file `path`, absolute, that a person is to be told of.

        Not what `credguard export` wrote there. An own secret below a synced folder got out.
        Raises StoreError.
        """
        if not found:
            return found
        written = {each.key_id for each in exported.of_path(self._db, os.path.realpath(path))}
        ids = {each.decode() for each in _KEY_ID.findall(data)}
        if ids and ids <= written:
            found = [each for each in found if not _exported(each, written)]
        service = synced.service_of(path, self._synced) if any(f.own for f in found) else None
        if service is not None:
            for each in found:
                if each.own:
                    place = leaks.Place(each.own, "", "", shown(path), each.line, self._now())
                    self.out(place, f"it is in a file of a synced folder ({service})")
        return found

    def _take_pushes(self, now: float) -> None:
        try:
            taken = Taken(PUSHES)
            notes = taken.read()
            for note in notes or ():
                self._pushed(note, now)
            if notes is not None:
                taken.done()
                leaks.forget_pushes_before(self._db, now - _KEPT_S)
        except OSError as exc:
            _LOG.warning("cannot take the notes of pushes: %s", exc)

    def _pushed(self, note: list[str], now: float) -> None:
        if len(note) < 4 or not os.path.isabs(note[1]):
            return
        url, folder, given = note[:3]
        git_dir = os.path.join(folder, given) if given else git_folder(folder)
        if git_dir is None:
            return
        try:
            repository = reflog.repository(git_dir)
        except GitError as exc:
            _LOG.info("a push from %s cannot be followed: %s", shown(folder), exc)
            return
        if url == folder:  # it came in there, from a repository that git does not name
            repository = leaks.ANY
        elif fetched.is_inside(url, repository, folder):
            return  # such as `git push . HEAD:other`
        for oid in note[3:]:
            if is_oid(oid):
                leaks.note_push(
                    self._db, leaks.PushNote(shown(repository), oid, printable(shown(url)), now)
                )

    def _around(self, git_dir: str) -> _Around:
        repository = real(git_dir)
        service = synced.service_of(repository, self._synced)
        pushes = leaks.pushes(self._db, git_dir)
        pushes += [
            each
            for each in leaks.pushes(self._db, leaks.ANY)
            if not fetched.is_inside(real(each.url), repository)
        ]
        return _Around(repository, service, stamp(repository), pushes)

    def _how_out(self, place: leaks.Place, around: Callable[[str], _Around]) -> str:
        """How the commit got out, in words; empty: it did not, as far as can be told."""
        if not place.git_dir or mounts.network(place.git_dir):
            return ""
        here = around(place.git_dir)
        repository, pushes = here.repository, here.pushes
        if here.service is not None:
            return f"its repository is in a synced folder ({here.service})"
        now = (here.stamp, tuple(each.oid for each in pushes))
        asked = (place.git_dir, place.oid)
        if self._asked.get(asked) == now:
            return ""
        self._asked[asked] = now
        try:
            args = ("--count=1", f"--contains={place.oid}", "--format=%(refname:lstrip=2)")
            said = run(repository, "for-each-ref", *args, "refs/remotes")
            if said.strip():
                branch = printable(said.strip().decode("utf-8", "backslashreplace"))
                return f"it was pushed: the remote-tracking branch {branch} holds it"
            sent: dict[str, list[str]] = {}
            for each in pushes:
                sent.setdefault(each.url, []).append(each.oid)
            for url, oids in sent.items():
                if self._holds(repository, oids, place.oid):
                    return f"it was pushed to {url}"
            found: dict[str, list[str]] = {}
            for oid, url in fetched.heads(repository).items():
                found.setdefault(url, []).append(oid)
            for url, oids in found.items():
                if self._holds(repository, oids, place.oid):
                    return f"a fetch found it at {printable(shown(url))}"
        except GitError as exc:  # such as a commit that was pruned
            _LOG.info("cannot tell whether %s got out: %s", place.oid, exc)
        return ""

    def _holds(self, repository: str, tips: list[str], oid: str) -> bool:
        """Whether `oid` is one of `tips` or behind one; tags are followed."""
        for at in range(0, len(tips), _HEADS):
            args = ("--ignore-missing", "--max-count=1", oid, "--not", *tips[at : at + _HEADS])
            if not run(repository, "rev-list", *args).strip():
                return True
        return False

    def out(self, place: leaks.Place, how: str) -> None:
        """`place` got out, in the way `how`, in words: told and answered once a value, ever."""
        now = self._now()
        title = title_of(place.item)
        with transaction(self._db):
            leaks.put_place(self._db, place)
            if not leaks.got_out(self._db, place, title, now, now + self._countdown, how):
                return
            detail = {"place": f"{place.path}:{place.line}", "how": how}
            if place.oid:
                detail |= {"commit": place.oid[:12], "repository": place.git_dir}
            if place.item.startswith("key/"):
                detail["key_id"] = place.item.rpartition("/")[2]
            events.record(self._db, now, "leak.out", title, **detail)
        _LOG.warning("got out: %s: %s:%d: %s", title, place.path, place.line, how)
        where = f", commit {place.oid[:12]}" if place.oid else ""
        body = f"{title}: {place.path}:{place.line}{where}: {how}."
        if self._countdown:
            at = time.strftime("%H:%M", time.localtime(now + self._countdown))
            body += f" It is answered at {at}; to stop that: credguard leak stop"
        self._tell("credguard: your own secret got out", printable(body), urgent=True)
