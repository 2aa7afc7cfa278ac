"""What archives and other containers hold: told by how they begin, read in memory, never written.

Every reader takes what can be read of a damaged container, says what is wrong, and is bounded.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from credguard.scan.containers import pdf, sqlite, tars, zips
from credguard.scan.decode.streams import kind, stem, unpack_to

STREAMS = ("gzip", "zlib", "bz2", "xz", "zstd")


class Member(NamedTuple):
    """One thing in a container. `name`: None where it is the container's own, only made plain.

    `rest`: where in the container something begins that follows its end and is no part of it, and
    so stands in no member; -1: nothing does, or it is not known.
    """

    name: bytes | None
    data: bytes
    problem: str
    rest: int = -1


Cap = Callable[[], int]
"""How many bytes the next member may have."""


def members(name: str, data: bytes, path: bytes, cap: Cap) -> Iterator[Member]:
    """Each member of `data`, a container of the kind `name` (see `streams.kind`), when asked for.

    Small ones first where the container tells sizes: one large cannot keep the rest unread.
    """
    if name in STREAMS:
        limit = cap()
        text, problem, end = unpack_to(name, data, limit)
        rest = _after(data, end)
        yield Member(None if kind(text) == "tar" else stem(path, name), text, problem, rest)
        return
    reader = {"zip": zips.read, "tar": tars.read, "pdf": pdf.read, "sqlite": sqlite.read}[name]
    for each in reader(data, cap):
        yield Member(*each)
    if name == "zip" and (rest := _after(data, zips.ending(data))) >= 0:
        yield Member(None, b"", "", rest)


def _after(data: bytes, end: int) -> int:
    """Where what follows `end` begins, after the zeros that fill a block; -1: there is nothing."""
    rest = data[end:].lstrip(b"\0")
    return len(data) - len(rest) if rest else -1
