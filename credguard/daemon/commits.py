"""Looks at commits after they were made: by --no-verify, cherry-pick, rebase, am or a GUI.

Hooks leave notes, and HEAD's reflog tells the rest; both only say where to look. Used by the loop's
thread, a few files at a time. Killed at any instant it loses nothing: a commit is marked as seen
together with what was found in it.
"""

import itertools
import logging
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator

from credguard.app import skips
from credguard.daemon.worker import (
    Scanner,
    Tell,
    TooLarge,
    fingerprint,
    own_in_names,
    read_regular,
    shown,
)
from credguard.errors import ConfigError, CredguardError, GitError
from credguard.report.text import path_text, printable
from credguard.scan.engine import on_lines, plain
from credguard.scan.model import MEDIUM, Finding
from credguard.sources import mounts, reflog
from credguard.sources.commits import CommittedFile, committed
from credguard.sources.git import run
from credguard.sources.indexed import Settings
from credguard.sources.lfs import Aside
from credguard.sources.notes import COMMITS, Taken
from credguard.sources.staging import is_oid
from credguard.store import commits, events, leaks
from credguard.store.db import transaction

_LOG = logging.getLogger("credguard.daemon.commits")
_FIRST_S = 3600.0
"""Of a repository seen for the first time, commits this old at most are looked at."""
_REST_S = 600.0
"""A repository that git cannot read is left alone for so long."""
_NOTES_S = 0.5
_DAY_S = 86_400.0
_KEPT_S = 90 * _DAY_S
"""Which commits were looked at is remembered so long; older entries of a reflog are passed over."""
_FILES = 64
_SMALL = 8192


def _not_allowed(hits: list[Finding], file: CommittedFile, git_dir: str) -> list[Finding]:
    """Those of `hits` that the hook would have stopped: no mark, file or baseline lets them pass.

    The files are those of the commit itself. One that is wrong lets nothing pass.
    """
    if not hits:
        return []
    settings = Settings(git_dir, [file.commit], say=lambda _text: None, inherit=False)
    here = [hit for hit in hits if hit.path == file.path]
    beside = [hit for hit in hits if hit.path != file.path]
    try:
        return settings.judged(here, plain(file.data), file.path) + settings.judged(
            beside, b"", file.path
        )
    except ConfigError as exc:
        _LOG.warning("settings of %s not followed: %s", git_dir, exc)
        return hits


class Commits:
    """What waits to be looked at. `step()` does some of it; `poll()` takes what hooks noted."""

    def __init__(
        self,
        scanner: Scanner,
        connection: sqlite3.Connection,
        key: bytes,
        *,
        max_bytes: int,
        tell: Tell,
        now: Callable[[], float],
        follow: Callable[[str], None] = lambda _repository: None,
    ) -> None:
        """As Worker. `follow` is told of each repository, once."""
        self._follow = follow
        self._repositories: dict[str, str] = {}
        self._scanner = scanner
        self._db = connection
        self._key = key
        self._max_bytes = max_bytes
        self._tell = tell
        self._now = now
        # Git folder -> commits noted there; a dict keeps the order.
        self._waiting: dict[str, list[str]] = {}
        self._work: deque[Iterator[None]] = deque()
        self._resting: dict[str, float] = {}
        self._polled = 0.0
        self._forgot = 0.0
        self._known: set[str] = set()
        # Folder, place and rule of what a person let pass: it is not told again as a commit.
        self._skipped: set[tuple[str, str, str]] = set()
        self._being_told: set[str] = set()

    def repositories(self, dot_git: str) -> list[str]:
        """The git folders that the `.git` at this path leads to: its own, and of linked worktrees.

        From now on `log_of` knows them.
        """
        git_dir = dot_git if os.path.isdir(dot_git) else linked(dot_git)
        if git_dir is None or mounts.network(git_dir):
            return []
        trees = os.path.join(git_dir, "worktrees")
        try:
            below = [os.path.join(trees, name) for name in sorted(os.listdir(trees))]
        except OSError:
            below = []
        self._known.update([git_dir, *below])
        return [git_dir, *below]

    def log_of(self, path: str) -> str | None:
        """The known git folder whose HEAD moved when `path` changed; None: `path` is no reflog."""
        folder, name = os.path.split(path)
        if name not in ("HEAD", "tables.list", "logs", "reftable"):
            return None
        for each in (folder, os.path.dirname(folder)):
            if each in self._known:
                return each
        return None

    def look(self, git_dir: str, *oids: str) -> None:
        """Something was committed in `git_dir`, perhaps `oids`."""
        if not mounts.network(git_dir):
            self._waiting.setdefault(git_dir, []).extend(oids)

    def poll(self) -> None:
        """Take the notes of hooks. Raises StoreError."""
        now = self._now()
        if abs(now - self._polled) < _NOTES_S:
            return
        if abs(now - self._forgot) >= _DAY_S:
            self._forgot = now
            with transaction(self._db):
                commits.forget_before(self._db, now - _KEPT_S)
        self._polled = now
        try:
            taken = Taken(COMMITS)
            notes = taken.read()
            for note in notes or ():
                self._noted(note)
            if notes is not None:
                taken.done()
            self._skipped |= skips.taken(self._db, now)
        except OSError as exc:
            _LOG.warning("cannot take the notes of hooks: %s", exc)

    def _noted(self, note: list[str]) -> None:
        if len(note) != 3 or not is_oid(note[0]) or not os.path.isabs(note[1]):
            return
        oid, folder, given = note
        git_dir = os.path.join(folder, given) if given else git_folder(folder)
        if git_dir is not None:
            self.look(git_dir, oid)

    def step(self) -> bool:
        """Do some of what waits; True when there is more. Raises StoreError."""
        if not self._work:
            git_dir = self._next()
            if git_dir is None:
                return False
            self._resting.pop(git_dir, None)
            self._work.append(self._looked(git_dir, self._waiting.pop(git_dir)))
        try:
            next(self._work[0])
        except StopIteration:
            self._work.popleft()
        except CredguardError:
            self._work.popleft()
            raise
        return bool(self._work) or self._next() is not None

    def _next(self) -> str | None:
        """The one that waits longest and does not rest."""
        now = self._now()
        return next(
            (each for each in self._waiting if abs(now - self._resting.get(each, 0.0)) >= _REST_S),
            None,
        )

    def _looked(self, git_dir: str, noted: list[str]) -> Iterator[None]:
        """Look at what is new in `git_dir`, some files a step."""
        try:
            repository = self._repositories.get(git_dir)
            if repository is None:
                repository = self._repositories[git_dir] = reflog.repository(git_dir)
                self._follow(repository)
            name = shown(repository)
            moved = self._moved(git_dir)
            if not noted and not moved:
                return
            fresh = set(commits.unseen(self._db, name, [move.new for move in moved]))
            made = reflog.made(git_dir, [move for move in moved if move.new in fresh])
            oids = commits.unseen(self._db, name, [*noted, *made])
            # Moves to commits made elsewhere are not asked about again.
            passed = sorted(fresh - set(oids))
            yield from self._scanned(git_dir, repository, oids)
            with transaction(self._db):
                commits.mark_seen(self._db, name, [*oids, *passed], self._now())
        except (GitError, OSError) as exc:
            _LOG.warning("commits of %s cannot be looked at: %s", shown(git_dir), exc)
            if os.path.isdir(git_dir):
                self._resting[git_dir] = self._now()
                self.look(git_dir, *noted)  # again after its rest

    def _moved(self, git_dir: str) -> list[reflog.Move]:
        """HEAD's moves since it is followed. Their times are the committer's to choose, so one that
        stands behind a recent one counts, whatever its own says.
        """
        since = commits.since(self._db, shown(git_dir), self._now() - _FIRST_S)
        since = min(since, self._now())  # kept by a clock that was ahead
        return list(itertools.dropwhile(lambda move: move.at < since, reflog.moves(git_dir)))

    def _scanned(self, git_dir: str, repository: str, oids: list[str]) -> Iterator[None]:
        found: dict[str, tuple[Finding, str]] = {}
        if not oids:
            return
        too_large: list[bytes] = []
        files = committed(
            git_dir, ["--no-walk=unsorted", "--ignore-missing", *oids],
            inherit=False, most=self._max_bytes, too_large=too_large,
        )  # fmt: skip
        names: dict[bytes, str] = {}
        aside = Aside(git_dir, self._max_bytes, inherit=False)
        for number, file in enumerate(files, 1):
            names.setdefault(file.path, file.commit)
            aside.follow(file)
            hits = [
                hit for hit in self._scanner.scan(file.data, file.path) if hit.confidence >= MEDIUM
            ]
            hits = on_lines(hits, file.added) if hits else []
            for hit in _not_allowed(hits, file, git_dir):
                self._take(repository, hit, file.commit, found)
            if number % _FILES == 0:
                yield
        for hit, oid in own_in_names(self._scanner, names):
            self._take(repository, hit, oid, found)
        for path in [*too_large, *(path for path, _ in aside.problems)]:
            _LOG.warning("not scanned, larger than watch.max_file_mb: %s in %s", path, repository)
        self._store(git_dir, repository, found)

    def _take(
        self, repository: str, hit: Finding, oid: str, found: dict[str, tuple[Finding, str]]
    ) -> None:
        if hit.own:
            self._keep(repository, oid, hit)
        # Named without the commit: a rebase brings the same again.
        place = os.fsencode(repository) + b"\0" + hit.path
        found[fingerprint(self._key, hit, place)] = (hit, oid)

    def _keep(self, repository: str, oid: str, hit: Finding) -> None:
        path = path_text(hit.path)
        place = leaks.Place(hit.own, shown(repository), oid, path, hit.line, self._now())
        leaks.put_place(self._db, place)

    def _store(self, git_dir: str, repository: str, found: dict[str, tuple[Finding, str]]) -> None:
        fresh: list[tuple[commits.CommitFinding, Finding]] = []
        pushed: dict[str, bool] = {}
        top = shown(work_tree(git_dir))
        for _, oid in found.values():
            if oid not in pushed:
                pushed[oid] = _is_pushed(git_dir, oid)
        with transaction(self._db):
            for name, (hit, oid) in found.items():
                stored = commits.CommitFinding(
                    name,
                    shown(repository),
                    oid,
                    path_text(hit.path),
                    hit.line,
                    hit.rule_id,
                    hit.masked(),
                    self._now(),
                    pushed[oid],
                    None,
                )
                if (top, f"{stored.path}:{stored.line}", stored.rule_id) in self._skipped:
                    commits.observe(self._db, stored)
                    commits.mark_notified(self._db, stored.first_seen, [name])
                elif commits.observe(self._db, stored) and name not in self._being_told:
                    fresh.append((stored, hit))
                    events.record(
                        self._db, stored.first_seen, "finding.committed", stored.repository,
                        place=f"{stored.path}:{stored.line}", rule=stored.rule_id,
                        commit=stored.oid[:12],
                    )  # fmt: skip
        if fresh:
            self._announce(git_dir, fresh)

    def _announce(self, git_dir: str, fresh: list[tuple[commits.CommitFinding, Finding]]) -> None:
        for stored, _ in fresh:
            _LOG.warning(
                "secret committed: %s:%d %s %s in %s of %s",
                stored.path, stored.line, stored.rule_id, stored.masked, stored.oid,
                stored.repository,
            )  # fmt: skip
        first, hit = fresh[0]
        more = f" and {len(fresh) - 1} more" if len(fresh) > 1 else ""
        body = (
            f"{work_tree(git_dir)}: {first.path}:{first.line} in commit {first.oid[:12]}:"
            f" {hit.title} ({first.masked}){more}. {_way_back(git_dir, first)}"
        )
        names = [stored.fingerprint for stored, _ in fresh]
        self._being_told.update(names)

        def done() -> None:
            commits.mark_notified(self._db, self._now(), names)
            self._being_told.difference_update(names)

        self._tell("credguard: a secret was committed", printable(body), done)


def _is_pushed(git_dir: str, oid: str) -> bool:
    args = ("for-each-ref", "--count=1", f"--contains={oid}", "--format=x", "refs/remotes")
    return bool(run(git_dir, *args))


def _way_back(git_dir: str, finding: commits.CommitFinding) -> str:
    """What to type. A person reads it in a notification, so it is short."""
    if finding.pushed:
        return "It was pushed: replace the secret first, then rewrite the branch."
    head = run(git_dir, "rev-parse", "-q", "--verify", "HEAD", ok=(0, 1)).strip().decode()
    if head == finding.oid:
        return "Not pushed yet: take it out, git add it, then: git commit --amend"
    return f"Not pushed yet: git rebase -i {finding.oid[:12]}^ and mark that commit edit"


def git_folder(folder: str) -> str | None:
    """The git folder that `folder` or one above it has, absolute; None: none, or not readable."""
    while True:
        candidate = os.path.join(folder, ".git")
        if os.path.isdir(candidate):
            return candidate
        if os.path.isfile(candidate):
            return linked(candidate)
        if os.path.isfile(os.path.join(folder, "HEAD")) and os.path.isdir(
            os.path.join(folder, "objects")
        ):
            return folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def linked(file: str) -> str | None:
    """The git folder that the `.git` file of a linked worktree or a submodule names, absolute."""
    line = _small(file) or b""
    if not line.startswith(b"gitdir: "):
        return None
    named = os.fsdecode(line[8:].rstrip(b"\r\n"))
    return os.path.normpath(os.path.join(os.path.dirname(file), named))


def work_tree(git_dir: str) -> str:
    """The folder that a person knows the repository by."""
    if os.path.basename(git_dir) == ".git":
        return os.path.dirname(git_dir)
    named = _small(os.path.join(git_dir, "gitdir"))
    return os.path.dirname(os.fsdecode(named.rstrip(b"\n"))) if named else git_dir


def _small(path: str) -> bytes | None:
    """The first bytes of a regular file; None: it is none (a FIFO would be waited for) or gone."""
    try:
        content = read_regular(path, _SMALL)
    except (OSError, TooLarge):
        return None
    return None if content is None else content[0]
