"""The scan of some files by one process; what a worker runs, and `scan --stdin` in its 60 ms.

Plain classes and few imports for the sake of the latter; see tests/arch.
"""

from __future__ import annotations

from credguard.sources.database import load_engine
from credguard.sources.files import Unreadable, blocks, read, windows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from credguard.scan.engine import Engine
    from credguard.scan.model import Finding

    Problem = tuple[bytes, str]

_ENGINES: dict[str, Engine] = {}


class Setting:
    """What every scan of a run shares."""

    __slots__ = ("cache_dir", "least")

    def __init__(self, cache_dir: str, least: int) -> None:
        """`cache_dir`: where the compiled rules lie; `least`: the least confidence told."""
        self.cache_dir = cache_dir
        self.least = least

    def engine(self) -> Engine:
        """The engine, loaded once a process. Raises CredguardError."""
        engine = _ENGINES.get(self.cache_dir)
        if engine is None:
            engine = _ENGINES[self.cache_dir] = load_engine(self.cache_dir)
        return engine


class Batch:
    """What was found in some files; `problems`: a path, and why nothing or not all was read."""

    __slots__ = ("findings", "problems", "scanned", "size")

    def __init__(
        self,
        findings: list[Finding] | None = None,
        problems: list[Problem] | None = None,
        scanned: int = 0,
        size: int = 0,
    ) -> None:
        """So many files, of so many bytes."""
        self.findings = findings or []
        self.problems = problems or []
        self.scanned = scanned
        self.size = size


def scan_text(setting: Setting, data: bytes, path: bytes) -> tuple[list[Finding], list[Problem]]:
    """Findings in `data` by place, and problems: every scan goes through here."""
    found = setting.engine().scan(data, path)
    return [each for each in found if each.confidence >= setting.least], []


def scan_files(setting: Setting, files: list[bytes]) -> Batch:
    """Scan each of `files` as it is on the disk. Raises CredguardError when no rules load."""
    batch = Batch()
    for path in files:
        try:
            data = read(path)
            if data is None:
                part = scan_windows(setting, blocks(path), path)
                batch.findings += part.findings
                batch.problems += part.problems
                batch.size += part.size
            else:
                found, problems = scan_text(setting, data, path)
                batch.findings += found
                batch.problems += problems
                batch.size += len(data)
            batch.scanned += 1
        except Unreadable as exc:
            batch.problems.append((path, str(exc)))
        except MemoryError:
            batch.problems.append((path, "too little memory"))
    return batch


def scan_windows(setting: Setting, pieces: Iterable[bytes | int], path: bytes) -> Batch:
    """Scan a long text piece by piece, as one text: what lies over a border is found once.

    What is read before `pieces` fails is scanned, and the failure told as a problem.
    """
    batch = Batch(scanned=1)
    told: set[Problem] = set()
    try:
        for window in windows(pieces):
            found, problems = scan_text(setting, window.data, path)
            batch.findings += window.own(found, path)
            told.update(problems)
            batch.size += min(window.last, len(window.data)) - window.first
    except Unreadable as exc:
        told.add((path, str(exc)))
    batch.problems = sorted(told)
    return batch
