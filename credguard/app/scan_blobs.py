"""The scan of some blobs of a history by one process; what a worker runs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from credguard.app.scan_batch import MOST, Batch, Setting, in_windows, scan_parts
from credguard.scan.model import Finding
from credguard.scan.versions import Versions
from credguard.sources.database import load_marks
from credguard.sources.files import WHOLE, Unreadable
from credguard.sources.history import Blobs

Job = list[tuple[str, bytes]]
"""Object ids, and the path of each."""
Problem = tuple[bytes, str]


class BlobSetting(Setting):
    """What every worker on a history shares.

    `cwd`: the repository, None: the one found here; `room`: how many bytes of last versions of
    files a worker keeps.
    """

    __slots__ = ("cwd", "room")

    def __init__(
        self, cache_dir: str, least: int, deep: bool, top: bytes | None, cwd: str | None, room: int
    ) -> None:
        super().__init__(cache_dir, least, deep, top)
        self.cwd = cwd
        self.room = room

    def hits(self, text: bytes, path: bytes) -> dict[int, list[int]] | None:
        """By what the last version of `path` had in common with `text`."""
        versions = _VERSIONS.get(self.cwd)
        if versions is None:
            engine = self.engine()
            versions = _VERSIONS[self.cwd] = Versions(engine, load_marks(engine), self.room)
        return versions.hits(text, path)


class BlobBatch(Batch):
    """`hits`: the place in the job of each blob that is not clean, what was found, and problems.

    `clean`: the places of the others. `more`: another batch of the same job follows, which may go
    on with the last of these.
    """

    __slots__ = ("clean", "hits", "missing", "more")

    def __init__(self) -> None:
        super().__init__()
        self.hits: list[tuple[int, list[Finding], list[Problem]]] = []
        self.clean: list[int] = []
        self.missing = 0
        self.more = False


# By process: a forked worker must not share its parent's git.
_BLOBS: dict[tuple[int, str | None, bool], Blobs] = {}
_VERSIONS: dict[str | None, Versions] = {}


def over(cwd: str | None) -> None:
    """End what this process has running and keeps for the repository around `cwd`."""
    _VERSIONS.pop(cwd, None)
    for meanwhile in (False, True):
        blobs = _BLOBS.pop((os.getpid(), cwd, meanwhile), None)
        if blobs is not None:
            blobs.close()


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
        _, path = job[number]
        if blob is None:
            batch.missing += 1
            continue
        size, pieces = blob
        is_clean = True
        for part in _scan_blob(setting, size, pieces, path):
            is_clean = is_clean and not part.findings and not part.problems
            if part.findings or part.problems:
                batch.hits.append((number, part.findings, part.problems))
                held += len(part.findings)
            if held >= MOST:
                batch.more = True
                yield batch
                batch, held = BlobBatch(), 0
        batch.scanned += 1
        batch.size += size
        if is_clean:
            batch.clean.append(number)
    yield batch


def _scan_blob(
    setting: Setting, size: int, pieces: Iterable[bytes], path: bytes
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
