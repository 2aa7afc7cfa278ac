"""Use case: look for secrets in files, in what is staged, or in a text."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from credguard import paths
from credguard.app.scan_batch import Batch, Setting, in_windows, scan_files, scan_text
from credguard.errors import GitError
from credguard.scan.model import LOW, Finding
from credguard.scan.pairing import Folders
from credguard.sources.listing import Listed, Wanted, listed
from credguard.sources.remembered import POSSIBLE, Remembered, salt
from credguard.sources.settings import Settings

# So much is scanned by this process alone: below it, starting others costs more than they save.
_ALONE_BYTES, _ALONE_FILES = 1 << 20, 80
# What one worker gets at a time, by what the files before had on average.
_BATCH_BYTES, _BATCH_FILES, _BATCH_NAMES = 2 << 20, 200, 32 << 10
_FINDING_BYTES = 700  # in memory, and nearly as much on its way between processes
_HELD = 20_000  # so many findings are held, some 20 MB, where a spill takes them


@dataclass(frozen=True, slots=True)
class Options:
    """`least`: the confidence reported; `jobs`: processes at work, 0: one a core.

    `deep`: run detect-secrets' plugins too. `remember`: leave out files that an earlier scan found
    clean and that have not changed since; not together with `deep`.
    """

    least: int = LOW
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    gitignore: bool = True
    jobs: int = 0
    deep: bool = False
    remember: bool = False

    def processes(self) -> int:
        """How many processes scan at once."""
        if self.jobs > 0:
            return self.jobs
        try:
            return len(os.sched_getaffinity(0))
        except AttributeError:  # not Linux
            return os.cpu_count() or 1


DEFAULT = Options()


class Spill(Protocol):
    """Takes findings out of memory, in their order. Numbers count all that were found, from 0."""

    def take(self, found: list[Finding]) -> None:
        """The next ones."""

    def amend(self, number: int, finding: Finding) -> None:
        """One that was taken has changed."""

    def insert(self, number: int, finding: Finding) -> None:
        """One more, before that of this number, which was taken."""


@dataclass(slots=True)
class Result:
    """What a scan found; complete once its findings have been gone through.

    `problems`: what could not be read or was cut short, and why: about that nothing can be told.
    `notices`: what a person should know and that leaves nothing open. `scanned` files of `size`
    bytes were read, `unchanged` of them none of whose bytes were: they are known to be clean. The
    first `spilled` findings went into the spill; `findings` are the others. `own`: of the spilled
    those in commits that are values of the vault.
    """

    findings: list[Finding] = field(default_factory=list)
    problems: list[tuple[bytes, str]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    scanned: int = 0
    size: int = 0
    spilled: int = 0
    own: list[Finding] = field(default_factory=list)
    unchanged: int = 0

    @property
    def count(self) -> int:
        """How many were found."""
        return self.spilled + len(self.findings)

    def add(self, batch: Batch) -> None:
        """Take in what was scanned."""
        self.findings += batch.findings
        self.problems += batch.problems
        self.scanned += batch.scanned
        self.size += batch.size

    def is_full(self, spill: Spill | None) -> bool:
        """Whether `relieve` would let `spill` take what is held."""
        return spill is not None and len(self.findings) >= _HELD

    def relieve(self, spill: Spill | None) -> None:
        """Let `spill` take what is held, where that is very much. Raises what it raises."""
        if spill is not None and self.is_full(spill):
            self.own += [each for each in self.findings if each.own and each.commit is not None]
            spill.take(self.findings)
            self.spilled += len(self.findings)
            self.findings = []


Progress = Callable[[Result], None]
"""Hears of the result so far, many times a second."""


def silent(_result: Result) -> None:
    """Progress that nobody sees."""


def scan_paths(
    names: list[str],
    options: Options = DEFAULT,
    on_progress: Progress = silent,
    spill: Spill | None = None,
) -> Result:
    """Scan every file at and below `names`; the order of findings depends on the names alone.

    With `spill` at most some thousands of findings are in memory at once.
    Raises CredguardError when the rules do not load or a pattern is wrong.
    """
    result = Result()
    folders = Folders()
    for batch in _batches_of(names, options, result):
        folders.add(batch.findings, result.count, batch.apart)
        result.add(batch)
        result.relieve(spill)
        on_progress(result)
    _pair(result, folders, spill)
    return result


def _pair(result: Result, folders: Folders, spill: Spill | None) -> None:
    """Tell of secrets that a key id stands beside, in another file: each at its place."""
    pairs = sorted(folders.pairs(), key=lambda pair: pair[0], reverse=True)
    for number, finding, is_found in pairs:
        at = number - result.spilled
        if spill is not None and at < 0:
            (spill.amend if is_found else spill.insert)(number, finding)
        elif not is_found:
            result.findings.insert(at, finding)


def _batches_of(names: list[str], options: Options, result: Result) -> Iterator[Batch]:
    """What there is at and below `names`, in order; `result` gets notices alone."""
    setting = Setting(paths.cache_dir(), options.least, options.deep)
    settings = Settings()
    remembered = _remembered(options, setting, settings)
    setting.engine()  # before any worker is forked: they share it
    for name in names:  # a mistake in a file of settings is told though nothing is found
        settings.check(os.fsencode(name))
    feed = _unique(names, options, result)
    if remembered is None:
        yield from _scanned(setting, feed, options.processes())
        return
    for batch in _scanned(setting, _changed(feed, remembered, result), options.processes()):
        remembered.add(batch.keys)
        yield batch
    remembered.save()


def _remembered(options: Options, setting: Setting, settings: Settings) -> Remembered | None:
    if not options.remember or options.deep or not POSSIBLE:
        return None
    setting.salt = salt(options.least)
    setting.renew()
    folders: dict[bytes, bool] = {}

    def around(path: bytes) -> bool:
        folder = path[: path.rfind(b"/") + 1]
        if folder not in folders:
            folders[folder] = bool(settings.with_rules(path))
        return folders[folder]

    return Remembered(setting.cache_dir, setting.salt, around)


def _changed(feed: Iterator[Listed], remembered: Remembered, result: Result) -> Iterator[Listed]:
    for path, why in feed:
        if not why and remembered.knows(path):
            result.scanned += 1
            result.unchanged += 1
        else:
            yield path, why


def _scanned(setting: Setting, feed: Iterator[Listed], processes: int) -> Iterator[Batch]:
    alone = Batch()
    for path, why in feed:
        if why:
            yield Batch(problems=[(path, why)])
            continue
        for batch in scan_files(setting, [path]):
            alone.scanned += batch.scanned
            alone.size += _weight(batch)
            yield batch
        if processes > 1 and (alone.size > _ALONE_BYTES or alone.scanned > _ALONE_FILES):
            yield from _over_cores(setting, feed, processes, alone)
            return


def _unique(names: list[str], options: Options, result: Result) -> Iterator[Listed]:
    globs = Wanted(options.include, options.exclude)
    seen: set[bytes] = set()
    for name in names:
        for path, why in listed(
            os.fsencode(name), globs, gitignore=options.gitignore, on_notice=result.notices.append
        ):
            if len(names) > 1:  # "." and a file below it: told once
                place = os.path.abspath(path)
                if place in seen:
                    continue
                seen.add(place)
            yield path, why


def _weight(batch: Batch) -> int:
    """How much a batch is to carry and to hold, as bytes of text."""
    return batch.size + _FINDING_BYTES * len(batch.findings)


def _over_cores(
    setting: Setting, feed: Iterator[Listed], processes: int, so_far: Batch
) -> Iterator[Batch]:
    from credguard.sources.pool import Died, Pool

    unlisted: list[tuple[bytes, str]] = []
    with Pool[Setting, list[bytes], Batch](scan_files, setting, processes) as pool:
        for job, answer in pool.ordered(
            _batches(feed, so_far, unlisted), lambda each: sum(map(len, each))
        ):
            if isinstance(answer, Died):
                yield Batch(problems=[(path, f"not scanned: {answer.how}") for path in job])
                continue
            so_far.scanned += answer.scanned
            so_far.size += _weight(answer)
            answer.problems += unlisted
            unlisted.clear()
            yield answer
    if unlisted:
        yield Batch(problems=unlisted)


def _batches(
    feed: Iterable[Listed], so_far: Batch, unlisted: list[tuple[bytes, str]]
) -> Iterator[list[bytes]]:
    job: list[bytes] = []
    names = 0
    for path, why in feed:
        if why:
            unlisted.append((path, why))
            continue
        job.append(path)
        names += len(path)
        average = so_far.size // (so_far.scanned or 1) + 1
        if len(job) >= min(_BATCH_FILES, _BATCH_BYTES // average) or names > _BATCH_NAMES:
            yield job
            job, names = [], 0
    if job:
        yield job


def scan_stream(
    pieces: Iterable[bytes], path: bytes, options: Options = DEFAULT, spill: Spill | None = None
) -> Result:
    """Scan the text that `pieces` make up as if it stood in the file `path`; `spill`: as above."""
    setting = Setting(paths.cache_dir(), options.least, options.deep)
    result = Result()
    for batch in in_windows(setting, pieces, path):
        result.add(batch)
        result.relieve(spill)
    return result


def scan_staged(options: Options = DEFAULT, on_progress: Progress = silent) -> Result:
    """Scan what the next commit would add, in the repository around the working directory.

    Raises GitError, CredguardError.
    """
    from credguard.scan.engine import on_lines
    from credguard.sources.git import MAX_BLOB, run
    from credguard.sources.lfs import Aside
    from credguard.sources.staging import Staging

    if run(None, "rev-parse", "--is-bare-repository", inherit=True).strip() == b"true":
        raise GitError("nothing is staged here: a bare repository has no index")
    staging = Staging(None)
    top = run(None, "rev-parse", "--show-toplevel", inherit=True).rstrip(b"\n")
    setting = Setting(paths.cache_dir(), options.least, options.deep, top)
    globs = Wanted(options.include, options.exclude)
    result = Result()
    aside = Aside(None, MAX_BLOB)
    for file in staging:
        if globs and not globs.file(file.path):
            continue
        aside.follow(file)
        found, problems = scan_text(setting, file.data, file.path)
        here = [each for each in found if each.path == file.path]
        added = on_lines(here, file.added) if here else []
        # Lines of an archive's member are not those of the file.
        added += [each for each in found if each.path != file.path]
        result.add(Batch(added, problems, 1, len(file.data)))
        on_progress(result)
    result.problems += aside.problems
    return result
