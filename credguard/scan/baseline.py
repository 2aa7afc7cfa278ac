"""A baseline: the findings that are known, one a line, sorted, in a file that is committed.

    # credguard baseline 1
    # key 4f1c...                                    random, 128 bits, made with the file
    app/settings.py aws-secret-access-key 9a31f0
    old/notes.txt generic-password 07b2cc not-a-secret

Path, rule, fingerprint, verdict, divided by blanks. The fingerprint is 24 bits of an HMAC over
rule, path and value (`credguard.scan.fingerprint`), so a line that moves changes nothing here. Who
guesses at a value learns at most those 24 bits: one wrong guess in 16 million fits as well, so a
strong value stays unknown, while a password from a short list can be told from the others of it.

With `merge=union` in .gitattributes two branches never conflict in it: order and repeated lines
mean nothing, of two verdicts `secret` holds, and two keys, of baselines made apart, both count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from shlex import quote

from credguard.errors import ConfigError
from credguard.scan.fingerprint import COMMITTED_BITS, KEY_BYTES, Fingerprints
from credguard.scan.model import Finding

HEAD = "# credguard baseline 1"
OPEN, SECRET, NOT_A_SECRET = "", "secret", "not-a-secret"
"""Verdicts of an audit: none yet, a real one, none."""
_KEY = re.compile(rf"# key ([0-9a-f]{{{2 * KEY_BYTES}}})\Z")
_LINE = re.compile(
    rf"(\S+) ([A-Za-z0-9_.:-]+) ([0-9a-f]{{{COMMITTED_BITS // 4}}})(?: (secret|not-a-secret))?\Z"
)
_MOST_KEYS = 16

Entry = tuple[bytes, str, str]
"""Path relative to the baseline's folder, rule, fingerprint."""


@dataclass(slots=True)
class Baseline:
    """Known findings: entry -> verdict. `keys`: the first is the one that is written."""

    keys: list[bytes]
    entries: dict[Entry, str] = field(default_factory=dict)
    _prints: dict[bytes, Fingerprints] = field(default_factory=dict, repr=False, compare=False)

    def verdict(self, finding: Finding, path: bytes) -> str | None:
        """The verdict on `finding` in `path`; None: the baseline does not know it, or it is own."""
        if finding.own:
            return None  # whoever can write the file could hide it
        for entry in self._entries_of(finding, path):
            if entry in self.entries:
                return self.entries[entry]
        return None

    def entry(self, finding: Finding, path: bytes) -> Entry:
        """What stands for `finding` under the key that is written."""
        return next(self._entries_of(finding, path))

    def _entries_of(self, finding: Finding, path: bytes) -> Iterator[Entry]:
        for key in self.keys:
            prints = self._prints.get(key)
            if prints is None:
                prints = self._prints[key] = Fingerprints(key, COMMITTED_BITS)
            yield path, finding.rule_id, prints.of(finding, path)

    def renewed(self, found: Iterable[tuple[Finding, bytes]]) -> Baseline:
        """A baseline of exactly `found` (finding, path), with the verdicts that this one has."""
        fresh = Baseline(self.keys[:1])
        for finding, path in found:
            if finding.own:
                continue
            fresh.add(finding, path, self.verdict(finding, path) or OPEN)
        return fresh

    def add(self, finding: Finding, path: bytes, verdict: str = OPEN) -> None:
        """Know `finding`; a verdict that is there already is not lost to none."""
        entry = self.entry(finding, path)
        self.entries[entry] = _joined(self.entries.get(entry, OPEN), verdict)

    def text(self) -> str:
        """The file: sorted, so that the same findings give the same bytes."""
        lines = [HEAD, *(f"# key {key.hex()}" for key in self.keys)]
        rows = (
            " ".join(filter(None, (_quoted(path), rule, made, verdict)))
            for (path, rule, made), verdict in self.entries.items()
        )
        return "\n".join([*lines, *sorted(rows)]) + "\n"


def parse(text: str, name: str) -> Baseline:
    """The baseline in `text`, of the file `name`. Raises ConfigError, naming the line."""
    keys: list[bytes] = []
    baseline = Baseline(keys)
    headed = False
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.rstrip("\r ")
        if not line:
            continue
        if line == HEAD:
            headed = True
        elif key := _KEY.match(line):
            if bytes.fromhex(key[1]) not in keys:
                keys.append(bytes.fromhex(key[1]))
        elif match := _LINE.match(line):
            entry = (_unquoted(match[1]), match[2], match[3])
            baseline.entries[entry] = _joined(baseline.entries.get(entry, OPEN), match[4] or OPEN)
        elif not line.startswith("# "):
            raise ConfigError(
                f"{name}, line {number}: not a line of a baseline{_what(line)}",
                hint=f"take the line out of {name}, or: credguard baseline create",
            )
    if not headed or not keys:
        raise ConfigError(f"{name} is not a baseline of credguard", hint=_hint(text, name))
    if len(keys) > _MOST_KEYS:
        raise ConfigError(f"{name} has over {_MOST_KEYS} keys", hint="credguard baseline update")
    return baseline


def _hint(text: str, name: str) -> str:
    if text.lstrip().startswith("{"):
        return f"one of detect-secrets is taken over by: credguard baseline import {quote(name)}"
    return "make one: credguard baseline create PATH"


def _what(line: str) -> str:
    return (
        "; a merge conflict is left" if line.startswith(("<<<<<<<", "=======", ">>>>>>>")) else ""
    )


def _joined(one: str, other: str) -> str:
    return SECRET if SECRET in (one, other) else one or other


def _quoted(path: bytes) -> str:
    """Printable ASCII without a blank, `%` and a leading `#`; everything else as %NN."""
    return "".join(
        chr(byte) if 0x21 <= byte <= 0x7E and byte not in b"%#" else f"%{byte:02X}" for byte in path
    )


def _unquoted(text: str) -> bytes:
    return re.sub(
        rb"%([0-9A-Fa-f]{2})",
        lambda match: bytes.fromhex(match[1].decode()),
        text.encode("utf-8", "surrogateescape"),
    )
