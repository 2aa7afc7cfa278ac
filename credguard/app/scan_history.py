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
from credguard.app.scan import DEFAULT, Options, Progress, Result, silent
from credguard.app.scan_batch import Batch, Setting, scan_text, scan_windows
from credguard.errors import GitError
from credguard.scan.general.places import grammar
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
_Secret = tuple[str, bytes]  # rule, value


class BlobSetting(Setting):
    """What every worker on a history shares; `cwd`: the repository, None: the one found here."""

    __slots__ = ("cwd",)

    def __init__(
        self, cache_dir: str, least: int, deep: bool, top: bytes | None, cwd: str | None
    ) -> None:
        super().__init__(cache_dir, least, deep, top)
        self.cwd = cwd


class BlobBatch(Batch):
    """`hits`: the place in the job of each blob in which something was found, and what."""

    __slots__ = ("clean", "hits", "missing")

    def __init__(self) -> None:
        super().__init__()
        self.hits: list[tuple[int, list[Finding]]] = []
        self.clean: list[str] = []
        self.missing = 0


# By process: a forked worker must not share its parent's git.
_BLOBS: dict[tuple[int, str | None], Blobs] = {}


def scan_blobs(setting: BlobSetting, job: Job) -> BlobBatch:
    """Scan each blob of `job`; what a worker runs. Raises CredguardError."""
    key = (os.getpid(), setting.cwd)
    blobs = _BLOBS.get(key)
    if blobs is None:
        blobs = _BLOBS[key] = Blobs(setting.cwd)
    batch = BlobBatch()
    for number, blob in enumerate(blobs.read([oid for oid, _ in job])):
        oid, path = job[number]
        if blob is None:
            batch.missing += 1
            continue
        size, pieces = blob
        found, problems = _scan_blob(setting, size, pieces, path)
        batch.scanned += 1
        batch.size += size
        batch.problems += problems
        if found:
            batch.hits.append((number, found))
        elif not problems:
            batch.clean.append(oid)
    return batch


def _scan_blob(
    setting: Setting, size: int, pieces: Iterator[bytes], path: bytes
) -> tuple[list[Finding], list[tuple[bytes, str]]]:
    try:
        if size <= WHOLE:
            return scan_text(setting, b"".join(pieces), path)
        part = scan_windows(setting, pieces, path)
    except Unreadable as exc:
        return [], [(path, str(exc))]
    except MemoryError:
        return [], [(path, "too little memory")]
    return part.findings, part.problems


def scan_history(
    cwd: str | None = None,
    options: Options = DEFAULT,
    on_progress: Progress = silent,
    *,
    branches: tuple[str, ...] = (),
    since: str | None = None,
    resume: bool = True,
) -> Result:
    """Scan every blob of the repository around `cwd` once, those that no commit reaches too.

    `branches` (or any revision) and `since` limit it to what these commits added. With `resume` a
    run that was interrupted is gone on with: what it found clean is not scanned again.
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
    return _History(repository, options, entries, seen).run(on_progress)


def _check_date(repository: Repository, text: str) -> None:
    """Raises GitError for what is no date: git takes it for now, and would scan nothing."""
    age = time.time() - repository.moment(text)
    if abs(age) < _NOW_S and text.strip().lower() not in ("now", "today"):
        raise GitError(f"not a date: {text}", hint="name one as 2026-01-31 or '2 weeks ago'")


def scan_range(
    text: str, cwd: str | None = None, options: Options = DEFAULT, on_progress: Progress = silent
) -> Result:
    """Scan what each commit of the range `text` (A..B) added. Raises GitError, CredguardError."""
    repository = Repository(cwd)
    return _History(repository, options, repository.added(check_range(text)), None).run(on_progress)


def _own_rules(repository: Repository) -> str:
    """Changes with the `.credguard.toml` files of the work tree: what was clean may not be now."""
    from hashlib import blake2b

    top = repository.top()
    if top is None:
        return ""
    digest = blake2b(digest_size=32)
    for name in _settings_of(repository):
        try:
            status = os.stat(os.path.join(top, name))
        except OSError:
            continue
        digest.update(b"%s %d %d\0" % (name, status.st_size, status.st_mtime_ns))
    return digest.hexdigest()


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
        self._secrets: dict[str, set[_Secret]] = {}  # by blob, where there are any
        self._shown: dict[str, set[_Secret]] = {}  # of those what no settings let pass
        self._has_settings = bool(_settings_of(repository))
        self._by_commit: dict[str, list[Finding]] = {}
        self._local = repository.local()
        self._shallow = repository.shallow()
        self._is_cut = False
        self._missing = 0
        self._result = Result()

    def run(self, on_progress: Progress) -> Result:
        self._setting.engine()  # before any worker is forked: they share it
        try:
            for batch in self._batches():
                self._take(batch)
                on_progress(self._result)
            for oid, commit in self._repository.about(self._by_commit).items():
                for finding in self._by_commit.get(oid, ()):
                    finding.commit = commit
        finally:
            if self._seen is not None:
                self._seen.close()
            blobs = _BLOBS.pop((os.getpid(), self._repository.cwd), None)
            if blobs is not None:
                blobs.close()
        where = os.fsencode(self._repository.cwd or ".")
        if self._is_cut:
            text = "a shallow clone: the commits before are not here (git fetch --unshallow)"
            self._result.problems.append((where, text))
        if self._missing:
            count = f"{self._missing} blobs are" if self._missing > 1 else "1 blob is"
            self._result.problems.append((where, f"{count} not here: a partial clone"))
        if self._seen is not None:
            if self._seen.known:
                text = f"gone on with an interrupted run: {self._seen.known} blobs were clean"
                self._result.notices.append(text)
            self._seen.remove()
        return self._result

    def _batches(self) -> Iterator[BlobBatch]:
        from credguard.sources.pool import Died, Pool

        jobs = self._jobs()
        for job in jobs:
            yield scan_blobs(self._setting, job)
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
            if self._shallow and entry.commit in self._shallow:
                self._is_cut = True
            if self._globs and not self._globs.file(entry.path):
                continue
            oid = bytes.fromhex(entry.oid)
            here = self._local is None or oid in self._local
            reading = oid + self._reading(entry.path) if here else oid
            if reading in self._taken:
                continue
            self._taken.add(reading)
            if not here:
                self._missing += 1
                continue
            if self._seen is None or oid not in self._seen:
                yield entry

    def _reading(self, path: bytes) -> bytes:
        """What of a path decides what is found in a blob and told: for each it is scanned once."""
        passes = self._has_settings and self._setting.passes(path)
        return grammar(path).encode() + (b"!" if passes else b"")

    def _take(self, batch: BlobBatch) -> None:
        job = self._given.popleft()
        for number, found in batch.hits:
            entry = job[number]
            before = set().union(*(self._secrets_of(oid, entry.path) for oid in entry.old))
            before |= self._shown.setdefault(entry.oid, set())  # under another name
            self._shown[entry.oid] |= {
                (each.rule_id, each.value) for each in found if not each.allowed
            }
            secrets = self._secrets.setdefault(entry.oid, set())
            secrets |= {(each.rule_id, each.value) for each in found}
            kept = [each for each in found if (each.rule_id, each.value) not in before]
            batch.findings += kept
            if entry.commit is not None:
                self._by_commit.setdefault(entry.commit, []).extend(kept)
        self._missing += batch.missing
        self._result.add(batch)
        if self._seen is not None:
            self._seen.add(batch.clean)

    def _secrets_of(self, oid: str, path: bytes) -> set[_Secret]:
        """What stands in an earlier version of `path`, scanned already or not (outside a range)."""
        known = self._secrets.get(oid)
        if known is None:
            raw = bytes.fromhex(oid)
            if raw + self._reading(path) in self._taken or (
                self._local is not None and raw not in self._local
            ):
                return set()  # scanned, and nothing was found; or not here
            batch = scan_blobs(self._setting, [(oid, path)])
            known = {(each.rule_id, each.value) for _, found in batch.hits for each in found}
            self._secrets[oid] = known
        return known
