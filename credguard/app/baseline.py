"""Use case: baselines. Which findings are known, and what a person said of each."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field

from credguard.errors import ConfigError
from credguard.scan.baseline import OPEN, Baseline, parse
from credguard.scan.fingerprint import KEY_BYTES
from credguard.scan.model import Finding
from credguard.sources import indexed

FILE = indexed.BASELINE
_MAX_BYTES = 64 << 20


@dataclass(slots=True)
class Known:
    """A baseline and the folder its paths start from."""

    baseline: Baseline
    path: str
    _last: tuple[bytes, bytes] | None = field(default=None, repr=False, compare=False)

    def inside(self, path: bytes) -> bytes:
        """`path` as the baseline names it: from its folder, parts divided by `/`."""
        if self._last is None or self._last[0] != path:
            folder = os.fsencode(os.path.dirname(os.path.abspath(self.path)))
            below = os.path.relpath(os.path.abspath(path), folder)
            self._last = (path, below.replace(os.fsencode(os.sep), b"/"))
        return self._last[1]

    def verdict(self, finding: Finding) -> str | None:
        """What the baseline says of `finding`; None: it does not know it."""
        return self.baseline.verdict(finding, self.inside(finding.path))

    def save(self) -> None:
        """Write the file, all at once; its mode stays, a new one has what umask leaves.

        Raises ConfigError; then, and after a crash midway, the file is as it was.
        """
        from credguard.atomic import open_mode, write_private

        real = os.path.realpath(self.path)
        try:
            write_private(real, self.baseline.text().encode("ascii"), open_mode(real))
        except OSError as exc:
            raise ConfigError(
                f"cannot write {self.path}: {exc.strerror}", hint=f"look: ls -ld {self.path}"
            ) from exc


def new(path: str) -> Known:
    """An empty baseline with a fresh key; nothing is written yet."""
    return Known(Baseline([secrets.token_bytes(KEY_BYTES)]), path)


def load(path: str) -> Known:
    """The baseline in the file `path`. Raises ConfigError."""
    data = read(path)
    try:
        return Known(parse(data.decode("ascii"), path), path)
    except UnicodeDecodeError as exc:
        raise ConfigError(
            f"{path} is not a baseline of credguard", hint="make one: credguard baseline create"
        ) from exc


def read(path: str) -> bytes:
    """The bytes of the file `path`, a regular one of at most 64 MiB. Raises ConfigError."""
    try:
        # Non-blocking: a FIFO in its place must not hang the scan.
        flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            data = file.read(_MAX_BYTES + 1) or b""
    except OSError as exc:
        raise ConfigError(
            f"cannot read {path}: {exc.strerror}", hint="make one: credguard baseline create"
        ) from exc
    if len(data) > _MAX_BYTES:
        raise ConfigError(f"{path} is larger than 64 MiB", hint="name a smaller file")
    return data


@dataclass(frozen=True, slots=True)
class Change:
    """How many findings an update added, took out and kept."""

    added: int
    gone: int
    kept: int


def update(known: Known, found: list[Finding], names: list[str], unread: list[bytes]) -> Change:
    """Make `known` the baseline of `found`, verdicts kept; nothing is written yet.

    `names`: what was scanned; an entry that lies elsewhere, or in what is `unread`, stays.
    """
    before = known.baseline
    fresh = before.renewed((each, known.inside(each.path)) for each in found if not each.allowed)
    looked = [known.inside(os.fsencode(name)) for name in names]
    closed = [known.inside(name) for name in unread]
    for entry, verdict in before.entries.items():
        if not _below(entry[0], looked) or _below(entry[0], closed):
            fresh.keys = before.keys  # its fingerprint may be under any of them
            fresh.entries.setdefault(entry, verdict)
    known.baseline = fresh
    had, have = set(before.entries), set(fresh.entries)
    return Change(added=len(have - had), gone=len(had - have), kept=len(have & had))


def _below(path: bytes, folders: list[bytes]) -> bool:
    return any(
        folder == b"." or path == folder or path.startswith((folder + b"/", folder + b"!"))
        for folder in folders
    )


def unaudited(known: Known, found: list[Finding]) -> list[Finding]:
    """Of `found` those that the baseline knows and nobody judged yet; one of each entry."""
    seen = set()
    waiting = []
    for each in found:
        path = known.inside(each.path)
        entry = known.baseline.entry(each, path)
        if known.baseline.verdict(each, path) == OPEN and entry not in seen:
            seen.add(entry)
            waiting.append(each)
    return waiting
