"""A long text of UTF-16 or UTF-32: as the text that it is, and as the bytes that it is made of.

What a program appends that knows neither is in the bytes alone.
"""

from __future__ import annotations

from itertools import chain, tee

from credguard.errors import GitError
from credguard.scan.engine import beside
from credguard.sources.files import Unreadable, Window, encoding, windows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def readings(pieces: Iterable[bytes | int]) -> Iterator[tuple[Window, bool]]:
    """The windows of what `pieces` make up (see `files.windows`), True with each.

    Of UTF-16 and UTF-32 with their mark those of its bytes as well, with False, in turns, so that
    no more than a window is held twice. What was read before `pieces` fails is given first.
    """
    pieces = iter(pieces)
    first = next(pieces, b"")
    pieces = chain((first,), pieces)
    if isinstance(first, int) or encoding(first) is None:
        for window in windows(pieces):
            yield window, True
        return
    one, two = tee(pieces)
    read = {True: 0, False: 0}

    def counted(source: Iterable[bytes | int], text: bool) -> Iterator[bytes | int]:
        for piece in source:
            read[text] += piece if isinstance(piece, int) else len(piece)
            yield piece

    waiting = {
        True: windows(counted(one, True)),
        False: windows(_as_they_are(counted(two, False))),
    }
    failure: Exception | None = None
    while waiting:
        text = min(waiting, key=lambda each: read[each])
        try:
            found = next(waiting[text], None)
        except (Unreadable, GitError) as exc:
            failure, found = exc, None
        if found is None:
            del waiting[text]
        else:
            yield found, text
    if failure is not None:
        raise failure


def _as_they_are(pieces: Iterable[bytes | int]) -> Iterator[bytes | int]:
    first = True
    for piece in pieces:
        if isinstance(piece, int):
            yield piece
        else:
            yield beside(piece) if first else piece.replace(b"\0", b"\1")
        first = False
