"""How an audit, a team and a posture are shown: width, colours, and a line of progress."""

import os
import shutil
import sys
import time

import click

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.report.audit_text import Paint

_AFTER_S, _TICK_S = 1.0, 0.2
_NARROWEST, _WIDEST, _PIPE_COLUMNS = 40, 110, 100


def shown_as(*, person: bool) -> "tuple[int, Paint]":
    """How wide the text is, and its colours; `person`: it goes to standard output."""
    from credguard.report.audit_text import plain

    person = person and sys.stdout.isatty()
    columns = shutil.get_terminal_size().columns if person else _PIPE_COLUMNS
    width = min(max(columns, _NARROWEST), _WIDEST)
    return width, _paint if person and not os.environ.get("NO_COLOR") else plain


def _paint(text: str, colour: str, bold: bool) -> str:
    return click.style(text, fg=colour or None, bold=bold or None)


class Progress:
    """Writes one line that is overwritten, on a terminal only, once it takes over a second."""

    def __init__(self, what: str) -> None:
        """`what` is being done."""
        self._what = what
        self._start = self._last = time.monotonic()
        self._on = sys.stderr.isatty()
        self._shown = False

    def __call__(self, done: int, every: int) -> None:
        """Show it, where it is time to."""
        now = time.monotonic()
        if not self._on or now - self._start < _AFTER_S or now - self._last < _TICK_S:
            return
        self._last, self._shown = now, True
        click.echo(f"\r\x1b[K{self._what}: {done} of {every}", err=True, nl=False)

    def close(self) -> None:
        """Take the line away."""
        if self._shown:
            click.echo("\r\x1b[K", err=True, nl=False)
