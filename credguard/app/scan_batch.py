"""The scan of some files by one process; what a worker runs, and `scan --stdin` in its 60 ms.

Plain classes and few imports for the sake of the latter; see tests/arch.
"""

from __future__ import annotations

import os
from itertools import chain

from credguard.scan.engine import ends_as_zip
from credguard.scan.pairing import SMALL, alone, named
from credguard.sources.database import load_engine
from credguard.sources.files import Held, Unreadable, blocks, encoding, opened
from credguard.sources.own import armed
from credguard.sources.wide import readings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from credguard.scan.allow import Marks
    from credguard.scan.custom import Joined
    from credguard.scan.engine import Engine
    from credguard.scan.model import Finding, Limits
    from credguard.sources.deep import Plugins
    from credguard.sources.settings import Settings

    Problem = tuple[bytes, str]

# So long may what one file holds, encoded or packed, be read: a start, and 10 MB in two seconds.
_DEEPER_S, _DEEPER_S_A_BYTE = 10.0, 2e-7
_PACKED = frozenset((b"PK", b"\x1f\x8b", b"BZ", b"\xfd7", b"\x28\xb5"))  # see `streams.kind`
MOST = 4096
"""So many findings go on their way before more is looked at."""
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

    def renew(self) -> None:
        """Have the engine loaded anew, with the own secrets as they are from now on."""
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

    def hits(self, _text: bytes, _path: bytes) -> dict[int, list[int]] | None:
        """What `Engine.hits` gives for the text, where that is known without it; else None."""
        return None

    @staticmethod
    def _settings() -> Settings:
        if not _SETTINGS:
            from credguard.sources.settings import Settings

            _SETTINGS.append(Settings())
        return _SETTINGS[0]

    def judge(
        self, found: list[Finding], data: bytes, path: bytes, marked: Marks | None = None
    ) -> None:
        """Say of each of `found` what lets it pass; `marked` as for `Allow`. Raises ConfigError."""
        if self.top is None:
            from credguard.scan.allow import Allow

            # A mark's line is one of the file, not of a member of an archive.
            Allow().judge([each for each in found if each.path == path], data, path, marked)
            return
        self._settings().judge(found, data, os.path.join(self.top, path), marked)

    def passes(self, path: bytes) -> bool:
        """Whether settings let whatever is found in `path` pass. Raises ConfigError."""
        if self.top is None:
            return False
        allow, inside = self._settings().of(os.path.join(self.top, path))
        return allow.passes(inside)

    def ruled(self, folder: bytes) -> bytes | None:
        """Tells the rules of a person's own that hold in `folder` from others; b"": there are none.

        None: no settings hold there at all. Raises ConfigError.
        """
        if self.top is None:
            return None
        texts = self._settings().around(os.path.join(self.top, folder, b"_"))
        if not texts:
            return None
        from hashlib import blake2b

        ruled = [each for each in texts if "rule" in each[1]]
        text = repr(ruled).encode("utf-8", "surrogateescape")
        return blake2b(text, digest_size=16).digest() if ruled else b""

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

    def take(self, other: Batch) -> None:
        """What comes after it, into the same."""
        self.apart += [(len(self.findings) + number, each) for number, each in other.apart]
        self.findings += other.findings
        self.keys += other.keys
        self.problems += other.problems
        self.scanned += other.scanned
        self.size += other.size


def scan_text(setting: Setting, data: bytes, path: bytes) -> tuple[list[Finding], list[Problem]]:
    """Findings in `data` by place, and problems."""
    parts, problems = scan_parts(setting, data, path)
    return [each for part in parts for each in part], problems


def scan_parts(
    setting: Setting, data: bytes, path: bytes
) -> tuple[Iterable[list[Finding]], list[Problem]]:
    """As `scan_text`, some thousands at a time, to be gone through once: every scan goes through
    here.
    """
    from credguard.scan.engine import plain
    from credguard.scan.whole import in_parts

    joined = setting.joined(path)
    text = plain(data)

    def limits() -> Limits:
        # The processor's time: on a busy machine the clock would cut what takes no longer there.
        from time import thread_time

        from credguard.scan.model import Limits

        end = thread_time() + _DEEPER_S + len(data) * _DEEPER_S_A_BYTE
        return Limits(expired=lambda: thread_time() > end)

    hits = setting.hits(text, path)
    parts, problems = in_parts(joined or setting.engine(), data, path, limits, hits)
    if joined is not None:
        problems += joined.problems()
    if setting.deep:
        found = [each for part in parts for each in part if each.confidence >= setting.least]
        more, cut = setting.look(text, path, found)
        parts = (found + more,)
        problems += cut
    return _judged(setting, parts, text, path), problems


def _judged(
    setting: Setting, parts: Iterable[list[Finding]], text: bytes, path: bytes
) -> Iterator[list[Finding]]:
    marked: Marks | None = None
    for part in parts:
        found = [each for each in part if each.confidence >= setting.least]
        if found:
            if marked is None:
                from credguard.scan.allow import Marks

                marked = Marks()
            setting.judge(found, text, path, marked)
            yield found


def _beside(setting: Setting, data: bytes, path: bytes) -> list[Finding]:
    """What the bytes of a text in UTF-16 or UTF-32 show: rules alone."""
    engine = setting.joined(path) or setting.engine()
    found = [each for each in engine.scan(data, path) if each.confidence >= setting.least]
    if found:
        setting.judge(found, data, path)
    return found


def scan_files(setting: Setting, files: list[bytes]) -> Iterator[Batch]:
    """Scan each of `files` as it is on the disk: a batch or, where very much is found, several.

    Raises CredguardError when no rules load.
    """
    batch = Batch()
    for path in files:
        try:
            for part in _scan_file(setting, path):
                batch.take(part)
                if len(batch.findings) >= MOST:
                    yield batch
                    batch = Batch()
        except Unreadable as exc:
            batch.problems.append((path, str(exc)))
        except MemoryError:
            batch.problems.append((path, "too little memory"))
    yield batch


def _scan_file(setting: Setting, path: bytes) -> Iterator[Batch]:
    data, status = opened(path)
    parts: Iterable[Batch] = ()
    if data is not None:
        parts = _scan_whole(setting, data, path)
    elif (packed := _scan_packed(setting, path)) is not None:
        parts = (packed,)
    else:
        parts = in_windows(setting, blocks(path), path)
    is_clean = True
    for part in parts:
        is_clean = is_clean and not (part.findings or part.problems or part.apart)
        yield part
    if setting.salt and is_clean:
        yield _remembered(setting, path, status)


def _scan_whole(setting: Setting, data: bytes, path: bytes) -> Iterator[Batch]:
    parts, problems = scan_parts(setting, data, path)
    last = Batch(problems=problems, scanned=1, size=len(data))
    if len(data) <= SMALL:
        last.findings = [each for part in parts for each in part]
        if named(path):
            single = alone(data, path, last.findings)
            if single is not None:
                setting.judge([single], data, path)
                last.apart.append((0, single))
    else:
        yield from map(Batch, parts)
    yield last


def _remembered(setting: Setting, path: bytes, status: os.stat_result) -> Batch:
    """Nothing was found in `path`: its key, but where rules of a person's own held."""
    from credguard.sources.remembered import of_clean

    batch = Batch()
    if setting.joined(path) is None and (key := of_clean(setting.salt, path, status)):
        batch.keys.append(key)
    return batch


def _scan_packed(setting: Setting, path: bytes) -> Batch | None:
    """A file that is not read whole but member by member; None: it is no archive."""
    with Held(path) as held:
        behind = ends_as_zip(held[-22:])
        if not behind and held[0:2] not in _PACKED and held[257:262] != b"ustar":
            return None
        from credguard.app.scan_packed import is_packed, scan_packed

        packed = is_packed(held)
        if not packed and not behind:
            return None
        joined = setting.joined(path)
        scanned = scan_packed(joined or setting.engine(), held, path, packed or "zip")
        problems = scanned.problems + (joined.problems() if joined is not None else [])
        found = [each for each in scanned.findings if each.confidence >= setting.least]
        if found:
            setting.judge(found, b"", path)
        if packed:
            return Batch(found, problems, 1, len(held))
        # A program, or a text, that an archive stands behind: it is read as any other, too.
        batch = scan_windows(setting, blocks(path), path)
        inside = [each for each in found if each.path != path]
        known = {(each.rule_id, each.value) for each in inside}
        kept = [each for each in batch.findings if (each.rule_id, each.value) not in known]
        batch.findings = kept + inside
        batch.problems = sorted({*batch.problems, *problems})
        return batch


def scan_windows(setting: Setting, pieces: Iterable[bytes | int], path: bytes) -> Batch:
    """Scan a long text piece by piece, as one text: what lies over a border is found once.

    What is read before `pieces` fails is scanned, and the failure told as a problem.
    """
    batch = Batch()
    for part in in_windows(setting, pieces, path):
        batch.take(part)
    return batch


def in_windows(setting: Setting, pieces: Iterable[bytes | int], path: bytes) -> Iterator[Batch]:
    """What `scan_windows` gives, in parts of some thousands of findings, the problems at the end.

    Of a text in UTF-16 or UTF-32, whose bytes are scanned too, all come at once.
    """
    last = Batch(scanned=1)
    told: set[Problem] = set()
    pieces = iter(pieces)
    try:
        first = next(pieces, b"")
        wide = isinstance(first, bytes) and encoding(first) is not None
        for window, is_text in readings(chain((first,), pieces)):
            parts: Iterable[list[Finding]]
            if is_text:
                parts, problems = scan_parts(setting, window.data, path)
                told.update(problems)
                last.size += min(window.last, len(window.data)) - window.first
            else:
                parts = (_beside(setting, window.data, path),)
            own = window.owner(path)
            for part in parts:
                if wide:
                    last.findings += own(part)
                else:
                    yield Batch(own(part))
    except Unreadable as exc:
        told.add((path, str(exc)))
    last.findings.sort(key=lambda each: (each.line, each.column))
    last.problems = sorted(told)
    yield last
