"""Text in a terminal's cells: how wide it is, cut to fit, and lines of styled pieces."""

import textwrap
import unicodedata
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line. `style`: "", bold, dim, good, warn or bad."""

    text: str
    style: str = ""


Line = list[Span]
_COMMAND = ": credguard "


@dataclass(frozen=True, slots=True)
class Look:
    """What the output can show. `columns`: cells a line; `plain`: ASCII only.

    `home`: the folder that is written ~; empty: none is.
    """

    columns: int
    plain: bool = False
    home: str = ""
    marks: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Choose the characters."""
        odd = {"good": "✓", "warn": "!", "bad": "✗", "unknown": "?", "full": "━", "rest": "─"}
        plain = {"good": "+", "warn": "!", "bad": "x", "unknown": "?", "full": "=", "rest": "-"}
        more = {"more": "~" if self.plain else "…"}
        object.__setattr__(self, "marks", {**(plain if self.plain else odd), **more})

    def tilde(self, path: str) -> str:
        """`path` with the home folder as ~."""
        if self.home and (path == self.home or path.startswith(self.home.rstrip("/") + "/")):
            return "~" + path[len(self.home.rstrip("/")) :]
        return path

    def clip(self, text: str, cells: int, *, keep_end: bool = False) -> str:
        """`text` in at most `cells`; what is left out shows as one mark."""
        if width(text) <= cells:
            return text
        room, kept = max(0, cells - 1), ""
        for each in reversed(text) if keep_end else text:
            if width(kept + each) > room:
                break
            kept = each + kept if keep_end else kept + each
        return self.marks["more"] + kept if keep_end else kept + self.marks["more"]


def width(text: str) -> int:
    """The cells that `text` takes."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )


def padded(text: str, cells: int) -> str:
    """`text` with blanks to `cells`; a longer one stays."""
    return text + " " * max(0, cells - width(text))


def hanging(
    label: str, text: str, columns: int, *, indent: int = 10, style: str = ""
) -> list[Line]:
    """`text` wrapped beside `label`; no word, such as a path, is cut in two.

    A command at its end stays in one piece, longer than the terminal if need be: it is copied.
    """
    room = max(12, columns - indent)
    prose, found, command = text.partition(_COMMAND)
    command = _COMMAND[2:] + command if found else ""
    prose = prose + ":" if found else prose
    parts = textwrap.wrap(prose, room, break_long_words=False, break_on_hyphens=False) or [""]
    if command and width(parts[-1]) + 1 + width(command) <= room:
        parts[-1] = f"{parts[-1]} {command}".strip()
    elif command:
        parts.append(command)
    lines = [[Span(padded(label, indent), "bold" if label else ""), Span(parts[0], style)]]
    lines += [[Span(" " * indent), Span(part, style)] for part in parts[1:]]
    return lines


def plain_text(lines: list[Line]) -> list[str]:
    """The lines without styles."""
    return ["".join(span.text for span in line).rstrip() for line in lines]
