"""Use case: look for secrets in what commits added, each blob once.

A secret is told where it came in: at the first commit, parents before children, whose version of a
path has it while no parent's version has.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator

from credguard import __version__, paths
from credguard.app.scan import DEFAULT, Options, Progress, Result, Spill, silent
from credguard.app.scan_batch import MOST, Batch, Setting, in_windows, scan_parts
from credguard.errors import GitError
from credguard.scan.model import Finding
from credguard.sources.files import WHOLE, Unreadable
from credguard.sources.git import run
from credguard.sources.history import Blobs, Entry, Repository, check_range
from credguard.sources.listing import Wanted
from credguard.sources.progress import Seen

_ALONE_BYTES, _ALONE_BLOBS = 3 << 20, 240
_NOW_S = 30  # what git says of a text without a date is within so many seconds of now
_BATCH_BYTES, _BATCH_BLOBS, _BATCH_NAMES = 2 << 20, 250, 24 << 10

Job = list[tuple[str, bytes]]
"""Object ids, and the path of each."""


class BlobSetting(Setting):
    """What every worker on a history shares; `cwd`: the repository, None: the one found here."""

    __slots__ = ("cwd",)

    def __init__(
        self, cache_dir: str, least: int, deep: bool, top: bytes | None, cwd: str | None
    ) -> None:
        super().__init__(cache_dir, least, deep, top)
        self.cwd = cwd


class BlobBatch(Batch):
    """`hits`: the place in the job of each blob in which something was found, and what.

    `more`: another batch of the same job follows, which may go on with the last of these.
    """

    __slots__ = ("clean", "hits", "missing", "more")

    def __init__(self) -> None:
        super().__init__()
        self.hits: list[tuple[int, list[Finding]]] = []
        self.clean: list[str] = []
        self.missing = 0
        self.more = False


# By process: a forked worker must not share its parent's git.
_BLOBS: dict[tuple[int, str | None, bool], Blobs] = {}


def scan_blobs(setting: BlobSetting, job: Job, *, meanwhile: bool = False) -> Iterator[BlobBatch]:
    """Scan each blob of `job`; what a worker runs. Several batches where very much is found.

    `meanwhile`: another job of this process is being scanned. Raises CredguardError.
    """
    key = (os.getpid(), setting.cwd, meanwhile)
    blobs = _BLOBS.get(key)
    if blobs is None:
        blobs = _BLOBS[key] = Blobs(setting.cwd)
    batch, held = BlobBatch(), 0
    for number, blob in enumerate(blobs.read([oid for oid, _ in job])):
        oid, path = job[number]
        if blob is None:
            batch.missing += 1
            continue
        size, pieces = blob
        is_clean = True
        for part in _scan_blob(setting, size, pieces, path):
            is_clean = is_clean and not part.findings and not part.problems
            batch.problems += part.problems
            if part.findings:
                batch.hits.append((number, part.findings))
                held += len(part.findings)
            if held >= MOST:
                batch.more = True
                yield batch
                batch, held = BlobBatch(), 0
        batch.scanned += 1
        batch.size += size
        if is_clean:
            batch.clean.append(oid)
    yield batch


def _scan_blob(
    setting: Setting, size: int, pieces: Iterator[bytes], path: bytes
) -> Iterator[Batch]:
    try:
        if size <= WHOLE:
            parts, problems = scan_parts(setting, b"".join(pieces), path)
            yield from map(Batch, parts)
            yield Batch(problems=problems)
        else:
            yield from in_windows(setting, pieces, path)
    except Unreadable as exc:
        yield Batch(problems=[(path, str(exc))])
    except MemoryError:
        yield Batch(problems=[(path, "too little memory")])


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
    run that was interrupted is gone on with: what it found clean is not scanned again. With `spill`
    at most some thousands of findings are in memory at once.
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
        what = "\0".join((*sorted(branches), since or "", str(options), _own_rules(repository)))
        seen = Seen(_state_file(repository), _stamp(what))
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


def _own_rules(repository: Repository) -> str:
    """Changes with the `.credguard.toml` files of the work tree: what was clean may not be now."""
    from hashlib import blake2b

    top = repository.top()
    if top is None:
        return ""
    names = run(
        os.fsdecode(top), "ls-files", "-z", "-c", "-o", "--", ":(top,glob)**/.credguard.toml"
    )
    digest = blake2b(digest_size=32)
    for name in sorted(set(names.split(b"\0"))):
        if name:
            try:
                status = os.stat(os.path.join(top, name))
            except OSError:
                continue
            digest.update(b"%s %d %d\0" % (name, status.st_size, status.st_mtime_ns))
    return digest.hexdigest()


def _state_file(repository: Repository) -> str:
    from hashlib import blake2b

    place = os.path.realpath(os.path.join(os.fsencode(repository.cwd or "."), repository.git_dir()))
    return os.path.join(paths.cache_dir(), "history", blake2b(place, digest_size=16).hexdigest())


def _stamp(what: str) -> bytes:
    """Changes with the rules and the code that scans, and with what was asked for."""
    from hashlib import blake2b

    digest = blake2b(f"{__version__}\0{what}".encode("utf-8", "surrogateescape"), digest_size=32)
    package = os.path.dirname(os.path.dirname(__file__))
    for part in ("scan", "sources", "app"):
        for folder, folders, names in os.walk(os.path.join(package, part)):
            folders.sort()
            for name in sorted(names):
                if name.endswith((".py", ".toml")):
                    status = os.stat(os.path.join(folder, name))
                    digest.update(f"{name} {status.st_size} {status.st_mtime_ns}\0".encode())
    return digest.digest()


class _History:
    def __init__(
        self, repository: Repository, options: Options, entries: Iterator[Entry], seen: Seen | None
    ) -> None:
        self._repository = repository
        self._setting = BlobSetting(
            paths.cache_dir(), options.least, options.deep, repository.top(), repository.cwd
        )
        self._processes = options.processes()
        self._globs = Wanted(options.include, options.exclude)
        self._entries = entries
        self._seen = seen
        self._given: deque[list[Entry]] = deque()
        self._taken: set[bytes] = set()
        self._secrets: dict[str, _Secrets] = {}  # by blob, where there are any
        self._before: tuple[Entry, set[bytes]] | None = None
        self._by_commit: dict[str, list[Finding]] = {}
        self._local = repository.local()
        self._missing = 0
        self._result = Result()

    def run(self, on_progress: Progress, spill: Spill | None) -> Result:
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
            for meanwhile in (False, True):
                blobs = _BLOBS.pop((os.getpid(), self._repository.cwd, meanwhile), None)
                if blobs is not None:
                    blobs.close()
        if self._missing:
            where = os.fsencode(self._repository.cwd or ".")
            count = f"{self._missing} blobs are" if self._missing > 1 else "1 blob is"
            self._result.problems.append((where, f"{count} not here: a partial clone"))
        if self._seen is not None:
            if self._seen.known:
                text = f"gone on with an interrupted run: {self._seen.known} blobs were clean"
                self._result.notices.append(text)
            self._seen.remove()
        return self._result

    def _attribute(self) -> None:
        """Tell of each finding that is held which commit brought it in."""
        for oid, commit in self._repository.about(self._by_commit).items():
            for finding in self._by_commit.get(oid, ()):
                finding.commit = commit
        self._by_commit = {}

    def _batches(self) -> Iterator[BlobBatch]:
        from credguard.sources.pool import Died, Pool

        jobs = self._jobs()
        for job in jobs:
            yield from scan_blobs(self._setting, job)
            alone = self._result.size > _ALONE_BYTES or self._result.scanned > _ALONE_BLOBS
            if alone and self._processes > 1:
                break
        else:
            return
        with Pool[BlobSetting, Job, BlobBatch](scan_blobs, self._setting, self._processes) as pool:
            for job, answer in pool.ordered(
                jobs, lambda each: sum(len(path) + 48 for _, path in each)
            ):
                if isinstance(answer, Died):
                    lost = BlobBatch()
                    lost.problems = [(path, f"not scanned: {answer.how}") for _, path in job]
                    yield lost
                else:
                    yield answer

    def _jobs(self) -> Iterator[Job]:
        job: list[Entry] = []
        names = 0
        for entry in self._wanted():
            job.append(entry)
            names += len(entry.path) + 64
            average = (
                self._result.size // self._result.scanned + 1 if self._result.scanned else 9000
            )
            if len(job) >= min(_BATCH_BLOBS, _BATCH_BYTES // average) or names > _BATCH_NAMES:
                self._given.append(job)
                yield [(each.oid, each.path) for each in job]
                job, names = [], 0
        if job:
            self._given.append(job)
            yield [(each.oid, each.path) for each in job]

    def _wanted(self) -> Iterator[Entry]:
        for entry in self._entries:
            if self._globs and not self._globs.file(entry.path):
                continue
            oid = bytes.fromhex(entry.oid)
            if oid in self._taken:
                continue
            self._taken.add(oid)
            if self._local is not None and oid not in self._local:
                self._missing += 1
                continue
            if self._seen is None or oid not in self._seen:
                yield entry

    def _take(self, batch: BlobBatch) -> None:
        job = self._given[0] if batch.more else self._given.popleft()
        for number, found in batch.hits:
            entry = job[number]
            if self._before is None or self._before[0] is not entry:
                old = [self._secrets_of(oid, entry.path) for oid in entry.old]
                self._before = (entry, set().union(*(each.all() for each in old)))
            before = self._before[1]
            told = [_secret(each) for each in found]
            self._secrets.setdefault(entry.oid, _Secrets()).add(told)
            kept = [each for each, name in zip(found, told, strict=True) if name not in before]
            batch.findings += kept
            if entry.commit is not None:
                self._by_commit.setdefault(entry.commit, []).extend(kept)
        self._missing += batch.missing
        self._result.add(batch)
        if self._seen is not None:
            self._seen.add(batch.clean)

    def _secrets_of(self, oid: str, path: bytes) -> _Secrets:
        """What stands in an earlier version of `path`, scanned already or not (outside a range)."""
        known = self._secrets.get(oid)
        if known is None:
            raw = bytes.fromhex(oid)
            if raw in self._taken or (self._local is not None and raw not in self._local):
                return _Secrets()  # scanned, and nothing was found; or not here
            known = self._secrets[oid] = _Secrets()
            for batch in scan_blobs(self._setting, [(oid, path)], meanwhile=True):
                known.add([_secret(each) for _, found in batch.hits for each in found])
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
    from _blake2 import blake2b  # what hashlib gives, without its import

    named = finding.rule_id.encode() + b"\0" + finding.value
    return blake2b(named, digest_size=_TOLD).digest()
