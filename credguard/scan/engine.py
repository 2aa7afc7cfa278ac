"""The engine: one Hyperscan pass over the bytes; only what it hits is confirmed and tested.

Imports nothing at load: the hook pays for `re` and the value tests only when something matched.
"""

from __future__ import annotations

from credguard.scan.model import HIGH, KEY_IDS, LOW, MEDIUM, UNJUDGED, Places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import Any

    from credguard.scan.found import Found
    from credguard.scan.general.detect import Judged
    from credguard.scan.model import Finding
    from credguard.scan.own import Own
    from credguard.scan.rules import Row
    from credguard.scan.spans import Span

    Hits = dict[int, Any]  # by id of a rule or probe a list or array of ends

# Which of two that overlap is kept, the lowest first: a vendor's format, 0 to 2, before a name.
_GENERAL_RANK = {HIGH: 3, MEDIUM: 4, LOW: 5}
MARKS = (b"\xff\xfe", b"\xfe\xff")
"""The byte order marks of UTF-16."""
WIDEST = (b"\xff\xfe\0\0", b"\0\0\xfe\xff")
"""Those of UTF-32."""
_WIDE, _TOLD = 65_536, 32
_PRINTABLE = bytes(range(32, 127)) + b"\t\r\n"
SHORT = 4096
"""Up to this size, in bytes, a text is searched for base64 though no probe asks for it."""
ONE_VALUE = 300
"""Up to this size, in bytes, a text may be the one value that the file's name tells of."""
DENSE = 4096
"""Of a text in which rules match more often than that, findings are held as numbers."""
_DENSE_SIZE = 64 << 10  # in a shorter one they are few
# Of names of such files, as folders of secrets (Docker, Kubernetes, envdir) have them.
_NAMES = (b"pass", b"pwd", b"secret", b"token", b"key", b"cred")
# How compressed streams and archives begin; see `credguard.scan.decode.streams.kind`.
_PACKED = frozenset(b"\x1f\x8b BZ \xfd7 \x28\xb5 PK %P SQ x\x01 x\x5e x\x9c x\xda".split(b" "))
# Letters and digits become "a", all else a blank; so many in a row are more than a word.
_DIGITS = b" " * 48 + b"a" * 10 + b" " * 7 + b"a" * 26 + b" " * 6 + b"a" * 26 + b" " * 133
_RUN = b"a" * 24


class Engine:
    """Immutable after it is made, apart from lazily compiled patterns. Not for several threads.

    Time is linear in the size of the input, whatever matches in it.
    """

    def __init__(
        self, database: Any, rows: list[Row], probes: tuple[str, ...] = (), marks: bytes = b""
    ) -> None:
        """`database`: a Hyperscan block database; its ids count through `rows`, then `probes`.

        A probe is no rule: it tells where to look more closely; see `credguard.scan.probes`.
        `marks`: a serialised database for `credguard.scan.versions`.
        """
        self.marks = marks
        self._database = database
        self._rows = rows
        self._probes = probes
        self._compiled: dict[int, Any] = {}
        self.own: Own | None = None
        """The person's own secrets, found beside what the rules find; None: none are known."""

    def scan(self, data: bytes, path: bytes) -> list[Finding]:
        """Every secret in `data`, by place; `path` is passed on and picks the rules by file type.

        UTF-16 and UTF-8 byte order marks are understood; lines count the same in any encoding.
        """
        return self.examine(data, path)[0]

    def examine(self, data: bytes, path: bytes) -> tuple[list[Finding], dict[str, list[int]]]:
        """What `scan` gives, and for each probe that matched where its matches end (in `plain`)."""
        found, probed = self.look(data, path)
        return (found if isinstance(found, list) else list(found)), probed

    def look(
        self, data: bytes, path: bytes, hits: Hits | None = None, share: int | None = None
    ) -> tuple[list[Finding] | Found, dict[str, list[int]]]:
        """As `examine`; where there are very many, findings are made when they are asked for.

        `hits`: what `hits` gives for `plain(data)`, where that is known. `share`: how many places
        are judged at most, where a text is but one of a file's layers.
        """
        data = plain(data)
        known = self.hits(data) if hits is None else dict(hits)
        found, probed = self._ruled(data, path, known, share)
        if self.own is None:
            return found, probed
        if isinstance(found, list):
            return self.own.merged(data, path, found), probed
        return self.own.over(data, found), probed

    def probe_ids(self, prefix: str) -> frozenset[int]:
        """The ids of the probes whose names begin with `prefix`."""
        rules = len(self._rows)
        return frozenset(
            rules + n for n, name in enumerate(self._probes) if name.startswith(prefix)
        )

    def hits(self, data: bytes) -> Hits:
        """Where matches end, by the id of the rule or probe: the one pass, nothing confirmed."""
        hits: Hits = {}

        def hit(rule: int, _start: int, end: int, _flags: int, _context: object) -> None:
            ends = hits.get(rule)
            if ends is None:
                hits[rule] = [end]
            else:
                ends.append(end)
                if len(ends) == DENSE:
                    hits[rule] = packed(ends)

        self._database.scan(data, match_event_handler=hit)
        return hits

    def _ruled(
        self, data: bytes, path: bytes, hits: Hits, share: int | None
    ) -> tuple[list[Finding] | Found, dict[str, list[int]]]:
        named = len(data) <= ONE_VALUE and _is_named(path)
        if not hits and not named:
            return [], {}
        rules = len(self._rows)
        probed = {
            self._probes[rule - rules]: hits.pop(rule) for rule in sorted(hits) if rule >= rules
        }
        if named:
            probed["general.file"] = [0]
        judged: list[Judged] = []
        if any(name.startswith("general.") for name in probed):
            from credguard.scan.general.detect import find

            judged = find(data, path, probed, share)
        if len(data) > _DENSE_SIZE and sum(map(len, hits.values())) > DENSE:
            return self._dense(data, path, hits, judged), probed
        spans = self._confirmed(data, path, hits) if hits else []
        if judged:
            spans.extend(
                (start, end, _GENERAL_RANK[confidence], rules + index)
                for index, (start, end, confidence, _, _) in enumerate(judged)
            )
            spans.sort()
        found = self._findings(data, path, spans, judged) if spans else []
        if any(each.rule_id in KEY_IDS for each in found):
            from credguard.scan.pairing import within

            found = within(data, path, found)
        return found, probed

    def _confirmed(self, data: bytes, path: bytes, hits: dict[int, list[int]]) -> list[Span]:
        """The spans that the vendors' rules hold for secrets, by place."""
        from credguard.scan.sieve import sure_of

        spans: list[Span] = []
        seen: set[tuple[int, int]] = set()
        for rule in self._meant(path, hits):
            _, _, confidence, least, tests, _, _, _, _ = self._rows[rule]
            for span in self._matches(rule, data, hits[rule]):
                if span not in seen:
                    sure = sure_of(data[span[0] : span[1]], least, tests, confidence)
                    if sure:
                        seen.add(span)
                        spans.append((*span, HIGH - sure, rule))
        spans.sort()
        return spans

    def _meant(self, path: bytes, hits: Collection[int]) -> list[int]:
        """Those of the rules `hits` that are for such a file, the surest first."""
        name = path.rsplit(b"/", 1)[-1].lower()
        meant = []
        for rule in sorted(hits, key=lambda each: (-self._rows[each][2], each)):
            paths = self._rows[rule][5]
            if not paths or name.endswith(paths) or name.startswith(b".env"):
                meant.append(rule)
        return meant

    def _dense(
        self, data: bytes, path: bytes, hits: dict[int, list[int]], judged: list[Judged]
    ) -> Found:
        from credguard.scan.dense import found_in, run_of
        from credguard.scan.general.kinds import GENERAL_RULES

        runs = []
        for rule in self._meant(path, hits):
            ends = hits.pop(rule)
            runs.append(run_of(rule, self._rows[rule], self._pattern(rule), data, ends))
        return found_in(data, path, runs, judged, _GENERAL_RANK, self._rows, GENERAL_RULES)

    def _findings(
        self, data: bytes, path: bytes, spans: list[Span], judged: list[Judged]
    ) -> list[Finding]:
        """The findings of sorted `spans`: the best of those that overlap."""
        general: tuple[tuple[str, str, str], ...] = ()
        if judged:
            from credguard.scan.general import kinds

            general = kinds.GENERAL_RULES
        from credguard.scan.spans import best

        found: list[Finding] = []
        places = Places(data, path)
        rules = len(self._rows)
        for start, end, rank, rule in best(spans):
            if rule < rules:
                named = self._rows[rule]
                found.append(places.finding((start, end), named[0], named[1], HIGH - rank))
            else:
                _, _, confidence, index, signals = judged[rule - rules]
                rule_id, title, _ = general[index]
                found.append(places.finding((start, end), rule_id, title, confidence, signals))
        return found

    def _matches(self, rule: int, data: bytes, ends: list[int]) -> Iterator[tuple[int, int]]:
        from credguard.scan.spans import windows

        _, _, _, _, _, _, _, width, ahead = self._rows[rule]
        compiled = self._pattern(rule)
        for first, last in windows(ends, width, len(data), ahead):
            for match in compiled.finditer(data, first, last):
                if match.end() == last < len(data):  # perhaps cut short: look at it in full
                    match = compiled.match(data, match.start())  # noqa: PLW2901
                if match is not None:
                    yield match.span(1)

    def _pattern(self, rule: int) -> Any:
        compiled = self._compiled.get(rule)
        if compiled is None:
            import re

            compiled = self._compiled[rule] = re.compile(self._rows[rule][6])
        return compiled


def packed(ends: list[int]) -> Any:
    """`ends` as an array, which takes a fifth of the memory."""
    from array import array

    return array("q", ends)


def _is_named(path: bytes) -> bool:
    name = path[path.rfind(b"/") + 1 :].lower()
    return any(word in name for word in _NAMES)


def plain(data: bytes) -> bytes:
    """`data` as the rules see it: UTF-16 and UTF-32 with their byte order mark become UTF-8."""
    if data[:4] in WIDEST:
        return data.decode("utf-32", "replace").encode("utf-8", "replace")
    if data[:2] in MARKS and is_wide(data):
        return data.decode("utf-16", "replace").encode("utf-8", "replace")
    return data


def beside(data: bytes) -> bytes:
    """The bytes of a text of UTF-16 or UTF-32 as ASCII is read: what of it is that, in its place.

    Its mark is gone, and what was zero: nothing else of it is a text.
    """
    return b"  " + data[2:].replace(b"\0", b"\1")


def is_wide(data: bytes) -> bool:
    """Whether what begins with the mark of UTF-16 is that, by its start; a short one always is.

    Of a text in any script far fewer of its bytes than of ASCII are printable ones.
    """
    start = data[2:_WIDE]
    return len(start) < _TOLD or 8 * len(start.translate(None, _PRINTABLE)) > len(start)


def layered(data: bytes, probed: Collection[str]) -> bool:
    """Whether `data` may hold more than was seen: something encoded, packed, or too much to judge.

    `probed`: the probes that `Engine.examine` gave for it. Then `credguard.scan.layers` reads it.
    """
    for name in probed:
        if name.startswith("decode.") or name == UNJUDGED:
            return True
    if data[:2] in _PACKED or data[257:262] == b"ustar" or ends_as_zip(data):
        return True
    if len(data) > SHORT:
        return False
    marked = data.translate(_DIGITS)
    if marked.find(_RUN) < 0:
        return False
    from credguard.scan.short import may_hold_runs

    return may_hold_runs(data, marked, _RUN)


def ends_as_zip(data: bytes) -> bool:
    """Whether a zip archive may stand behind something else, as in a program that unpacks itself.

    Its end then is that of the file: the last record, without a comment.
    """
    return data[-22:-18] == b"PK\5\6"


def on_lines(found: list[Finding], lines: list[tuple[int, int]] | None) -> list[Finding]:
    """Those of `found` that touch `lines`: sorted disjoint ranges from 1, inclusive; None: all."""
    if lines is None:
        return found
    from bisect import bisect_right

    firsts = [first for first, _ in lines]
    touching = []
    for each in found:
        number = bisect_right(firsts, each.end_line) - 1
        if number >= 0 and lines[number][1] >= each.line:
            touching.append(each)
    return touching
