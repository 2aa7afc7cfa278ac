"""What archives and other containers hold: told by how they begin, read in memory, never written.

Every reader takes what can be read of a damaged container, says what is wrong, and is bounded.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from credguard.scan.containers import pdf, sqlite, tars, zips
from credguard.scan.decode.streams import kind, stem, unpack

STREAMS = ("gzip", "zlib", "bz2", "xz", "zstd")


class Member(NamedTuple):
    """One thing in a container. `name`: None where it is the container's own, only made plain."""

    name: bytes | None
    data: bytes
    problem: str


Cap = Callable[[], int]
"""How many bytes the next member may have."""


def members(name: str, data: bytes, path: bytes, cap: Cap) -> Iterator[Member]:
    """Each member of `data`, a container of the kind `name` (see `streams.kind`), when asked for.

    Small ones first where the container tells sizes: one large cannot keep the rest unread.
    """
    if name in STREAMS:
        limit = cap()
        text, problem = unpack(name, data, limit)
        yield Member(None if kind(text) == "tar" else stem(path, name), text, problem)
        return
    reader = {"zip": zips.read, "tar": tars.read, "pdf": pdf.read, "sqlite": sqlite.read}[name]
    for each in reader(data, cap):
        yield Member(*each)
