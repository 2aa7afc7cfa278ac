"""JSON of a document with long lists, piece by piece."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping

from credguard.report.model import Row

_PIECE = 64 << 10


class Chained(Collection[Row]):
    """Some rows, then others."""

    def __init__(self, *parts: Collection[Row]) -> None:
        """Nothing is copied."""
        self._parts = parts

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __contains__(self, row: object) -> bool:
        return any(row in part for part in self._parts)

    def __iter__(self) -> Iterator[Row]:
        for part in self._parts:
            yield from part


class Streamed(list[object]):
    """A list for `json_pieces` whose items are made when they are written, and not kept."""

    def __init__(self, rows: Collection[Row], made: Callable[[Row], object]) -> None:
        """An item: what `made` makes of a row."""
        super().__init__()
        self._rows, self._made = rows, made

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[object]:
        return map(self._made, self._rows)


def json_pieces(document: Mapping[str, object]) -> Iterator[str]:
    """`document` as json.dumps with an indent of 2 gives it, and a line end.

    The encoder in Python, which it takes where `default` steps are asked for, goes through a list
    by its own iterator, so a `Streamed` is never whole in memory.
    """
    parts: list[str] = []
    size = 0
    for part in json.JSONEncoder(indent=2).iterencode(document):
        parts.append(part)
        size += len(part)
        if size >= _PIECE:
            yield "".join(parts)
            parts, size = [], 0
    yield "".join([*parts, "\n"])
