"""What the terminal shows: its width, its colours, and a line that is overwritten."""

import os
import sys

_NARROWEST = 40
_AFTER_S, _TICK_S = 1.0, 0.2


def coloured() -> bool:
    """Whether standard output is a terminal, and nobody switched colours off."""
    off = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not off


def columns(pipe: int, widest: int | None = None) -> int:
    """The columns of the terminal, from 40 to `widest`; `pipe` where standard output is none.

    COLUMNS holds in both cases: shells do not hand theirs on, so whoever set it wants it. But not
    for `pipe` 0, lines that programs read: editors' terminals do set it.
    """
    if not sys.stdout.isatty() and (not pipe or not os.environ.get("COLUMNS", "").isdecimal()):
        return pipe
    from shutil import get_terminal_size

    found = max(get_terminal_size().columns, _NARROWEST)
    return found if widest is None else min(found, widest)


class Progress:
    """A line on standard error that is overwritten; on a terminal only, and after a second."""

    def __init__(self, *, quiet: bool = False) -> None:
        """`quiet`: it is never shown."""
        import time

        self._now = time.monotonic
        self._start = self._last = self._now()
        self._on = not quiet and sys.stderr.isatty()
        self._shown = False

    def due(self) -> float:
        """Seconds since the start where it is time to show something, else 0.0."""
        if not self._on:
            return 0.0
        now = self._now()
        if now - self._start < _AFTER_S or now - self._last < _TICK_S:
            return 0.0
        self._last = now
        return now - self._start

    def show(self, text: str) -> None:
        """Put `text` in place of the line."""
        self._shown = True
        self._write(text)

    def close(self) -> None:
        """Take the line away."""
        if self._shown:
            self._write("")

    def _write(self, text: str) -> None:
        import click

        click.echo(f"\r\x1b[K{text}", err=True, nl=False)
