"""Tar archives, saved images of containers among them."""

import io
import tarfile
from collections.abc import Callable, Generator, Iterator
from typing import Self

# What the standard library's reader raises on damaged headers.
_DAMAGE = (tarfile.TarError, EOFError, ValueError, OSError, OverflowError, KeyError, IndexError)


class Strict(tarfile.TarInfo):
    """A header that is damaged ends no archive in silence: ReadError."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:  # noqa: D102
        try:
            return super().fromtarfile(archive)
        except (
            tarfile.InvalidHeaderError,  # type: ignore[attr-defined]
            tarfile.TruncatedHeaderError,  # type: ignore[attr-defined]
        ) as exc:
            raise tarfile.ReadError("what follows cannot be read") from exc


def has_bytes(info: tarfile.TarInfo) -> bool:
    """Whether the member is a file: of an unknown type it is one too, as POSIX says."""
    return info.isreg() or info.type not in tarfile.SUPPORTED_TYPES


def read(data: bytes, cap: Callable[[], int]) -> Iterator[tuple[bytes, bytes, str]]:
    """Name, bytes and what is wrong of each regular file in the archive, in its order.

    Archives that follow one another, as `cat` puts them together, are read as one.
    """
    at: int | None = 0
    while at is not None:
        at = yield from _read(data[at:] if at else data, at, cap)


def _read(
    data: bytes, before: int, cap: Callable[[], int]
) -> Generator[tuple[bytes, bytes, str], None, int | None]:
    """One archive of those; gives where the next begins, None: none does. `before`: bytes."""
    try:
        with tarfile.open(
            fileobj=io.BytesIO(data), mode="r:", errorlevel=0, errors="surrogateescape"
        ) as archive:
            while (info := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # else all headers are kept
                if has_bytes(info):
                    yield _member(archive, info, cap())
            rest = data[archive.offset :]
            if rest[:512].strip(b"\0"):
                yield b"", b"", "the archive is damaged: what follows cannot be read"
            elif rest := rest.lstrip(b"\0"):
                if rest[257:262] == b"ustar":
                    return before + len(data) - len(rest)
                yield b"", b"", "what follows the archive's end is not read"
    except _DAMAGE as exc:
        yield b"", b"", f"the archive is damaged: {exc}"
    except RecursionError:
        yield b"", b"", "the archive is damaged: too many headers follow one another"
    return None


def _member(
    archive: tarfile.TarFile, info: tarfile.TarInfo, limit: int
) -> tuple[bytes, bytes, str]:
    name = info.name.encode("utf-8", "surrogateescape")
    try:
        file = archive.extractfile(info)
        text = file.read(limit) if file is not None else b""
    except tarfile.ReadError:
        archive.fileobj.seek(info.offset_data)
        return name, archive.fileobj.read(min(limit, info.size)), "ends too early"
    if info.size > len(text):
        whole = len(text) >= limit
        return name, text, f"is larger than {limit:,} bytes" if whole else "ends too early"
    return name, text, ""
