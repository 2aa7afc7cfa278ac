"""Compressed streams: told by how they begin, unpacked in steps up to a bound."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any

_STEP = 1 << 20
_FED = 1 << 16
_STREAMS = 20_000
_MEMORY = 128 << 20  # what an xz stream may ask for its dictionary
# Streams that stand alone: what follows their end is no other of them.
_SINGLE = ("zlib", "deflate", "lzma")

_SUFFIXES = {
    "gzip": (b".gz", b".tgz"), "bz2": (b".bz2", b".tbz2"), "xz": (b".xz", b".txz"),
    "zstd": (b".zst", b".tzst"), "zlib": (b".zz",),
}  # fmt: skip


class Cut(Exception):
    """Why no more can be read; `args[0]`: in words for a person."""


def zstd() -> Any:
    """The module for zstandard streams; None where there is none."""
    try:
        from compression import zstd as module
    except ImportError:
        try:
            from backports import zstd as module
        except ImportError:
            return None
    return module


def kind(data: bytes) -> str:
    """The name of what `data` begins as: a stream or an archive; "" for neither."""
    first = data[:2]
    if first == b"\x1f\x8b":
        return "gzip" if data[2:3] == b"\x08" else ""
    if first == b"BZ":
        return "bz2" if data[2:3] == b"h" and data[4:10] in _BZ2 else ""
    if first == b"\xfd7":
        return "xz" if data[:6] == b"\xfd7zXZ\0" else ""
    if first == b"\x28\xb5":
        return "zstd" if data[:4] == b"\x28\xb5\x2f\xfd" else ""
    if first == b"PK":
        return "zip" if data[2:4] in (b"\3\4", b"\5\6") else ""
    if first == b"%P":
        return "pdf" if data[:5] == b"%PDF-" else ""
    if first == b"SQ":
        return "sqlite" if data[:16] == b"SQLite format 3\0" else ""
    if first in _ZLIB:
        return "zlib" if _is_zlib(data) else ""
    return "tar" if data[257:262] == b"ustar" else ""


_BZ2 = (b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90")
_ZLIB = (b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")


def _is_zlib(data: bytes) -> bool:
    try:
        return bool(zlib.decompressobj().decompress(data[:512], 64))
    except zlib.error:
        return False


def _opener(name: str) -> tuple[Callable[[], Any], tuple[type[Exception], ...]] | None:
    if name == "gzip":
        return lambda: zlib.decompressobj(31), (zlib.error,)
    if name == "zlib":
        return zlib.decompressobj, (zlib.error,)
    if name == "deflate":
        return lambda: zlib.decompressobj(-15), (zlib.error,)
    if name == "bz2":
        return bz2.BZ2Decompressor, (OSError, ValueError)
    if name == "xz":
        return lambda: lzma.LZMADecompressor(memlimit=_MEMORY), (lzma.LZMAError,)
    if name == "lzma":
        return (
            lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_MEMORY),
            (lzma.LZMAError,),
        )
    module = zstd()
    return None if module is None else (module.ZstdDecompressor, (module.ZstdError,))


def unpack(name: str, data: bytes | memoryview, limit: int) -> tuple[bytes, str]:
    """What the stream holds, at most `limit` bytes, and what is wrong with it ("": nothing).

    Streams that follow one another are read as one, as their tools do; rubbish after is left.
    """
    text, problem, _ = unpack_to(name, data, limit)
    return text, problem


def unpack_to(name: str, data: bytes | memoryview, limit: int) -> tuple[bytes, str, int]:
    """What `unpack` gives, and where the last stream ends; where that is not known, all of it."""
    size = len(data)
    opener = _opener(name)
    if opener is None:
        return b"", f"{name} is not read here: install the package backports.zstd", size
    make, errors = opener
    out = bytearray()
    at = 0
    try:
        for _ in range(_STREAMS):
            ended, at = _one(make(), data, at, out, limit)
            if len(out) > limit:
                del out[limit:]
                return bytes(out), f"unpacks to more than {limit:,} bytes", size
            if not ended:
                return bytes(out), "ends too early", size
            if name in _SINGLE or kind(bytes(data[at : at + 512])) != name:
                break
        else:
            return bytes(out), f"is more than {_STREAMS:,} streams, one after the other", size
    except errors as exc:
        return bytes(out), f"is damaged: {exc}", size
    except MemoryError:
        return bytes(out), "asks for too much memory", size
    return bytes(out), "", at


def _one(
    stream: Any, data: bytes | memoryview, at: int, out: bytearray, limit: int
) -> tuple[bool, int]:
    """Unpack one stream from offset `at`: whether its end was seen, and where that is.

    It is fed little by little, as what is left over of each part is copied.
    """
    size = 512
    while not stream.eof and at < len(data) and len(out) <= limit:
        part = data[at : at + size]
        at += len(part)
        size = min(2 * size, _FED)
        while len(out) <= limit:
            text = stream.decompress(part, _STEP)
            out += text
            # zlib gives back what it has not taken, the others keep it.
            part = getattr(stream, "unconsumed_tail", b"")
            if stream.eof or not (part or (text and not getattr(stream, "needs_input", True))):
                break
    return stream.eof, at - len(stream.unused_data)


def unpacked(name: str, feed: Iterator[bytes], alone: bool = False) -> Iterator[bytes]:
    """What the stream that comes in pieces by `feed` holds, in pieces of up to 1 MiB.

    Streams that follow one another are one; rubbish after is left, and with `alone` told. Raises
    Cut for what is wrong, after all that can be read, and what `feed` raises.
    """
    opener = _opener(name)
    if opener is None:
        raise Cut(f"{name} is not read here: install the package backports.zstd")
    make, errors = opener
    pending = b""
    try:
        for _ in range(_STREAMS):
            stream, size = make(), 512
            while not stream.eof:
                pending = pending or next(feed, b"")
                if not pending:
                    raise Cut("ends too early")
                part, pending = pending[:size], pending[size:]
                size = min(2 * size, _FED)
                yield from _drained(stream, part)
            pending = stream.unused_data + pending
            while len(pending) < 512 and (more := next(feed, b"")):
                pending += more
            if name in _SINGLE or kind(pending[:512]) != name:
                while alone and pending:
                    if pending.strip(b"\0"):
                        raise Cut("is followed by something that is not read")
                    pending = next(feed, b"")
                return
    except errors as exc:
        raise Cut(f"is damaged: {exc}") from exc
    except MemoryError as exc:
        raise Cut("asks for too much memory") from exc
    raise Cut(f"is more than {_STREAMS:,} streams, one after the other")


def _drained(stream: Any, part: bytes) -> Iterator[bytes]:
    """All that the stream gives for `part`, in pieces of up to 1 MiB."""
    while True:
        text = stream.decompress(part, _STEP)
        if text:
            yield text
        # zlib gives back what it has not taken, the others keep it.
        part = getattr(stream, "unconsumed_tail", b"")
        if stream.eof or not (part or (text and not getattr(stream, "needs_input", True))):
            return


def stem(path: bytes, name: str) -> bytes:
    """How the file `path`, a stream `name`, is called without its ending."""
    base = path.rsplit(b"!", 1)[-1].rsplit(b"/", 1)[-1]
    for suffix in _SUFFIXES[name]:
        if base.lower().endswith(suffix) and len(base) > len(suffix):
            return base[: -len(suffix)] + (b".tar" if suffix[1:2] == b"t" else b"")
    return base
