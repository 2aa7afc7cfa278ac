"""`credguard scan`: look for secrets in files or in what is staged."""

import sys
import time

import click

from credguard.app import scan as app
from credguard.app.findings import FORMATS
from credguard.cli.findings import Shown, show
from credguard.scan.model import CONFIDENCE_NAMES

_TICK_S = 0.2


@click.command(epilog="Example: credguard scan . --json")
@click.argument("path", nargs=-1, type=click.Path())
@click.option("--staged", is_flag=True, help="What the next commit would add, instead of files.")
@click.option(
    "--confidence",
    type=click.Choice(list(CONFIDENCE_NAMES.values())),
    default="medium",
    show_default=True,
    help="The least confidence that is reported.",
)
@click.option("--baseline", metavar="FILE", help="Leave out what this baseline knows.")
@click.option("--format", "style", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--output", metavar="FILE", help="Write the report to FILE.")
@click.option("--deep", is_flag=True, help="Run detect-secrets' plugins too; much slower.")
@click.option("--verify", is_flag=True, help="Ask issuers whether what is found still works.")
@click.option("--explain", is_flag=True, help="Tell every signal that was weighed.")
@click.option("--show-allowed", is_flag=True, help="Show also what marks and settings let pass.")
def scan(
    path: tuple[str, ...],
    staged: bool,
    confidence: str,
    baseline: str | None,
    style: str,
    as_json: bool,
    output: str | None,
    deep: bool,
    verify: bool,
    explain: bool,
    show_allowed: bool,
) -> None:
    """Look for secrets in the files at and below each PATH, or in what is staged.

    Folders that git, package managers, caches and virtual environments keep are left out; name
    one to scan it.
    Exit code 0: none, 1: some, 2: something could not be read, so it cannot be told.
    """
    if staged == bool(path):
        raise click.UsageError("name at least one PATH, or --staged")
    least = {name: level for level, name in CONFIDENCE_NAMES.items()}[confidence]
    shown = Shown("json" if as_json else style, output, baseline, show_allowed, verify, explain)
    shown.check()
    started = time.time()
    if staged:
        result = app.scan_staged(least, deep=deep)
    else:
        result = app.scan_paths(list(path), least, _progress(), deep=deep)
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", err=True, nl=False)
    found = show(shown, result.findings, result.unread, result.scanned, started)
    if found:
        raise click.exceptions.Exit(1)
    if result.unread:
        raise click.exceptions.Exit(2)


class _progress:  # noqa: N801 - a callable made at the call
    """Writes one line that is overwritten, on a terminal only."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._on = sys.stderr.isatty()

    def __call__(self, count: int, size: int) -> None:
        now = time.monotonic()
        if self._on and now - self._last > _TICK_S:
            self._last = now
            click.echo(f"\r\x1b[K{count} files, {size / 1e6:.0f} MB", err=True, nl=False)
