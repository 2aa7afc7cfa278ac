"""Text that is safe to show to a person."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def printable(text: str) -> str:
    """`text` with control characters and lone surrogates escaped: it cannot steer a terminal."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line for each of `rows`, whose cells stand below each other; safe to show to a person."""
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]


def path_text(path: bytes) -> str:
    r"""`path` on one line; bytes that are not UTF-8 show as \\xNN."""
    return printable(path.decode("utf-8", "backslashreplace"))
