"""Use case: look for secrets in what commits added, each blob once.

A secret is told where it came in: at the first commit, parents before children, whose version of a
path has it while no parent's version has.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from hashlib import blake2b
from itertools import chain, islice
from zlib import crc32

from credguard import paths
from credguard.app.scan import DEFAULT, Options, Progress, Result, Spill, silent
from credguard.app.scan_blobs import BlobBatch, BlobSetting, Job, Problem, over, scan_blobs
from credguard.errors import GitError
from credguard.scan.model import Finding
from credguard.sources.git import run
from credguard.sources.history import Entry, Repository, check_range
from credguard.sources.listing import Wanted
from credguard.sources.progress import SIZE, Seen
from credguard.sources.remembered import salt

_ROOM, _LEAST_ROOM = 48 << 20, 4 << 20  # bytes of last versions kept: of all processes, of each
_NOW_S = 30  # what git says of a text without a date is within so many seconds of now
_FIRST_BLOBS, _ROUND_MOST = 30, 20_000  # findings of a round that are held
_BATCH_BYTES, _BATCH_BLOBS, _BATCH_NAMES = 2 << 20, 120, 24 << 10


def scan_history(
    cwd: str | None = None,
    options: Options = DEFAULT,
    on_progress: Progress = silent,
    *,
    branches: tuple[str, ...] = (),
    since: str | None = None,
    resume: bool = True,
    spill: Spill | None = None,
) -> Result:
    """Scan every blob of the repository around `cwd` once, those that no commit reaches too.

    `branches` (or any revision) and `since` limit it to what these commits added. With `resume` a
    run that was interrupted is gone on with: what it found clean is not scanned again; with
    `options.remember` neither is what a complete one did. With `spill` at most some thousands of
    findings are in memory at once.
    Raises GitError, CredguardError.
    """
    repository = Repository(cwd)
    if since is not None:
        _check_date(repository, since)
    if branches or since is not None:
        entries = repository.added(*branches, since=since)
    else:
        entries = repository.everything()
    seen = None
    if resume:
        seen = Seen(_state_file(repository), _stamp(repository, options, branches, since))
    return _History(repository, options, entries, seen).run(on_progress, spill)


def _check_date(repository: Repository, text: str) -> None:
    """Raises GitError for what is no date: git takes it for now, and would scan nothing."""
    age = time.time() - repository.moment(text)
    if abs(age) < _NOW_S and text.strip().lower() not in ("now", "today"):
        raise GitError(f"not a date: {text}", hint="name one as 2026-01-31 or '2 weeks ago'")


def scan_range(
    text: str,
    cwd: str | None = None,
    options: Options = DEFAULT,
    on_progress: Progress = silent,
    spill: Spill | None = None,
) -> Result:
    """Scan what each commit of the range `text` (A..B) added; `spill` as for `scan_history`.

    Raises GitError, CredguardError.
    """
    repository = Repository(cwd)
    history = _History(repository, options, repository.added(check_range(text)), None)
    return history.run(on_progress, spill)


def _settings_of(repository: Repository) -> list[bytes]:
    """The `.credguard.toml` files of the work tree."""
    top = repository.top()
    if top is None:
        return []
    names = run(
        os.fsdecode(top), "ls-files", "-z", "-c", "-o", "--", ":(top,glob)**/.credguard.toml"
    )
    return sorted({name for name in names.split(b"\0") if name})


def _state_file(repository: Repository) -> str:
    place = os.path.realpath(os.path.join(os.fsencode(repository.cwd or "."), repository.git_dir()))
    return os.path.join(paths.cache_dir(), "history", blake2b(place, digest_size=16).hexdigest())


def _stamp(
    repository: Repository, options: Options, branches: tuple[str, ...], since: str | None
) -> bytes:
    """Changes with all but the blob that a verdict depends on, and with what is asked for."""
    asked = (sorted(branches), since, options.include, options.exclude, options.deep)
    digest = blake2b(salt(options.least) + repr(asked).encode(), digest_size=32)
    top = repository.top()
    for name in _settings_of(repository):
        try:
            status = os.stat(os.path.join(top or b"", name))
        except OSError:
            continue
        times = b"%d %d" % (status.st_mtime_ns, status.st_ctime_ns)
        digest.update(b"%s %d %d %s\0" % (name, status.st_size, status.st_ino, times))
    return digest.digest()


def _load() -> None:
    """What workers would each load: nearly every history has texts that need all of it."""
    from credguard.scan import layers  # noqa: F401
    from credguard.scan.general import detect, language  # noqa: F401

    language.measure(b"words")


def _size(job: Job) -> int:
    return sum(len(path) + 48 for _, path in job)


class _Part:
    """What one job has of a round: entries, each with its place in the round."""

    __slots__ = ("ends", "entries", "places")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.places: list[int] = []
        self.ends = False  # it is the round's last

    def add(self, place: int, entry: Entry) -> None:
        self.places.append(place)
        self.entries.append(entry)


class _History:
    def __init__(
        self, repository: Repository, options: Options, entries: Iterator[Entry], seen: Seen | None
    ) -> None:
        self._repository = repository
        self._options = options
        self._processes = options.processes()
        self._setting = BlobSetting(
            paths.cache_dir(), options.least, options.deep, repository.top(), repository.cwd,
            max(_LEAST_ROOM, _ROOM // self._processes),
        )  # fmt: skip
        self._globs = Wanted(options.include, options.exclude)
        self._entries = entries
        self._seen = seen
        self._given: deque[_Part] = deque()
        self._told: list[tuple[int, Entry, list[Finding], list[Problem]]] = []
        self._held = 0  # of findings in it
        self._found = 0  # in all blobs so far
        self._pending: set[str] = set()  # blobs that are being scanned
        self._taken: set[bytes] = set()
        self._secrets: dict[bytes, _Secrets] = {}  # by key of a blob, where there are any
        self._before: tuple[Entry, set[bytes]] | None = None
        self._shown: dict[str, _Secrets] = {}  # of those what no settings let pass
        self._ruled: dict[bytes, bytes | None] = {}  # by folder; None: no settings hold there
        self._by_commit: dict[str, list[Finding]] = {}
        self._local = repository.local()
        self._shallow = repository.shallow()
        self._is_cut = False
        self._missing = 0
        self._result = Result()

    def run(self, on_progress: Progress, spill: Spill | None) -> Result:
        if self._seen is not None:
            self._setting.renew()  # nothing older than the stamp
        self._setting.engine()  # before any worker is forked: they share it
        try:
            for batch in self._batches():
                self._take(batch)
                if self._result.is_full(spill):
                    self._attribute()
                    self._result.relieve(spill)
                on_progress(self._result)
            self._attribute()
        finally:
            if self._seen is not None:
                self._seen.close()
            over(self._repository.cwd)
        where = os.fsencode(self._repository.cwd or ".")
        if self._is_cut:
            text = "a shallow clone: the commits before are not here (git fetch --unshallow)"
            self._result.problems.append((where, text))
        if self._missing:
            count = f"{self._missing} blobs are" if self._missing > 1 else "1 blob is"
            self._result.problems.append((where, f"{count} not here: a partial clone"))
        if self._seen is not None:
            self._end(self._seen)
        return self._result

    def _end(self, seen: Seen) -> None:
        if self._result.unchanged and not seen.is_complete:
            text = f"gone on with an interrupted run: {self._result.unchanged} blobs were clean"
            self._result.notices.append(text)
        if self._options.remember and not self._options.deep:
            seen.complete()
        else:
            seen.remove()

    def _attribute(self) -> None:
        """Tell of each finding that is held which commit brought it in."""
        for oid, commit in self._repository.about(self._by_commit).items():
            for finding in self._by_commit.get(oid, ()):
                finding.commit = commit
        self._by_commit = {}

    def _batches(self) -> Iterator[BlobBatch]:
        jobs = self._jobs()
        first = list(islice(jobs, self._processes + 1))
        if self._processes == 1 or len(first) <= self._processes:  # one round: not worth workers
            for job in chain(first, jobs):
                yield from scan_blobs(self._setting, job)
            return
        _load()
        from credguard.sources.pool import Died, Pool

        with Pool[BlobSetting, Job, BlobBatch](scan_blobs, self._setting, self._processes) as pool:
            for job, answer in pool.ordered(chain(first, jobs), _size, self._processes):
                if isinstance(answer, Died):
                    why, lost = f"not scanned: {answer.how}", BlobBatch()
                    lost.hits = [(n, [], [(path, why)]) for n, (_, path) in enumerate(job)]
                    yield lost
                else:
                    yield answer

    def _jobs(self) -> Iterator[Job]:
        """In rounds of one job for each process, by path: so each sees all versions of a file."""
        parts = [_Part() for _ in range(self._processes)]
        count = names = 0
        for entry in self._wanted():
            parts[crc32(entry.path) % len(parts)].add(count, entry)
            count += 1
            names += len(entry.path) + 64
            if count >= self._most() * len(parts) or names > _BATCH_NAMES * len(parts):
                yield from self._round(parts)
                parts = [_Part() for _ in range(self._processes)]
                count = names = 0
        if count:
            yield from self._round(parts)

    def _most(self) -> int:
        """So many blobs make a job: some so that others can begin, then by what those weighed."""
        scanned = self._result.scanned - self._result.unchanged
        if not scanned:
            return _FIRST_BLOBS
        average = self._result.size // scanned + 1
        found = self._found // scanned + 1  # of twice as many a round is still told in order
        most = _ROUND_MOST // (2 * self._processes * found)
        return min(_BATCH_BLOBS, _BATCH_BYTES // average, max(1, most))

    def _round(self, parts: list[_Part]) -> Iterator[Job]:
        parts[-1].ends = True
        for part in parts:
            self._given.append(part)
            self._pending.update(each.oid for each in part.entries)
            yield [(each.oid, each.path) for each in part.entries]

    def _wanted(self) -> Iterator[Entry]:
        for entry in self._entries:
            if self._shallow and entry.commit in self._shallow:
                self._is_cut = True
            if self._globs and not self._globs.file(entry.path):
                continue
            oid = bytes.fromhex(entry.oid)
            here = self._local is None or oid in self._local
            key = self._key(oid, entry.path) if here else oid
            if key in self._taken:
                continue
            self._taken.add(key)
            if not here:
                self._missing += 1
                continue
            if self._seen is None or key not in self._seen:
                yield entry
            else:
                self._result.scanned += 1
                self._result.unchanged += 1

    def _key(self, oid: bytes, path: bytes) -> bytes:
        """Tells a blob with what of `path` decides what is found in it, and what of that passes."""
        folder, slash, reading = path.rpartition(b"/")
        folder += slash
        if folder not in self._ruled:
            self._ruled[folder] = self._setting.ruled(folder)
        ruled = self._ruled[folder]
        if ruled is not None:
            reading += b"!" if self._setting.passes(path) else b"/"
            reading += ruled
        return blake2b(oid + reading, digest_size=SIZE).digest()

    def _take(self, batch: BlobBatch) -> None:
        part = self._given[0] if batch.more else self._given.popleft()
        for number, found, problems in batch.hits:
            self._told.append((part.places[number], part.entries[number], found, problems))
            self._held += len(found)
            self._found += len(found)
        if not batch.more:
            self._pending.difference_update(each.oid for each in part.entries)
        if self._held >= _ROUND_MOST or (part.ends and not batch.more):
            self._tell(batch)
        self._missing += batch.missing
        self._result.add(batch)
        if self._seen is not None:
            clean = [part.entries[number] for number in batch.clean]
            self._seen.add([self._key(bytes.fromhex(each.oid), each.path) for each in clean])

    def _tell(self, batch: BlobBatch) -> None:
        """Put into `batch` what a round's jobs found, in the order of the commits.

        Where that is very much it is told before the round is over, so job by job.
        """
        self._told.sort(key=lambda each: each[0])
        for _, entry, found, problems in self._told:
            batch.problems += problems
            if not found:
                continue
            if self._before is None or self._before[0] is not entry:
                old = [self._secrets_of(oid, entry.path) for oid in entry.old]
                old.append(self._shown.get(entry.oid, _Secrets()))  # under another name
                self._before = (entry, set().union(*(each.all() for each in old)))
            before = self._before[1]
            told = [_secret(each) for each in found]
            key = self._key(bytes.fromhex(entry.oid), entry.path)
            self._secrets.setdefault(key, _Secrets()).add(told)
            clear = [name for each, name in zip(found, told, strict=True) if not each.allowed]
            self._shown.setdefault(entry.oid, _Secrets()).add(clear)
            kept = [each for each, name in zip(found, told, strict=True) if name not in before]
            batch.findings += kept
            if entry.commit is not None:
                self._by_commit.setdefault(entry.commit, []).extend(kept)
        self._told, self._held = [], 0

    def _secrets_of(self, oid: str, path: bytes) -> _Secrets:
        """What stands in an earlier version of `path`, scanned already or not (outside a range)."""
        pending = oid in self._pending  # only where a round is told before it is over
        raw = bytes.fromhex(oid)
        key = self._key(raw, path)
        known = None if pending else self._secrets.get(key)
        if known is None:
            if not pending and key in self._taken:
                return _Secrets()  # scanned, and nothing was found
            if self._local is not None and raw not in self._local:
                return _Secrets()
            known = _Secrets()
            if not pending:
                self._secrets[key] = known
            for batch in scan_blobs(self._setting, [(oid, path)], meanwhile=True):
                known.add([_secret(each) for _, found, _ in batch.hits for each in found])
        return known


class _Secrets:
    """What tells the secrets of a blob from all others: 16 bytes each."""

    __slots__ = ("_joined",)

    def __init__(self) -> None:
        self._joined = b""

    def add(self, told: list[bytes]) -> None:
        """What `_secret` gave of more of them."""
        self._joined += b"".join(dict.fromkeys(told))

    def all(self) -> Iterator[bytes]:
        """Each."""
        return (self._joined[at : at + _TOLD] for at in range(0, len(self._joined), _TOLD))


_TOLD = 16  # bytes: by chance two of a billion secrets have the same at 1 in 2^69


def _secret(finding: Finding) -> bytes:
    named = finding.rule_id.encode() + b"\0" + finding.value
    return blake2b(named, digest_size=_TOLD).digest()
