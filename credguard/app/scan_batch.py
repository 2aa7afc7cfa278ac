"""The scan of some files by one process; what a worker runs, and `scan --stdin` in its 60 ms.

Plain classes and few imports for the sake of the latter; see tests/arch.
"""

from __future__ import annotations

import os

from credguard.scan.pairing import SMALL, alone, named
from credguard.sources.database import load_engine
from credguard.sources.files import Held, Unreadable, blocks, opened
from credguard.sources.own import armed
from credguard.sources.wide import readings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from credguard.scan.custom import Joined
    from credguard.scan.engine import Engine
    from credguard.scan.model import Finding, Limits
    from credguard.sources.deep import Plugins
    from credguard.sources.settings import Settings

    Problem = tuple[bytes, str]

# So long may what one file holds, encoded or packed, be read: a start, and 10 MB in two seconds.
_DEEPER_S, _DEEPER_S_A_BYTE = 10.0, 2e-7
_PACKED = frozenset((b"PK", b"\x1f\x8b", b"BZ", b"\xfd7", b"\x28\xb5"))  # see `streams.kind`
_ENGINES: dict[str, Engine] = {}
_SETTINGS: list[Settings] = []
_AT: dict[tuple[bytes, bytes], Joined | None] = {}  # by top and folder
_PLUGINS: dict[int, Plugins] = {}  # by process: a forked worker must not share its parent's child


class Setting:
    """What every scan of a run shares."""

    __slots__ = ("cache_dir", "deep", "least", "salt", "top")

    def __init__(
        self, cache_dir: str, least: int, deep: bool = False, top: bytes | None = b""
    ) -> None:
        """`cache_dir`: where the compiled rules lie; `least`: the least confidence told.

        `deep`: take the second look. `top`: the folder that paths start from, for the
        `.credguard.toml` files around them; None: there is none (a bare repository).
        """
        self.cache_dir = cache_dir
        self.least = least
        self.deep = deep
        self.salt = b""
        """Makes the keys of clean files (`credguard.sources.remembered`); b"": none are wanted."""
        self.top = top
        _SETTINGS.clear()  # a new run sees what changed on the disk since the last
        _AT.clear()

    def engine(self) -> Engine:
        """The engine, loaded once a process. Raises CredguardError."""
        engine = _ENGINES.get(self.cache_dir)
        if engine is None:
            engine = _ENGINES[self.cache_dir] = armed(load_engine(self.cache_dir))
        return engine

    def remember(self, salt: bytes) -> None:
        """Have clean files told by keys of `salt`, and the engine loaded anew, not before it."""
        self.salt = salt
        _ENGINES.pop(self.cache_dir, None)

    def joined(self, path: bytes) -> Joined | None:
        """The engine with the rules of the `.credguard.toml` files around `path`; None: no such.

        Raises CredguardError: a rule is invalid, a file cannot be read.
        """
        if self.top is None:
            return None
        place = (self.top, path[: path.rfind(b"/") + 1])
        if place not in _AT:
            texts = self._settings().with_rules(os.path.join(self.top, path))
            _AT[place] = None
            if texts:
                from credguard.sources.custom import joined

                _AT[place] = joined(self.engine(), texts)
        return _AT[place]

    @staticmethod
    def _settings() -> Settings:
        if not _SETTINGS:
            from credguard.sources.settings import Settings

            _SETTINGS.append(Settings())
        return _SETTINGS[0]

    def judge(self, found: list[Finding], data: bytes, path: bytes) -> None:
        """Say of each of `found` what lets it pass. Raises ConfigError."""
        if self.top is None:
            from credguard.scan.allow import Allow

            # A mark's line is one of the file, not of a member of an archive.
            Allow().judge([each for each in found if each.path == path], data, path)
            return
        self._settings().judge(found, data, os.path.join(self.top, path))

    def look(
        self, data: bytes, path: bytes, found: list[Finding]
    ) -> tuple[list[Finding], list[Problem]]:
        """The second look of `--deep`. Raises CredguardError."""
        if os.getpid() not in _PLUGINS:
            from credguard.config import load
            from credguard.sources.deep import Plugins

            _PLUGINS[os.getpid()] = Plugins(load().scan.plugins)
        from credguard.app.deep import look

        return look(_PLUGINS[os.getpid()], self.least, data, path, found)


class Batch:
    """What was found in some files; `problems`: a path, and why nothing or not all was read.

    `apart`: what would be a secret beside a key id (`credguard.scan.pairing`), each with the place
    it would have in `findings`. `keys`: of clean files that can be
    remembered (`credguard.sources.remembered`).
    """

    __slots__ = ("apart", "findings", "keys", "problems", "scanned", "size")

    def __init__(
        self,
        findings: list[Finding] | None = None,
        problems: list[Problem] | None = None,
        scanned: int = 0,
        size: int = 0,
    ) -> None:
        """So many files, of so many bytes."""
        self.apart: list[tuple[int, Finding]] = []
        self.keys: list[bytes] = []
        self.findings = findings or []
        self.problems = problems or []
        self.scanned = scanned
        self.size = size


def scan_text(setting: Setting, data: bytes, path: bytes) -> tuple[list[Finding], list[Problem]]:
    """Findings in `data` by place, and problems: every scan goes through here."""
    from credguard.scan.engine import plain
    from credguard.scan.whole import scan_all

    joined = setting.joined(path)
    text = plain(data)

    def limits() -> Limits:
        from time import monotonic

        from credguard.scan.model import Limits

        end = monotonic() + _DEEPER_S + len(data) * _DEEPER_S_A_BYTE
        return Limits(expired=lambda: monotonic() > end)

    scanned = scan_all(joined or setting.engine(), data, path, limits)
    problems = scanned.problems
    if joined is not None:
        problems += joined.problems()
    found = [each for each in scanned.findings if each.confidence >= setting.least]
    if setting.deep:
        more, cut = setting.look(text, path, found)
        found += more
        problems += cut
    if found:
        setting.judge(found, text, path)
    return found, problems


def _beside(setting: Setting, data: bytes, path: bytes) -> list[Finding]:
    """What the bytes of a text in UTF-16 or UTF-32 show: rules alone."""
    engine = setting.joined(path) or setting.engine()
    found = [each for each in engine.scan(data, path) if each.confidence >= setting.least]
    if found:
        setting.judge(found, data, path)
    return found


def scan_files(setting: Setting, files: list[bytes]) -> Batch:
    """Scan each of `files` as it is on the disk. Raises CredguardError when no rules load."""
    batch = Batch()
    for path in files:
        try:
            data, status = opened(path)
            if data is None:
                part = _scan_packed(setting, path)
                if part is None:
                    part = scan_windows(setting, blocks(path), path)
            else:
                part = _scan_whole(setting, data, path)
        except Unreadable as exc:
            batch.problems.append((path, str(exc)))
        except MemoryError:
            batch.problems.append((path, "too little memory"))
        else:
            batch.apart += [(len(batch.findings) + at, each) for at, each in part.apart]
            batch.findings += part.findings
            batch.problems += part.problems
            batch.size += part.size
            batch.scanned += 1
            if setting.salt and not (part.findings or part.problems or part.apart):
                _remember(setting, path, status, batch)
    return batch


def _scan_whole(setting: Setting, data: bytes, path: bytes) -> Batch:
    batch = Batch(*scan_text(setting, data, path), 1, len(data))
    if len(data) <= SMALL and named(path):
        single = alone(data, path, batch.findings)
        if single is not None:
            setting.judge([single], data, path)
            batch.apart.append((0, single))
    return batch


def _remember(setting: Setting, path: bytes, status: os.stat_result, batch: Batch) -> None:
    """Nothing was found in `path`: `batch` gets its key, but where rules of a person's own held."""
    from credguard.sources.remembered import of_clean

    if setting.joined(path) is None and (key := of_clean(setting.salt, path, status)):
        batch.keys.append(key)


def _scan_packed(setting: Setting, path: bytes) -> Batch | None:
    """A file that is not read whole but member by member; None: it is no archive."""
    with Held(path) as held:
        if held[0:2] not in _PACKED and held[257:262] != b"ustar":
            return None
        from credguard.app.scan_packed import is_packed, scan_packed

        packed = is_packed(held)
        if not packed:
            return None
        joined = setting.joined(path)
        scanned = scan_packed(joined or setting.engine(), held, path, packed)
        problems = scanned.problems + (joined.problems() if joined is not None else [])
        found = [each for each in scanned.findings if each.confidence >= setting.least]
        if found:
            setting.judge(found, b"", path)
        return Batch(found, problems, 1, len(held))


def scan_windows(setting: Setting, pieces: Iterable[bytes | int], path: bytes) -> Batch:
    """Scan a long text piece by piece, as one text: what lies over a border is found once.

    What is read before `pieces` fails is scanned, and the failure told as a problem.
    """
    batch = Batch(scanned=1)
    told: set[Problem] = set()
    aside = False
    try:
        for window, is_text in readings(pieces):
            if is_text:
                found, problems = scan_text(setting, window.data, path)
                told.update(problems)
                batch.size += min(window.last, len(window.data)) - window.first
            else:
                found = _beside(setting, window.data, path)
                aside = True
            batch.findings += window.own(found, path)
    except Unreadable as exc:
        told.add((path, str(exc)))
    if aside:
        batch.findings.sort(key=lambda each: (each.line, each.column))
    batch.problems = sorted(told)
    return batch
