"""What an archive holds, member by member and each in pieces: for archives too large for memory.

Zip archives are read through their directory, so they need to be sought in; all else is a stream.
Every reader gives what can be read of a damaged archive, and says what is wrong.
"""

import tarfile
from collections.abc import Iterator
from typing import IO, NamedTuple, cast

from credguard.scan.containers import tars, zips
from credguard.scan.decode.streams import Cut, unpacked

PACKED = frozenset(("zip", "tar", "gzip", "bz2", "xz", "zstd"))
"""Kinds (`streams.kind`) that are read in pieces; a zlib stream is told by too little."""
_BLOCK = 1 << 18
_HEADERS = 8 << 20  # what stands between two members of a tar archive
_DAMAGE = (tarfile.TarError, EOFError, ValueError, OSError, OverflowError, KeyError, IndexError)


class Part(NamedTuple):
    """A member. `pieces`: its bytes, to be gone through before the next part is asked for.

    `problem`: why there are none; `pieces` may raise Cut midway.
    """

    name: bytes
    pieces: Iterator[bytes]
    problem: str = ""


def of_zip(data: zips.Source) -> Iterator[Part]:
    """Each file of a zip archive, small ones first."""
    for found in zips.located(data):
        if isinstance(found, str):
            yield Part(b"", iter(()), found)
            continue
        name, start, end, method, problem = found
        stretch = blocks(data, start, end)
        if problem:
            yield Part(name, iter(()), problem)
        elif method == 0:
            yield Part(name, stretch)
        elif method == zips.LZMA:
            yield Part(name, unpacked("lzma", zips.lzma_pieces(stretch)))
        elif method in zips.METHODS:
            yield Part(name, unpacked(zips.METHODS[method], stretch))
        else:
            yield Part(name, iter(()), f"is packed by a method that is not read ({method})")


def blocks(data: zips.Source, start: int, end: int) -> Iterator[bytes]:
    """That stretch of `data`, piece by piece. Raises Cut where it ends too early."""
    while start < end:
        piece = data[start : min(end, start + _BLOCK)]
        if not piece:
            raise Cut("ends too early")
        yield piece
        start += len(piece)


def of_tar(pieces: Iterator[bytes]) -> Iterator[Part]:
    """Each regular file of a tar archive that comes in `pieces`. Raises what `pieces` does."""
    feed = _Feed(pieces)
    try:
        with tarfile.open(
            fileobj=cast(IO[bytes], feed),
            mode="r|",
            bufsize=_BLOCK,
            tarinfo=tars.Strict,
            errorlevel=0,
            errors="surrogateescape",
        ) as archive:
            stream = cast(IO[bytes], archive.fileobj)
            while (info := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # else all headers are kept
                if tars.has_bytes(info):
                    name = info.name.encode("utf-8", "surrogateescape")
                    feed.left = None
                    yield Part(name, _member(archive, info))
                    if stream.tell() < archive.offset:
                        stream.seek(archive.offset - 1)  # what was not taken
                feed.left = _HEADERS
            feed.left = None
            while rest := stream.read(_BLOCK):
                if rest.strip(b"\0"):
                    yield Part(b"", iter(()), "what follows the archive's end is not read")
                    break
    except Cut:
        raise
    except _DAMAGE as exc:
        yield Part(b"", iter(()), f"the archive is damaged: {exc}")
    except RecursionError:
        yield Part(b"", iter(()), "the archive is damaged: too many headers follow one another")


def _member(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[bytes]:
    try:
        file = archive.extractfile(info)
        left = info.size if file is not None else 0
        while file is not None and left > 0:
            piece = file.read(min(left, _BLOCK))
            if not piece:
                break
            left -= len(piece)
            yield piece
    except Cut:
        raise
    except _DAMAGE:
        left = 1
    if left > 0:
        raise Cut("ends too early")


class _Feed:
    """The `read` that tarfile asks of a stream, over pieces of any size."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.left: int | None = _HEADERS  # so much may be read yet; None: any
        self._pieces = pieces
        self._have = b""
        self._error: Cut | None = None

    def read(self, size: int) -> bytes:
        """What is there of so many bytes, before the Cut that comes after it is raised.

        Raises ReadError beyond `left`: tarfile holds all of a header, of any size.
        """
        parts, have = [self._have], len(self._have)
        while have < size and self._error is None:
            try:
                piece = next(self._pieces, None)
            except Cut as exc:
                self._error = exc
                break
            if piece is None:
                break
            parts.append(piece)
            have += len(piece)
        data = b"".join(parts)
        if not data and self._error is not None:
            raise self._error
        self._have = data[size:]
        if self.left is not None:
            self.left -= min(size, len(data))
            if self.left < 0:
                raise tarfile.ReadError("its headers are too long")
        return data[:size]
