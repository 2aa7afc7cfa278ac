"""Use case: take over detect-secrets' baseline, and write one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime

from credguard.app import scan as scanning
from credguard.app.baseline import Known
from credguard.scan import detect_secrets as form
from credguard.scan.engine import plain
from credguard.scan.model import LOW, Finding
from credguard.sources.deep import Plugins
from credguard.sources.files import Unreadable, read


@dataclass(frozen=True, slots=True)
class Taken:
    """`taken`: findings that are known now; `left`: entries that credguard finds nothing for.

    `unread`: files that could not be read, and why.
    """

    taken: int
    left: int
    ignored: list[str]
    unread: list[tuple[bytes, str]]


def take_over(known: Known, data: bytes, name: str) -> Taken:
    """Add to `known` what the baseline of detect-secrets in `data` (of the file `name`) knows.

    Its hashes are compared with what is found now in the files that it names, from its own folder.
    Nothing is written yet. Raises ConfigError, CredguardError.
    """
    theirs = form.parse(data, name)
    folder = os.path.dirname(os.path.abspath(name))
    top = os.path.realpath(folder)
    taken = left = 0
    unread: list[tuple[bytes, str]] = []
    for file, hashes in theirs.hashes.items():
        place = os.path.join(folder, file)
        if os.path.commonpath([top, os.path.realpath(place)]) != top:
            left += len(hashes)  # a name that leads out of the repository is not followed
            continue
        result = scanning.scan_paths([place], scanning.Options(LOW))
        unread += result.problems
        text = _lines(os.fsencode(place)) if result.findings else []
        met = set()
        for each in result.findings:
            line = text[each.line - 1] if each.line <= len(text) else b""
            said = form.verdict(each, line, hashes)
            if said is not None:
                known.baseline.add(each, known.inside(each.path), said)
                met.add(each.line)
                taken += 1
        left += max(0, len(hashes) - len(met))
    return Taken(taken, left, theirs.ignored, unread)


def _lines(path: bytes) -> list[bytes]:
    try:
        data = read(path)
    except Unreadable:
        return []
    return plain(data).split(b"\n") if data is not None else []


@dataclass(frozen=True, slots=True)
class Written:
    """A baseline of detect-secrets, and how many findings it lacks: weak ones, and foreign ones."""

    text: str
    written: int
    weak: int
    foreign: int


def write_out(known: Known, found: list[Finding]) -> Written:
    """What `known` knows of `found`, for detect-secrets.

    Left out: values under `LEAST_BITS`, and what none of its plugins finds, which it could not
    show. Raises CredguardError.
    """
    results: list[tuple[str, int, str, bytes, str]] = []
    written = weak = foreign = 0
    texts: dict[bytes, list[bytes]] = {}
    with Plugins([]) as plugins:
        for each in found:
            said = known.verdict(each)
            if said is None:
                continue
            if not form.strong(each.value):
                weak += 1
                continue
            lines = texts.setdefault(each.path, []) or _lines(each.path)
            texts[each.path] = lines
            line = lines[each.line - 1] if each.line <= len(lines) else b""
            name = known.inside(each.path).decode("utf-8", "surrogateescape")
            hits = _theirs(plugins, line, name, each.value)
            foreign += not hits
            written += bool(hits)
            results += [(name, each.line, kind, value, said) for kind, value in hits]
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        unique = sorted(set(results))
        return Written(form.text(plugins.used, unique, moment), written, weak, foreign)


def _theirs(plugins: Plugins, line: bytes, name: str, value: bytes) -> list[tuple[str, bytes]]:
    deeper = plugins.examine([line.decode("utf-8", "replace")], name)
    hits = []
    for _, kind, text, _ in deeper.found:
        theirs = text.encode("utf-8", "replace")
        if (theirs in value or value in theirs) and form.strong(theirs):
            hits.append((kind, theirs))
    return hits
