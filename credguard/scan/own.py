"""The person's own secrets, known by keyed fingerprints and found however they are written.

The file that the fingerprints come from holds no value: a random key, and for each value and each
way to write it the length, two letters or digits of the value (12 bits, the same two in every way)
at a known place, and a BLAKE2b of 128 bits, keyed. All texts are compared by their letters and
digits alone, so quotes, line ends, plus signs, zero bytes of UTF-16 and what else may stand between
two parts of a value make no difference, nor do + and / of base64 against - and _.

By chance: a text of n bytes has at most n places for each of w ways, each of which hits at
2^-128. For 2^40 bytes and 2^12 ways, a hundred secrets, that is 2^-76 a scan.
Time is linear in the size of the text. Loaded by the hook: imports nothing at load.
"""

from __future__ import annotations

from credguard.scan.model import HIGH, Finding, Places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from credguard.scan.found import Found

    # Of one way to write one value: letters and digits before the window, how many in all, the
    # fingerprint, which value, and the way ("" for as it is).
    Form = tuple[int, int, bytes, int, str]
    # The key; item and title of each value; windows and the forms that have them.
    Table = tuple[bytes, list[tuple[str, str]], list[tuple[bytes, list[Form]]]]
    # Calls back with the number of a window and the end of each place where it stands.
    Search = Callable[[bytes, Callable[[int, int], None]], None]
    # Start and end in the text, which value, how it is written.
    Hit = tuple[int, int, int, str]

RULE = "own-secret"
_ALNUM = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DROPPED = bytes(byte for byte in range(256) if byte not in _ALNUM)
_DIGITS = bytes(97 if byte in _ALNUM or byte in b"+/-_" else 32 for byte in range(256))
_HEX_DIGITS = bytes(97 if byte in b"0123456789abcdefABCDEF" else 32 for byte in range(256))
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_JOINTS = b" \t\r\n\"'\\,"
_HEX_RUN = b"a" * 48
_RUN, _PART = 48, 16  # of what is encoded twice: its least length, and that of a line of it
_SEEN = b"a" * 24  # in what was decoded: it may hold a value, or something encoded again
_GAP = 64
_DEPTH = 2
_CHUNK = 4096


def squeezed(data: bytes) -> bytes:
    """The letters and digits of `data`."""
    return data.translate(None, _DROPPED)


def fingerprint(key: bytes) -> Callable[[bytes], bytes]:
    """Gives of a text 16 bytes that tell it from any other, of no use without `key`."""
    from _blake2 import blake2b  # what hashlib gives, without its import

    begun = blake2b(key=key, digest_size=16)

    def fingerprint_of(text: bytes) -> bytes:
        each = begun.copy()
        each.update(text)
        return each.digest()

    return fingerprint_of


class Own:
    """Immutable, not for several threads. Finds the values of one table."""

    __slots__ = ("_forms", "_key", "_known", "_search", "_values", "_windows")

    def __init__(self, table: Table, search: Search | None = None) -> None:
        """`search` finds the windows of `table` by their number; None: one after the other."""
        self._key, self._values, rows = table
        self._windows = [window for window, _ in rows]
        self._forms = [forms for _, forms in rows]
        self._search = search
        self._known: Callable[[bytes], bytes] | None = None  # made for the first that is to be told

    def over(self, data: bytes, found: Found) -> Found:
        """As `merged`, of a text in which very much was found."""
        hits = self.hits(data)
        if not hits:
            return found
        return found.with_own(
            (start, end, (RULE, self._values[number][1], HIGH, (), self._values[number][0], way))
            for start, end, number, way in hits
        )

    def merged(self, data: bytes, path: bytes, found: list[Finding]) -> list[Finding]:
        """`found` in `data`, and the own secrets in it, in place of what lies over them."""
        hits = self.hits(data)
        if not hits:
            return found
        lasts = [end for _, end, _, _ in hits]
        kept = [each for each in found if not _touches(each, hits, lasts)]
        kept += self._findings(data, path, hits)
        kept.sort(key=lambda each: each.offset)
        return kept

    def _findings(self, data: bytes, path: bytes, hits: list[Hit]) -> Iterator[Finding]:
        places = Places(data, path)
        for start, end, number, way in hits:
            item, title = self._values[number]
            found = places.finding((start, end), RULE, title, HIGH)
            found.own, found.via = item, way
            yield found

    def hits(self, data: bytes, depth: int = 0) -> list[Hit]:
        """Where the values stand in `data`, disjoint and by place."""
        if not self._windows:
            return []
        found = self._matches(data)
        if depth < _DEPTH:
            for start, end, decoded, way in _decoded(data):
                for _, _, number, inner in self.hits(decoded, depth + 1):
                    found.append((start, end, number, f"{way}>{inner}" if inner else way))
        if len(found) < 2:
            return found
        found.sort(key=lambda each: (each[0], each[1] - each[0], each[3]))
        kept: list[Hit] = []
        for each in found:
            if not kept or each[0] >= kept[-1][1]:
                kept.append(each)
            elif each[1] - each[0] < kept[-1][1] - kept[-1][0] and (
                len(kept) < 2 or each[0] >= kept[-2][1]
            ):
                kept[-1] = each
        return kept

    def _matches(self, data: bytes) -> list[Hit]:
        text = squeezed(data)
        size, forms = len(text), self._forms
        windows = self._windows
        matches: list[tuple[int, int, int, str]] = []

        def place(number: int, end: int) -> None:
            known = self._known
            if known is None:
                known = self._known = fingerprint(self._key)
            start = end - len(windows[number])
            for before, length, wanted, value, way in forms[number]:
                first = start - before
                last = first + length
                if first >= 0 and last <= size and known(text[first:last]) == wanted:
                    matches.append((first, last, value, way))

        if self._search is not None:
            self._search(text, place)
        else:
            for number, window in enumerate(windows):
                at = text.find(window)
                while at >= 0:
                    place(number, at + len(window))
                    at = text.find(window, at + 1)
        if not matches:
            return []
        matches.sort()
        firsts = _places(data, [each[0] for each in matches])
        order = sorted(range(len(matches)), key=lambda each: matches[each][1])
        lasts = _places(data, [matches[each][1] - 1 for each in order])
        ends = dict(zip(order, lasts, strict=True))
        return [
            (firsts[index], ends[index] + 1, value, way)
            for index, (_, _, value, way) in enumerate(matches)
        ]


def _touches(found: Finding, hits: list[Hit], lasts: list[int]) -> bool:
    """Whether `found` lies over one of `hits`, which are disjoint and end at `lasts`."""
    from bisect import bisect_right

    number = bisect_right(lasts, found.offset)
    return number < len(hits) and hits[number][0] < found.offset + len(found.value)


def _places(data: bytes, wanted: Iterable[int]) -> list[int]:
    """The offsets in `data` of its letters and digits of these numbers, which ascend."""
    found: list[int] = []
    start = passed = 0
    chunk = len(squeezed(data[:_CHUNK]))
    inside, at = passed, start
    for number in wanted:
        while passed + chunk <= number:
            passed += chunk
            start += _CHUNK
            chunk = len(squeezed(data[start : start + _CHUNK]))
            inside, at = passed, start
        while True:
            if data[at] in _ALNUM:
                if inside == number:
                    break
                inside += 1
            at += 1
        found.append(at)
    return found


def _runs(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Runs of digits of base64, over line ends and pieces of strings: start, end, the digits."""
    marked = data.translate(_DIGITS)
    needle = b"a" * _RUN
    at = marked.find(needle)
    while at >= 0:
        start, end = at, marked.find(b" ", at)
        end = len(data) if end < 0 else end
        parts = [data[start:end]]
        while True:
            following = marked.find(b"a", end, end + _GAP)
            if following < 0 or data[end:following].translate(None, _JOINTS):
                break
            last = marked.find(b" ", following)
            last = len(data) if last < 0 else last
            if last - following < _PART and len(parts) == 1:
                break
            parts.append(data[following:last])
            end = last
            if last - following < _PART:
                break
        yield start, end, b"".join(parts)
        at = marked.find(needle, end)


def _decoded(data: bytes) -> Iterator[tuple[int, int, bytes, str]]:
    """What long runs of digits hold, where it has text: start, end, bytes, and how encoded."""
    for start, end, run in _runs(data):
        from binascii import a2b_base64, unhexlify  # a clean text does not pay for it

        if len(squeezed(run)) < len(_SEEN):
            continue  # a line drawn
        marked = run.translate(_HEX_DIGITS)
        at = marked.find(_HEX_RUN)
        while at >= 0:
            last = marked.find(b" ", at)
            last = len(run) if last < 0 else last
            for skipped in (at, at + 1):
                decoded = unhexlify(run[skipped : last - (last - skipped) % 2])
                if decoded.translate(_DIGITS).find(_SEEN) >= 0:
                    yield start, end, decoded, "hex"
            at = marked.find(_HEX_RUN, last)
        run = run.translate(_URL_SAFE)  # noqa: PLW2901
        for skipped in range(4):
            digits = run[skipped:]
            digits = digits[: len(digits) - (len(digits) % 4 == 1)]
            decoded = a2b_base64(digits + b"=" * (-len(digits) % 4))
            if decoded.translate(_DIGITS).find(_SEEN) >= 0:
                yield start, end, decoded, "base64"
