"""The pre-push hook: the last gate, over exactly the commits that the other side lacks."""

from __future__ import annotations

import os
import sys
from time import monotonic

from credguard.precommit import PUSH, Look, engine, fresh, guarded, in_names, leave_with, say
from credguard.sources.indexed_rules import IndexedRules
from credguard.sources.push import pushed, updates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from credguard.precommit import Found
    from credguard.report.blocked import Hit
    from credguard.scan.model import Finding
    from credguard.sources.indexed import Settings

_SILENT_S = 1.0
_TICK_S = 0.2
_NOTED = 1000  # objects in a note


class _Progress:
    """One line that is overwritten, on a terminal, once the push takes over a second."""

    def __init__(self) -> None:
        self._shown = False
        self._next = monotonic() + _SILENT_S if os.isatty(2) else float("inf")

    def tick(self, commits: int, files: int) -> None:
        """So many were looked at."""
        now = monotonic()
        if now >= self._next:
            self._next = now + _TICK_S
            self._shown = True
            say(f"\r\x1b[Kcredguard: {commits} commits, {files} changed files looked at")

    def end(self) -> None:
        """Take the line away."""
        if self._shown:
            say("\r\x1b[K")


def findings(lines: bytes, remote: str, url: str, cwd: str | None = None) -> Found:
    """The secrets that a push sends, each once with the oldest commit that brings it.

    `lines`: what git gives the hook on standard input; `remote`: name of the remote, or its URL.
    Raises CredguardError when that cannot be told.
    """
    sent = [each for each in updates(lines) if each.local is not None]
    if not sent:
        return [], [], 0
    scanner = engine()
    look = Look(scanner, (), IndexedRules(cwd, [each.local or "" for each in sent]), cwd)
    settings: Settings | None = None
    progress = _Progress()
    found: dict[tuple[str, bytes, bytes], Hit] = {}
    known: dict[tuple[str, bytes], list[Finding]] = {}
    commits: dict[str, None] = {}
    names = {each.ref: each.local or "" for each in sent}
    files = 0
    try:
        for file in pushed(cwd, sent, remote, url):
            commits[file.commit] = None
            names[file.path] = file.commit
            files += 1
            progress.tick(len(commits), files)
            look.follow(file)
            key = (file.oid, file.path)
            hits = known.get(key)
            if hits is None:
                hits = known[key] = look.of(file)
            if hits:
                from credguard.sources.indexed import Settings

                settings = settings or Settings(cwd, [each.local or "" for each in sent], say=say)
                for hit in fresh(hits, file, settings):
                    found[hit.rule_id, hit.path, hit.value] = (hit, file.commit)
    finally:
        progress.end()
    if settings is not None:
        settings.tell()
    by_name = list(names.values())
    for hit in in_names(scanner, names):
        found[hit.rule_id, hit.path, hit.value] = (hit, by_name[hit.line - 1])
    order = {commit: number for number, commit in enumerate(commits)}
    hits_found = sorted(
        found.values(),
        key=lambda hit: (-order.get(hit[1], 0), hit[0].path, hit[0].line, hit[0].column),
    )
    return hits_found, look.problems, look.scanned


def _input() -> bytes:
    parts = []
    while data := os.read(0, 1 << 16):
        parts.append(data)
    return b"".join(parts)


def _note(lines: bytes, url: str) -> None:
    """Leave word of a push that no tracking branch will tell of: it has no remote's name."""
    from credguard.sources.notes import PUSHES, leave

    sent = [each.local for each in updates(lines) if each.local is not None]
    scheme, mark, rest = url.partition("://")
    if mark:  # such as https://user:token@host/path
        host, slash, path = rest.partition("/")
        url = scheme + mark + host.rpartition("@")[2] + slash + path
    for at in range(0, len(sent), _NOTED):
        some = sent[at : at + _NOTED]
        leave(PUSHES, url, os.getcwd(), os.environ.get("GIT_DIR", ""), *some)


def run(remote: str, url: str, read: Callable[[], bytes] = _input) -> int:
    """Look at what a push sends, tell the person, give the exit code.

    `read` gives what git gives the hook on standard input.
    """
    given = []

    def look() -> Found:
        given.append(read())
        return findings(given[0], remote, url)

    code = guarded(PUSH, look)
    # Git gives the URL for both where no remote of that name is configured.
    if code == 0 and remote and remote == url:
        _note(given[0], url)
    return code


def main() -> None:
    """Exit with what `run` gives for the remote that git names."""
    remote, url = (*sys.argv[1:3], "", "")[:2]
    leave_with(run(remote, url))
