"""The one pass over texts that follow each other under one name: what changed is read again.

Exact: what `hits` gives is what `Engine.hits` gives, but for hits of rules that nothing confirms.
All that is carried over are the ends of a probe's matches, which are at most `WIDTH` bytes long, in
what two versions have in common, at its beginning and its end. Where a rule matched, or a probe of
something encoded, or where anything longer than that may begin (`credguard.scan.marks`), the whole
text is read, and the next version is not built on it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from credguard.scan.engine import Engine

    Hits = dict[int, Any]  # by id of a rule or probe a list or array of ends

WIDTH = 400
"""The longest match, in bytes, that is looked for around a change; for longer ones see `marks`."""
EDGES = 2
"""So many bytes around a rule's match are matched, too; see `rules.scan_pattern`."""
_AROUND = WIDTH + 2  # an assertion looks one byte further; what begins where the part does is none
_LONGEST, _MANY = 4 << 20, 2_000  # a longer text is not kept, nor one with more hits
_WORTH = 2048  # bytes that have to be saved
_FINE = 64  # bytes: to look closer for where texts part costs more than to read so many again


class Versions:
    """The last text of each name, up to some size in all. Not for threads."""

    def __init__(self, engine: Engine, marks: Any, room: int) -> None:
        """`marks`: the database of `engine.marks`; `room`: bytes of texts that are kept."""
        self._engine = engine
        self._marks = marks
        self._room = room
        self._kept: dict[bytes, tuple[bytes, Hits]] = {}  # the one used last at the end
        self._size = 0
        self._probes = engine.probe_ids("general.")

    def hits(self, data: bytes, name: bytes) -> Hits:
        """Where matches end in `data`, the next text under `name`, as `Engine.hits` gives it."""
        before = self._kept.pop(name, None)
        hits = None
        if before is not None:
            self._size -= len(before[0])
            hits = self._carried(*before, data)
        if hits is None:
            hits = self._engine.hits(data)
            if not self._is_plain(hits, data):
                return hits
        if len(data) <= _LONGEST and sum(map(len, hits.values())) <= _MANY:
            self._kept[name] = (data, hits)
            self._size += len(data)
            while self._size > self._room:
                oldest = next(iter(self._kept))
                self._size -= len(self._kept.pop(oldest)[0])
        return hits

    def _is_plain(self, hits: Hits, data: bytes) -> bool:
        """Whether in `data` nothing but short probes matched or may match."""
        if not hits.keys() <= self._probes:
            return False
        marked = False

        def mark(*_: object) -> None:
            nonlocal marked
            marked = True

        self._marks.scan(data, match_event_handler=mark)
        return not marked

    def _carried(self, before: bytes, held: Hits, data: bytes) -> Hits | None:
        """The hits of `data` by those of `before`; None: it has to be read as a whole."""
        size = len(data)
        if size < _WORTH + _AROUND:
            return None
        head, tail = common(before, data)
        start = max(0, head - _AROUND)
        end = min(size, size - tail + _AROUND)
        if end - start > size - _WORTH:
            return None
        part = data[start:end]
        fresh = self._engine.hits(part)
        if not self._is_plain(fresh, part):
            return None
        # A match that ends here or before, and the byte after it, lie in the common beginning; one
        # that ends after `last`, and the byte before it, in the common end.
        first, last = head - 1, size - tail + WIDTH
        moved = size - len(before)
        hits: Hits = {}
        for number in sorted(held.keys() | fresh.keys()):
            old = held.get(number, ())
            ends = [at for at in old if at <= first]
            ends += [at + start for at in fresh.get(number, ()) if first < at + start <= last]
            ends += [at + moved for at in old if at + moved > last]
            if ends:
                hits[number] = ends
        return hits


def common(one: bytes, other: bytes) -> tuple[int, int]:
    """How many bytes both begin with, and how many of the rest both end with; or a few less."""
    low, high = 0, min(len(one), len(other))
    most = high
    while high - low > _FINE:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    head = low
    low, high = 0, most - head
    first, second = len(one), len(other)
    while high - low > _FINE:
        middle = (low + high) // 2
        if one[first - middle : first - low] == other[second - middle : second - low]:
            low = middle
        else:
            high = middle
    return head, low
