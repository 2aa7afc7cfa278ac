"""`credguard scan`: look for secrets in files, in what is staged, in a text, or in history."""

import os
import sys
import time

import click

from credguard.app import scan as app
from credguard.app import scan_history as commits
from credguard.cli.stdin import pieces
from credguard.report.jsonv1 import findings_json
from credguard.report.text import findings_text, path_text
from credguard.scan.model import CONFIDENCE_NAMES

_AFTER_S, _TICK_S = 1.0, 0.2


@click.command(epilog="Example: credguard scan . --exclude 'vendor/' --json")
@click.argument("path", nargs=-1, type=click.Path())
@click.option("--staged", is_flag=True, help="What the next commit would add, instead of files.")
@click.option("--stdin", is_flag=True, help="The text on standard input, instead of files.")
@click.option("--path", "name", metavar="NAME", help="With --stdin: the file it belongs to.")
@click.option("--range", "span", metavar="A..B", help="What each commit of the range added.")
@click.option("--history", is_flag=True, help="Every version of every file, in all commits.")
@click.option("--branch", multiple=True, metavar="NAME", help="With --history: only this branch.")
@click.option("--since", metavar="DATE", help="With --history: only commits since then.")
@click.option("--no-resume", is_flag=True, help="With --history: not on from where one stopped.")
@click.option("--include", multiple=True, metavar="GLOB", help="Only files that match.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="No files that match.")
@click.option("--no-gitignore", is_flag=True, help="Also what git ignores.")
@click.option(
    "--confidence",
    type=click.Choice(list(CONFIDENCE_NAMES.values())),
    default="medium",
    show_default=True,
    help="The least confidence that is reported.",
)
@click.option("--lenient", is_flag=True, help="Exit with 0 where something could not be read.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes at work; else one a core.")
@click.option("--quiet", is_flag=True, help="No progress and no counts.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def scan(
    path: tuple[str, ...],
    staged: bool,
    stdin: bool,
    name: str | None,
    span: str | None,
    history: bool,
    branch: tuple[str, ...],
    since: str | None,
    no_resume: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    no_gitignore: bool,
    confidence: str,
    lenient: bool,
    jobs: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Look for secrets in the files at and below each PATH, in what is staged, or in commits.

    In a git repository all files are scanned but those that git ignores; elsewhere folders that
    git, package managers, caches and virtual environments keep are left out. What is named as
    PATH is always scanned. With --range and --history PATH is the repository, else the one here is
    taken. GLOB is a pattern of .gitignore's syntax.
    Exit code 0: none, 1: some, 2: something could not be read, so it cannot be told.
    """
    _check(path, staged, stdin, name, span, history, bool(branch or since or no_resume))
    least = {word: level for level, word in CONFIDENCE_NAMES.items()}[confidence]
    options = app.Options(least, include, exclude, not no_gitignore, jobs or 0)
    progress = _Progress(quiet, "blobs" if span or history else "files")
    if stdin:
        result = app.scan_stream(pieces(), os.fsencode(name or "<stdin>"), options)
    elif staged:
        result = app.scan_staged(options, progress)
    elif span is not None:
        result = commits.scan_range(span, next(iter(path), None), options, progress)
    elif history:
        result = commits.scan_history(
            next(iter(path), None), options, progress,
            branches=branch, since=since, resume=not no_resume,
        )  # fmt: skip
    else:
        result = app.scan_paths(list(path), options, progress)
    progress.end()
    _report(result, as_json, quiet, "blob" if span or history else "file")
    if result.findings:
        raise click.exceptions.Exit(1)
    if result.problems and not lenient:
        raise click.exceptions.Exit(2)


def _check(
    path: tuple[str, ...],
    staged: bool,
    stdin: bool,
    name: str | None,
    span: str | None,
    history: bool,
    limited: bool,
) -> None:
    of_commits = span is not None or history
    if [bool(path) and not of_commits, staged, stdin, span is not None, history].count(True) != 1:
        raise click.UsageError("name at least one PATH, or --staged, --stdin, --range or --history")
    if of_commits and len(path) > 1:
        raise click.UsageError("name one repository")
    if name is not None and not stdin:
        raise click.UsageError("--path belongs to --stdin")
    if limited and not history:
        raise click.UsageError("--branch, --since and --no-resume belong to --history")


def _report(result: app.Result, as_json: bool, quiet: bool, noun: str) -> None:
    if as_json:
        click.echo(findings_json(result.findings, result.problems, result.scanned))
    else:
        click.echo(findings_text(result.findings), nl=False)
    for text in result.notices:
        click.echo(f"credguard: {text}", err=True)
    for name, why in result.problems:
        click.echo(f"credguard: not read: {path_text(name)}: {why}", err=True)
    if result.problems:
        click.echo(f"{_count(len(result.problems), 'problem')}: see above", err=True)
    if result.findings and not quiet:
        click.echo(
            f"{_count(len(result.findings), 'secret')} in {_count(result.scanned, noun)}",
            err=True,
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


class _Progress:
    """Writes one line that is overwritten, on a terminal only, once it takes over a second."""

    def __init__(self, quiet: bool, noun: str) -> None:
        self._noun = noun
        self._start = self._last = time.monotonic()
        self._on = not quiet and sys.stderr.isatty()
        self._shown = False

    def __call__(self, result: app.Result) -> None:
        if not self._on:
            return
        now = time.monotonic()
        if now - self._start < _AFTER_S or now - self._last < _TICK_S:
            return
        self._last, self._shown = now, True
        megabytes = result.size / 1e6
        text = f"{result.scanned:,} {self._noun}, {megabytes:,.0f} MB"
        text += f", {megabytes / (now - self._start):,.0f} MB/s, {len(result.findings):,} found"
        click.echo(f"\r\x1b[K{text}", err=True, nl=False)

    def end(self) -> None:
        """Take the line away."""
        if self._shown:
            click.echo("\r\x1b[K", err=True, nl=False)
