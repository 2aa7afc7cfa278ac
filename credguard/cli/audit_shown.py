"""How an audit, a team and a posture are shown: width, colours, and a line of progress."""

import click

from credguard.cli import terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.report.audit_text import Paint

_WIDEST, _PIPE_COLUMNS = 110, 100


def shown_as(*, person: bool) -> "tuple[int, Paint]":
    """How wide the text is, and its colours; `person`: it goes to standard output."""
    from credguard.report.audit_text import plain

    if not person:
        return _PIPE_COLUMNS, plain
    return terminal.columns(_PIPE_COLUMNS, _WIDEST), _paint if terminal.coloured() else plain


def _paint(text: str, colour: str, bold: bool) -> str:
    return click.style(text, fg=colour or None, bold=bold or None)


class Progress(terminal.Progress):
    """How much of `what` is done."""

    def __init__(self, what: str) -> None:
        """`what` is being done."""
        super().__init__()
        self._what = what

    def __call__(self, done: int, every: int) -> None:
        """Show it, where it is time to."""
        if self.due():
            self.show(f"{self._what}: {done} of {every}")
