"""A layer: bytes made out of other bytes, and where each of them came from."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

from credguard.scan.model import characters

# Sizes of an encoded and a decoded unit, such as (4, 3) for base64; WHOLE: nothing finer is known
# than the whole source of the piece; BESIDE: plain text repeated from the source for its context;
# SAME: a part of the source as it is.
Scale = tuple[int, int]
WHOLE: Scale = (0, 1)
BESIDE: Scale = (1, 1)
SAME: Scale = (2, 2)


class Pieces:
    """Where each part of a layer's bytes stands in the layer below, by pieces in order."""

    __slots__ = ("_at", "_ends", "_scales", "_starts")

    def __init__(self) -> None:
        self._at = array("q")
        self._starts = array("q")
        self._ends = array("q")
        self._scales: list[Scale] = []

    def add(self, at: int, start: int, end: int, scale: Scale) -> None:
        """From offset `at` on the layer holds what stands at `start` to `end` in its source."""
        self._at.append(at)
        self._starts.append(start)
        self._ends.append(end)
        self._scales.append(scale)

    def beside(self, offset: int) -> bool:
        """Whether the byte at `offset` is repeated context, not decoded."""
        return self._scales[bisect_right(self._at, offset) - 1] is BESIDE

    def named(self, offset: int) -> bool:
        """Whether what is decoded begins at `offset`, right after repeated context."""
        index = bisect_right(self._at, offset) - 1
        return index > 0 and self._at[index] == offset and self._scales[index - 1] is BESIDE

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The range of the source that the layer's bytes `start` to `end` were made of."""
        first = bisect_right(self._at, start) - 1
        last = max(first, bisect_left(self._at, end) - 1)
        encoded, decoded = self._scales[first]
        begin = self._starts[first] + (start - self._at[first]) * encoded // decoded
        begin = min(self._ends[first], begin)
        low, high = self._starts[last], self._ends[last]
        encoded, decoded = self._scales[last]
        if encoded:
            high = min(high, low - (self._at[last] - end) * encoded // decoded)
        return begin, max(begin, high)


class Layer:
    """Text to be scanned. A root is a file or an archive's member: its places are told as they are.

    `depth` counts the decodings since the root, `nested` the archives around the root.
    """

    __slots__ = ("_last", "_make", "_pieces", "_starts", "data", "depth", "found", "made", "nested",
                 "parent", "path", "via")  # fmt: skip

    def __init__(
        self,
        data: bytes,
        path: bytes,
        via: tuple[str, ...] = (),
        parent: "Layer | None" = None,
        pieces: "Pieces | Callable[[], Pieces] | None" = None,
        nested: int = 0,
    ) -> None:
        """`parent`, `pieces`: what it was decoded from and how offsets lead back (may be lazy)."""
        self.data = data
        self.path = path
        self.via = via
        self.parent = parent
        self.depth: int = parent.depth + 1 if parent is not None else 0
        self.nested = nested
        # Start, end, rank and number of what was found in it, by start: see `layers`.
        self.found: Sequence[tuple[int, int, int, int]] = []
        # Digests of texts that were made of it by forms in a row: see `layers`.
        self.made: set[tuple[str | int, ...]] = set()
        self._pieces = pieces if isinstance(pieces, Pieces) else None
        self._make = pieces if not isinstance(pieces, Pieces) else None
        self._starts: list[int] | None = None
        self._last = 0, 1

    @property
    def pieces(self) -> Pieces:
        """How offsets lead back to the parent; made at first use. Not for a root."""
        if self._pieces is None:
            assert self._make is not None  # noqa: S101 - a root has no parent to lead back to
            self._pieces = self._make()
        return self._pieces

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, in characters, of an offset; both from 1."""
        line = bisect_right(self._lines(), offset)
        start = self._lines()[line - 1]
        at, column = self._last
        if not start <= at <= offset:
            at, column = start, 1
        column += characters(self.data[at:offset])
        self._last = offset, column  # many on one long line are each counted from the one before
        return line, column

    def _lines(self) -> list[int]:
        if self._starts is None:
            starts = [0]
            at = self.data.find(b"\n")
            while at >= 0:
                starts.append(at + 1)
                at = self.data.find(b"\n", at + 1)
            self._starts = starts
        return self._starts
