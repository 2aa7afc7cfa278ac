"""The engine: one Hyperscan pass over the bytes; only what it hits is confirmed and tested.

Imports nothing at load: the hook pays for `re` and the value tests only when something matched.
"""

from __future__ import annotations

from credguard.scan.model import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from credguard.scan.rules import Row

ALLOW = (b"credguard:allow", b"pragma: allowlist secret", b"gitleaks:allow")
ALLOW_NEXT = b"pragma: allowlist nextline secret"
# How far before its end a match may begin, and past it the look-ahead may read.
_BACK, _AHEAD = 5000, 8


class Engine:
    """Immutable after it is made, apart from lazily compiled patterns. Not for several threads."""

    def __init__(self, database: Any, rows: list[Row]) -> None:
        """`database`: a Hyperscan block database whose ids are the indices of `rows`."""
        self._database = database
        self._rows = rows
        self._compiled: dict[int, Any] = {}

    def scan(self, data: bytes, path: bytes) -> list[Finding]:
        """Every secret in `data`, by place; `path` is passed on and picks the rules by file type.

        UTF-16 and UTF-8 byte order marks are understood; lines count the same in any encoding.
        """
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            data = data.decode("utf-16", "replace").encode("utf-8", "replace")
        hits: dict[int, list[int]] = {}

        def hit(rule: int, _start: int, end: int, _flags: int, _context: object) -> None:
            ends = hits.get(rule)
            if ends is None:
                hits[rule] = [end]
            else:
                ends.append(end)

        self._database.scan(data, match_event_handler=hit)
        return self._confirmed(data, path, hits) if hits else []

    def scan_added(
        self, data: bytes, path: bytes, added: list[tuple[int, int]] | None
    ) -> list[Finding]:
        """As `scan`, only findings that touch the `added` lines (1-based, inclusive); None: all."""
        found = self.scan(data, path)
        if added is None:
            return found
        return [
            each
            for each in found
            if any(first <= each.end_line and each.line <= last for first, last in added)
        ]

    def _confirmed(self, data: bytes, path: bytes, hits: dict[int, list[int]]) -> list[Finding]:
        from credguard.scan.values import plausible

        name = path.rsplit(b"/", 1)[-1].lower()
        spans: list[tuple[int, int, int, int]] = []  # start, end of the secret; -confidence; rule
        for rule, ends in hits.items():
            _, _, confidence, least, tests, paths, pattern = self._rows[rule]
            if paths and not name.endswith(paths) and not name.startswith(b".env"):
                continue
            for start, end in self._matches(rule, pattern, data, ends):
                if plausible(data[start:end], least, tests):
                    spans.append((start, end, -confidence, rule))
        found: list[Finding] = []
        taken: list[tuple[int, int]] = []
        for start, end, confidence, rule in sorted(spans, key=lambda s: (s[2], s[3], s[0])):
            if any(left < end and start < right for left, right in taken):
                continue
            taken.append((start, end))
            if not _allowed(data, start, end):
                found.append(self._finding(data, path, start, end, rule, -confidence))
        found.sort(key=lambda each: (each.line, each.column))
        return found

    def _matches(
        self, rule: int, pattern: bytes, data: bytes, ends: list[int]
    ) -> set[tuple[int, int]]:
        import re

        compiled = self._compiled.get(rule)
        if compiled is None:
            compiled = self._compiled[rule] = re.compile(pattern)
        found: set[tuple[int, int]] = set()
        done = -1
        for end in sorted(set(ends)):
            if end <= done:
                continue
            # From the line's start, or further back for patterns over several lines.
            start = max(0, end - _BACK, done - _AHEAD)
            stop = min(len(data), end + _AHEAD)
            for match in compiled.finditer(data, start, stop):
                found.add(match.span(1))
                done = max(done, match.end())
        return found

    def _finding(
        self, data: bytes, path: bytes, start: int, end: int, rule: int, confidence: int
    ) -> Finding:
        line = data.count(b"\n", 0, start) + 1
        column = start - (data.rfind(b"\n", 0, start) + 1) + 1
        end_line = line + data.count(b"\n", start, end)
        rule_id, title = self._rows[rule][:2]
        return Finding(path, line, column, end_line, rule_id, title, confidence, data[start:end])


def _allowed(data: bytes, start: int, end: int) -> bool:
    """Whether a comment on the secret's first or last line, or the line before, lets it pass."""
    first = data.rfind(b"\n", 0, start) + 1
    last = data.find(b"\n", end)
    lines = data[first : len(data) if last < 0 else last]
    if any(mark in lines for mark in ALLOW):
        return True
    return first > 0 and ALLOW_NEXT in data[data.rfind(b"\n", 0, first - 1) + 1 : first]
