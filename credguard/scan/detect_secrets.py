"""The baseline of detect-secrets as data, read and written by lines of our own.

detect-secrets runs Python files that a baseline names (`path: file://...` under plugins_used and
filters_used). Here such entries are told and otherwise ignored: nothing is ever imported.
Source: detect_secrets/core/baseline.py and potential_secret.py of 1.5.0.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from credguard.errors import ConfigError
from credguard.scan.baseline import NOT_A_SECRET, OPEN, SECRET
from credguard.scan.model import Finding
from credguard.scan.values import entropy

VERSION = "1.5.0"
LEAST_BITS = 80
"""Values of fewer bits are not written: their SHA-1 without a salt can be guessed against."""
# Filters that only look at the text; those left out would ask the network, or need a model.
_FILTERS = (
    "allowlist.is_line_allowlisted",
    "heuristic.is_indirect_reference",
    "heuristic.is_likely_id_string",
    "heuristic.is_lock_file",
    "heuristic.is_not_alphanumeric_string",
    "heuristic.is_potential_uuid",
    "heuristic.is_prefixed_with_dollar_sign",
    "heuristic.is_sequential_string",
    "heuristic.is_swagger_file",
    "heuristic.is_templated_secret",
)
_WORD_ENDS = re.compile(rb"[\s'\"`,;(){}<>\[\]=:]+")
_MOST_WORD = 4096


@dataclass(frozen=True, slots=True)
class Theirs:
    """A baseline of detect-secrets. `hashes`: file name -> SHA-1 in hex -> our verdict.

    `ignored`: entries that name Python to run.
    """

    hashes: dict[str, dict[str, str]]
    ignored: list[str]


def parse(data: bytes, name: str) -> Theirs:
    """The baseline in `data`, of the file `name`. Raises ConfigError."""
    try:
        document = json.loads(data)
        results = document["results"]
        rows = [(file, entry) for file, entries in results.items() for entry in entries]
        hashes: dict[str, dict[str, str]] = {}
        for file, entry in rows:
            digest = entry["hashed_secret"]
            if not isinstance(file, str) or not isinstance(digest, str):
                raise TypeError
            said = entry.get("is_secret")
            verdict = SECRET if said is True else NOT_A_SECRET if said is False else OPEN
            known = hashes.setdefault(file.replace("\\", "/"), {})
            known[digest] = SECRET if SECRET in (verdict, known.get(digest)) else verdict
        named = [*document.get("plugins_used", []), *document.get("filters_used", [])]
        ignored = sorted({str(each["path"]) for each in named if _runs_code(each)})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ConfigError(
            f"{name} is not a baseline of detect-secrets", hint="name its .secrets.baseline"
        ) from None
    return Theirs(hashes, ignored)


def _runs_code(entry: Any) -> bool:
    path = entry.get("path", "") if isinstance(entry, dict) else ""
    return isinstance(path, str) and not path.startswith("detect_secrets.") and path != ""


def verdict(finding: Finding, line: bytes, known: dict[str, str]) -> str | None:
    """What their baseline says of `finding`, which stands in `line`; None: it does not know it.

    `known`: SHA-1 -> verdict of the same file. Their value may be a longer piece of the line.
    """
    for value in _candidates(finding.value, line):
        digest = hashlib.sha1(value, usedforsecurity=False).hexdigest()
        if digest in known:
            return known[digest]
    return None


def _candidates(value: bytes, line: bytes) -> Iterable[bytes]:
    yield value
    stripped = value.strip(b"'\"` \t")
    if stripped != value:
        yield stripped
    if b"\n" in value:
        yield value.split(b"\n", 1)[0]
        return
    at = line.find(value)
    if at < 0:
        return
    for quote in (b"'", b'"', b"`"):
        start, end = line.rfind(quote, 0, at), line.find(quote, at + len(value))
        if 0 <= start < end:
            yield line[start + 1 : end]
    for word in _WORD_ENDS.split(line[max(0, at - _MOST_WORD) : at + len(value) + _MOST_WORD]):
        if value in word or (len(word) >= 8 and word in value):
            yield word


def strong(value: bytes) -> bool:
    """Whether `value` has LEAST_BITS by its own distribution of bytes, a cautious measure."""
    return entropy(value) * len(value) >= LEAST_BITS


def text(
    plugins: list[dict[str, Any]],
    results: Iterable[tuple[str, int, str, bytes, str]],
    moment: str,
) -> str:
    """A baseline that detect-secrets' scan, hook and audit read.

    `plugins`: its plugins as they describe themselves. `results`: file, line, type, value, our
    verdict. `moment`: ISO 8601 in UTC.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for file, line, kind, value, said in sorted(results, key=lambda each: each[:3]):
        entry: dict[str, Any] = {
            "type": kind,
            "filename": file,
            "hashed_secret": hashlib.sha1(value, usedforsecurity=False).hexdigest(),
            "is_verified": False,
            "line_number": line,
        }
        if said != OPEN:
            entry["is_secret"] = said == SECRET
        found.setdefault(file, []).append(entry)
    document = {
        "version": VERSION,
        "plugins_used": sorted(plugins, key=lambda each: str(each["name"])),
        "filters_used": [{"path": f"detect_secrets.filters.{name}"} for name in _FILTERS],
        "results": dict(sorted(found.items())),
        "generated_at": moment,
    }
    return json.dumps(document, indent=2) + "\n"
