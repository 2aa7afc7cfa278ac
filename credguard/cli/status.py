"""`credguard status`: keys, hooks, watched folders, findings and the service on one screen."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import signal
import sys
import threading
from typing import TYPE_CHECKING

import click

from credguard.cli import terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from credguard.report.cells import Line, Look
    from credguard.report.overview import Status

# A pipe has no width: what is cut to 80 columns there would cut paths in two.
_PIPE_COLUMNS = 1000
_EVERY_S = 2.0
_STYLES: dict[str, dict[str, object]] = {
    "bold": {"bold": True},
    "dim": {"dim": True},
    "good": {"fg": "green"},
    "warn": {"fg": "yellow"},
    "bad": {"fg": "red"},
}


@click.command(epilog="Example: credguard status --watch")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--watch", "live", is_flag=True, help="Stay, and show every change; Ctrl-C ends it.")
def status(as_json: bool, live: bool) -> None:
    """Show keys, hooks, watched folders, open findings and the service."""
    from credguard.app.context import Context
    from credguard.app.status import status as read

    if live:
        if as_json or not sys.stdout.isatty():
            raise click.UsageError("--watch needs a terminal, and goes without --json")
        _stay()
        return
    current = read(Context())
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(current), indent=2))
    else:
        colour = terminal.coloured()
        for line in _lines(current, _look()):
            click.echo(line if colour else click.unstyle(line), color=colour)
    from credguard.errors import CredguardError

    if current.unreadable:
        raise CredguardError(
            "; ".join(current.unreadable),
            hint="free space, or correct the file; a damaged database: credguard vault recover;"
            " the vault is not touched",
        )
    from credguard.report.overview import UNREAD
    from credguard.report.text import printable

    unread = [each.repository for each in current.hooks if each.state == UNREAD]
    if unread:
        raise CredguardError(
            f"the hooks in {printable(', '.join(unread))} {UNREAD}",
            hint="a file system that does not answer? see: findmnt --target PATH; what is no file"
            " there? see: git -C PATH config --list",
        )


def _look() -> Look:
    from credguard import paths
    from credguard.report.cells import Look

    plain = False
    try:
        "✓━…".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        plain = True
    return Look(terminal.columns(_PIPE_COLUMNS), plain, paths.home())


def _lines(current: Status, look: Look) -> list[str]:
    from credguard.report.screen import screen

    return [_styled(line) for line in screen(current, look)]


def _styled(line: Line) -> str:
    return "".join(
        click.style(span.text, **_STYLES[span.style]) if span.style else span.text  # type: ignore[arg-type]
        for span in line
    ).rstrip()


def _stay() -> None:
    """Draw the screen anew every two seconds and when the terminal changes its size."""
    from credguard.app.context import Context
    from credguard.app.status import status as read

    resized = threading.Event()
    with _full_screen(resized):
        while True:
            ctx = Context()
            try:
                current = read(ctx)
            finally:
                ctx.close()
            _draw(current)
            resized.wait(_EVERY_S)
            resized.clear()


def _draw(current: Status) -> None:
    look = _look()
    rows = shutil.get_terminal_size().lines
    lines = _lines(current, look)
    lines += [click.style(f"{why}", fg="red") for why in current.unreadable]
    if len(lines) > rows:
        lines = [*lines[: rows - 1], click.style("more: make the window higher", dim=True)]
    if not terminal.coloured():
        lines = [click.unstyle(line) for line in lines]
    # Over the earlier picture, each line's rest cleared: nothing flickers.
    sys.stdout.write("\x1b[H" + "\x1b[K\r\n".join(lines) + "\x1b[K\x1b[J")
    sys.stdout.flush()


@contextlib.contextmanager
def _full_screen(resized: threading.Event) -> Iterator[None]:
    """The terminal's other screen without a cursor; the first comes back whatever happens."""
    previous = None
    if hasattr(signal, "SIGWINCH"):
        previous = signal.signal(signal.SIGWINCH, lambda *_: resized.set())
    sys.stdout.write("\x1b[?1049h\x1b[?25l\x1b[2J")
    try:
        yield
    finally:
        sys.stdout.write("\x1b[?25h\x1b[?1049l")
        sys.stdout.flush()
        if previous is not None:
            signal.signal(signal.SIGWINCH, previous)
