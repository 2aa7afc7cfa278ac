"""The `.credguard.toml` files of a tree, and the matcher for their patterns."""

import os
import sys
import time
from collections.abc import Callable

from credguard.errors import ConfigError, CredguardError
from credguard.scan.allow import FILE, Allow, Marks
from credguard.scan.model import Finding
from credguard.sources.database import extension
from credguard.sources.settings_text import MOST_BYTES, text_of

COMPILE_S = 2.0
"""Seconds for all regexes of one file: a hostile repository's must not hold a scan up."""


def root_of(path: bytes) -> bytes:
    """The top folder of the git worktree that `path` (a file or folder) lies in.

    Where it lies in none: the topmost folder above it that is reached through folders of ours
    alone, which nobody else can write into; at least its own. Absolute, symlinks kept.
    """
    start = os.path.abspath(path)
    at = start if os.path.isdir(start) else os.path.dirname(start)
    topmost, ours = at, True
    while True:
        if os.path.lexists(os.path.join(at, b".git")):
            return at
        ours = ours and _only_ours(at)
        if ours:
            topmost = at
        above = os.path.dirname(at)
        if above == at:
            return topmost
        at = above


def _only_ours(folder: bytes) -> bool:
    if sys.platform == "win32":
        return False
    try:
        status = os.stat(folder)
    except OSError:
        return True  # a member of an archive has folders that are not there
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


class Settings:
    """Reads each folder's file once. Not for several threads."""

    def __init__(self) -> None:
        self._texts: dict[bytes, str | None] = {}
        self._roots: dict[bytes, bytes] = {}
        self._allows: dict[tuple[bytes, bytes], Allow] = {}

    def of(self, path: bytes) -> tuple[Allow, bytes]:
        """What holds for the file `path`, and `path` as those settings see it.

        The files of its folder and of those above it count, up to the top of its git worktree.
        Raises ConfigError.
        """
        place = os.path.abspath(path)
        folder = os.path.dirname(place)
        root = self._root(folder)
        allow = self._allows.get((root, folder))
        if allow is None:
            allow = self._allows[root, folder] = self._read(root, folder)
        return allow, os.path.relpath(place, root).replace(os.fsencode(os.sep), b"/")

    def _root(self, folder: bytes) -> bytes:
        root = self._roots.get(folder)
        if root is None:
            root = self._roots[folder] = root_of(folder)
        return root

    def with_rules(self, path: bytes) -> list[tuple[str, str]]:
        """Path and text of each file that holds for the file `path` and may have rules.

        Outermost first. Raises ConfigError: one cannot be read.
        """
        return [each for each in self.around(path) if "rule" in each[1]]

    def around(self, path: bytes) -> list[tuple[str, str]]:
        """As `with_rules`, of each file that holds for the file `path`."""
        folder = os.path.dirname(os.path.abspath(path))
        root = self._root(folder)
        found: list[tuple[str, str]] = []
        while True:
            text = self._text(folder)
            if text is not None:
                found.append((os.fsdecode(os.path.join(folder, os.fsencode(FILE))), text))
            if folder in (root, os.path.dirname(folder)):
                return found[::-1]
            folder = os.path.dirname(folder)

    def check(self, path: bytes) -> None:
        """Raises ConfigError when a file that holds for `path`, a file or folder, is wrong."""
        self.of(os.path.join(path, b"_") if os.path.isdir(path) else path)

    def judge(
        self, found: list[Finding], data: bytes, path: bytes, marked: Marks | None = None
    ) -> None:
        """Set `allowed` of each of `found`, in the file `path` or what it holds packed.

        `data`: its bytes as `credguard.scan.engine.plain` gives them; marks in an archive's members
        do not count. The findings may name the file by the end of `path` alone, as a scan of what
        is staged does. `marked`: as for `Allow.judge`. Raises ConfigError.
        """
        here: list[Finding] = []
        last, below = None, b""
        for each in found:
            if each.path != last:
                last = each.path
                below = _below(last, path)
            if below:  # a member's text is not at hand
                allow, inside = self.of(path + below)
                allow.judge([each], b"", inside)
            else:
                here.append(each)
        if here:
            allow, inside = self.of(path)
            allow.judge(here, data, inside, marked)

    def _read(self, root: bytes, folder: bytes) -> Allow:
        texts: dict[bytes, str] = {}
        at = folder
        while True:
            text = self._text(at)
            if text is not None:
                name = os.path.relpath(at, root).replace(os.fsencode(os.sep), b"/")
                texts[b"" if name == b"." else name] = text
            if at in (root, os.path.dirname(at)):
                return Allow.of(texts, compiler) if texts else Allow()
            at = os.path.dirname(at)

    def _text(self, folder: bytes) -> str | None:
        if folder not in self._texts:
            self._texts[folder] = _text(os.path.join(folder, os.fsencode(FILE)))
        return self._texts[folder]


def _below(name: bytes, path: bytes) -> bytes:
    """What `name`, `archive!member`, has after the file `path`; b"" where it is the file itself."""
    end = len(name)
    while end > 0:
        if path == name[:end] or path.endswith(b"/" + name[:end]):
            return name[end:]
        end = name.rfind(b"!", 0, end)
    return b""


def _text(path: bytes) -> str | None:
    shown = path.decode("utf-8", "backslashreplace")
    try:
        # Non-blocking: a FIFO in its place must not hang the scan.
        flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            data = file.read(MOST_BYTES + 1) or b""
    except FileNotFoundError:
        return None
    except OSError as exc:
        said = exc.strerror or "not readable"
        raise ConfigError(f"cannot read {shown}: {said}", hint=f"look: ls -l {shown}") from exc
    return text_of(data, shown)


def compiler(patterns: list[bytes]) -> Callable[[bytes], set[int]]:
    """A matcher of all `patterns` in time linear in the value, whatever they are.

    It gives the numbers of those found anywhere in a value. Raises ValueError, naming the pattern
    that Hyperscan does not take (look-around, back-reference, invalid, too large), or at which
    COMPILE_S are over.
    """
    try:
        hyperscan = extension()
    except CredguardError as exc:
        raise ValueError(str(exc)) from exc
    end = time.monotonic() + COMPILE_S
    databases = []
    for number, pattern in enumerate(patterns, 1):
        said = f"number {number}, {pattern.decode('utf-8', 'backslashreplace')!r}"
        if time.monotonic() > end:
            raise ValueError(f"{said}: they take too long to compile")
        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        flags = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_ALLOWEMPTY
        try:
            database.compile(expressions=[pattern], ids=[0], elements=1, flags=[flags])
        except hyperscan.error as exc:
            raise ValueError(f"{said}: {exc}") from None
        databases.append(database)

    def matches(value: bytes) -> set[int]:
        hits: set[int] = set()
        for number, database in enumerate(databases):
            database.scan(value, match_event_handler=lambda *_, at=number: hits.add(at))
        return hits

    return matches
