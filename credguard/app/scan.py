"""Use case: look for secrets in files, or in what is staged."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from credguard import paths
from credguard.errors import GitError
from credguard.scan.model import LOW, Finding
from credguard.sources.git import run
from credguard.sources.settings import Settings

if TYPE_CHECKING:
    from credguard.scan.engine import Engine

# So long may what one file holds, encoded or packed, be read: a start, and 10 MB in two seconds.
_DEEPER_S, _DEEPER_S_A_BYTE = 10.0, 2e-7


@dataclass(slots=True)
class Result:
    """`unread`: files, or parts of them, that could not be read, and why: they may hold secrets."""

    findings: list[Finding] = field(default_factory=list)
    unread: list[tuple[bytes, str]] = field(default_factory=list)
    scanned: int = 0
    size: int = 0


def scan_paths(
    names: list[str],
    least: int = LOW,
    on_file: Callable[[int, int], None] = lambda _n, _b: None,
    *,
    deep: bool = False,
) -> Result:
    """Scan every file at and below `names`; findings of confidence `least` and above.

    `on_file` hears (files, bytes) so far. Raises CredguardError when the rules do not load.
    """
    from credguard.scan.engine import plain
    from credguard.sources.database import load_engine
    from credguard.sources.files import files

    settings = Settings()
    engine = load_engine(paths.cache_dir())
    look = deep_look(least) if deep else None
    for name in names:  # a mistake in a file of settings is told though nothing is found
        settings.check(os.fsencode(name))
    result = Result()
    seen: set[bytes] = set()
    for name in names:
        for file in files(os.fsencode(name)):
            if len(names) > 1:  # "." and a file below it: told once
                place = os.path.abspath(file.path)
                if place in seen:
                    continue
                seen.add(place)
            if file.data is None:
                result.unread.append((file.path, file.problem))
                continue
            result.scanned += 1
            result.size += len(file.data)
            hits = _hits(engine, file.data, file.path, least, result)
            if look is not None:
                more, cut = look(file.data, file.path, hits)
                hits += more
                result.unread += cut
            settings.judge(hits, plain(file.data), file.path)
            result.findings += hits
            on_file(result.scanned, result.size)
    return result


Look = Callable[[bytes, bytes, list[Finding]], tuple[list[Finding], list[tuple[bytes, str]]]]


def deep_look(least: int) -> Look:
    """The second look that `scan --deep` takes at each file: its bytes, path, what was found.

    It gives what is found beyond that, and problems. Raises CredguardError.
    """
    from functools import partial

    from credguard.app.deep import look
    from credguard.config import load
    from credguard.sources.deep import Plugins

    return partial(look, Plugins(load().scan.plugins), least)


def scan_staged(least: int = LOW, *, deep: bool = False) -> Result:
    """Scan what the next commit would add, in the repository around the working directory.

    Raises GitError, CredguardError.
    """
    if run(None, "rev-parse", "--is-bare-repository", inherit=True).strip() == b"true":
        raise GitError("nothing is staged here: a bare repository has no index")
    from credguard.scan.engine import on_lines, plain
    from credguard.sources.database import load_engine
    from credguard.sources.staging import Staging

    top = run(None, "rev-parse", "--show-toplevel", inherit=True).rstrip(b"\n")
    settings = Settings()
    staging = Staging(None)
    engine = load_engine(paths.cache_dir())
    look = deep_look(least) if deep else None
    result = Result()
    for file in staging:
        result.scanned += 1
        hits = _hits(engine, file.data, file.path, least, result)
        if look is not None:
            more, cut = look(file.data, file.path, hits)
            hits += more
            result.unread += cut
        if hits:
            here = [hit for hit in hits if hit.path == file.path]
            settings.judge(hits, plain(file.data), os.path.join(top, file.path))
            # Lines of an archive's member are not those of the file.
            result.findings += on_lines(here, file.added)
            result.findings += [hit for hit in hits if hit.path != file.path]
    return result


def _hits(engine: "Engine", data: bytes, path: bytes, least: int, result: Result) -> list[Finding]:
    """The secrets in all layers of one file; what was not read of it goes to `result`."""
    from credguard.scan.engine import layered, plain

    data = plain(data)
    hits, probed = engine.examine(data, path)
    if layered(data, probed):
        from credguard.scan.layers import Limits, scan_below

        end = time.monotonic() + _DEEPER_S + len(data) * _DEEPER_S_A_BYTE
        limits = Limits(expired=lambda: time.monotonic() > end)
        scanned = scan_below(engine, data, path, hits, probed, limits)
        hits = scanned.findings
        result.unread += scanned.problems
    return [hit for hit in hits if hit.confidence >= least]
