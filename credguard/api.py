"""Credguard's scanner for Python programs; see docs/api.md.

Everything here keeps its name and meaning until version 2. Findings hold the secret's bytes in
`value`: show `masked()`, and keep `value` out of logs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from credguard import paths
from credguard.app import scan as _scan
from credguard.errors import CredguardError
from credguard.scan.engine import Engine, plain
from credguard.scan.model import HIGH, LOW, MEDIUM, Finding, Limits
from credguard.scan.whole import scan_all
from credguard.sources.database import load_engine
from credguard.sources.own import armed

__all__ = [
    "HIGH",
    "LOW",
    "MEDIUM",
    "CredguardError",
    "Finding",
    "Result",
    "scan_bytes",
    "scan_paths",
    "scan_text",
]


class Result:
    """What a scan gives: `findings` by file and place, and `unread`: (path, why) pairs.

    `unread` names what could not be read, or not to its end: about that nothing can be told.
    """

    __slots__ = ("findings", "scanned", "unread")

    def __init__(
        self, findings: list[Finding], unread: list[tuple[bytes, str]], scanned: int
    ) -> None:
        """`scanned`: how many files were read."""
        self.findings = findings
        self.unread = unread
        self.scanned = scanned


def scan_bytes(
    data: bytes, path: str | bytes = "", *, least: int = MEDIUM, allowed: bool = False
) -> Result:
    """The secrets in `data` and in what it holds encoded or packed, of confidence `least` and up.

    `least`: LOW, MEDIUM or HIGH. `path` picks rules by file type and need not exist. `allowed`:
    also those that a comment marks as no secret; their `allowed` says which. `.credguard.toml` is
    not looked for. What is packed is read for ten seconds at most. The first call of a process
    loads the rules (a few milliseconds; a second where they were never compiled); not for several
    threads at once. Raises CredguardError when the rules do not load.
    """
    from credguard.scan.allow import Allow

    name = os.fsencode(path)
    end = time.monotonic() + _PACKED_S
    limits = Limits(expired=lambda: time.monotonic() > end)
    scanned = scan_all(_engine(), data, name, lambda: limits)
    found = [each for each in scanned.findings if each.confidence >= least]
    Allow().judge([each for each in found if each.path == name], plain(data), name)
    return Result([each for each in found if allowed or not each.allowed], scanned.problems, 1)


def scan_text(
    text: str, path: str | bytes = "", *, least: int = MEDIUM, allowed: bool = False
) -> Result:
    """As `scan_bytes`, of `text`; columns count its characters."""
    return scan_bytes(text.encode("utf-8", "surrogatepass"), path, least=least, allowed=allowed)


def scan_paths(
    names: Iterable[str | os.PathLike[str]], *, least: int = MEDIUM, allowed: bool = False
) -> Result:
    """The secrets in every file at and below `names`, as `credguard scan` finds them.

    Marks and the `.credguard.toml` files of the tree are honoured; `allowed`: give also what they
    let pass. Raises CredguardError: the rules do not load, or a `.credguard.toml` is wrong.
    """
    result = _scan.scan_paths([os.fspath(name) for name in names], _scan.Options(least, jobs=1))
    found = [each for each in result.findings if allowed or not each.allowed]
    return Result(found, result.problems, result.scanned)


_PACKED_S = 10.0
_loaded: list[Engine] = []


def _engine() -> Engine:
    if not _loaded:
        _loaded.append(armed(load_engine(paths.cache_dir())))
    return _loaded[0]
