"""Credguard's scanner for Python programs; see docs/api.md.

Everything here keeps its name and meaning until version 2. Findings hold the secret's bytes in
`value`: show `masked()`, and keep `value` out of logs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from credguard import paths
from credguard.app import scan as _scan
from credguard.errors import CredguardError
from credguard.scan.engine import Engine, plain
from credguard.scan.model import HIGH, LOW, MEDIUM, Finding
from credguard.sources.database import load_engine

__all__ = [
    "HIGH",
    "LOW",
    "MEDIUM",
    "CredguardError",
    "Finding",
    "PathsResult",
    "scan_bytes",
    "scan_paths",
    "scan_text",
]


class PathsResult:
    """What `scan_paths` gives: `findings` by file and place, and `unread`: (path, why) pairs.

    Where `unread` is not empty, nothing can be told about those files.
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
) -> list[Finding]:
    """The secrets in `data`, by place, of confidence `least` (LOW, MEDIUM, HIGH) and above.

    `path` picks rules by file type and need not exist. `allowed`: also those that a comment marks
    as no secret; their `allowed` says which. `.credguard.toml` is not looked for. The first call of
    a process loads the rules (a few milliseconds; a second where they were never compiled); not
    for several threads at once. Raises CredguardError when the rules do not load.
    """
    from credguard.scan.allow import Allow

    name = os.fsencode(path)
    found = [each for each in _engine().scan(data, name) if each.confidence >= least]
    Allow().judge(found, plain(data), name)
    return [each for each in found if allowed or not each.allowed]


def scan_text(
    text: str, path: str | bytes = "", *, least: int = MEDIUM, allowed: bool = False
) -> list[Finding]:
    """As `scan_bytes`, of `text`; columns count its characters."""
    return scan_bytes(text.encode("utf-8", "surrogatepass"), path, least=least, allowed=allowed)


def scan_paths(
    names: Iterable[str | os.PathLike[str]], *, least: int = MEDIUM, allowed: bool = False
) -> PathsResult:
    """The secrets in every file at and below `names`, as `credguard scan` finds them.

    Marks and the `.credguard.toml` files of the tree are honoured; `allowed`: give also what they
    let pass. Raises CredguardError: the rules do not load, or a `.credguard.toml` is wrong.
    """
    result = _scan.scan_paths([os.fspath(name) for name in names], _scan.Options(least, jobs=1))
    found = [each for each in result.findings if allowed or not each.allowed]
    return PathsResult(found, result.problems, result.scanned)


_loaded: list[Engine] = []


def _engine() -> Engine:
    if not _loaded:
        _loaded.append(load_engine(paths.cache_dir()))
    return _loaded[0]
