"""`credguard scan`: look for secrets in files, in what is staged, in a text, or in history."""

import os
import time
from dataclasses import dataclass, fields
from typing import Any

import click

from credguard.app import scan as app
from credguard.app import scan_history as commits
from credguard.app.findings import FORMATS
from credguard.cli import terminal
from credguard.cli.findings import Shown, show
from credguard.cli.stdin import pieces
from credguard.scan.model import CONFIDENCE_NAMES


@click.command(epilog="Example: credguard scan . --exclude 'vendor/' --json")
@click.argument("path", nargs=-1, type=click.Path())
@click.option("--staged", is_flag=True, help="What the next commit would add, instead of files.")
@click.option("--stdin", is_flag=True, help="The text on standard input, instead of files.")
@click.option("--path", "name", metavar="NAME", help="With --stdin: the file it belongs to.")
@click.option("--range", "span", metavar="A..B", help="What each commit of the range added.")
@click.option("--history", is_flag=True, help="Every version of every file, in all commits.")
@click.option("--branch", multiple=True, metavar="NAME", help="With --history: only this branch.")
@click.option("--since", metavar="DATE", help="With --history: only commits since then.")
@click.option("--no-resume", is_flag=True, help="With --history: not from where one stopped.")
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
@click.option("--no-cache", is_flag=True, help="Read also what is known to be clean.")
@click.option("--quiet", is_flag=True, help="No progress and no counts.")
@click.option("--baseline", metavar="FILE", help="Leave out what this baseline knows.")
@click.option("--format", "style", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--output", metavar="FILE", help="Write the report to FILE.")
@click.option("--deep", is_flag=True, help="Run detect-secrets' plugins too; much slower.")
@click.option("--verify", is_flag=True, help="Ask issuers whether what is found still works.")
@click.option("--explain", is_flag=True, help="Tell every signal that was weighed.")
@click.option("--show-allowed", is_flag=True, help="Show also what marks and settings let pass.")
def scan(
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    no_gitignore: bool,
    confidence: str,
    lenient: bool,
    jobs: int | None,
    no_cache: bool,
    quiet: bool,
    deep: bool,
    **rest: Any,
) -> None:
    """Look for secrets in the files at and below each PATH, in what is staged, or in commits.

    In a git repository all files are scanned but those that git ignores; elsewhere folders that
    git, package managers, caches and virtual environments keep are left out. What is named as
    PATH is always scanned. A file that was found clean and has not changed since, and a version in
    the history, is not read again: --no-cache does. With --range and --history PATH is the
    repository, else the one here is taken. GLOB is a pattern of .gitignore's syntax.
    Exit code 0: none, 1: some, 2: something could not be read, so it cannot be told.
    """
    what = _What(**{each.name: rest.pop(each.name) for each in fields(_What)})
    what.check()
    if rest["as_json"] and rest["style"] not in ("text", "json"):
        raise click.UsageError(f"--json and --format {rest['style']} do not go together")
    style = "json" if rest["as_json"] else rest["style"]
    shown = Shown(
        style, rest["output"], rest["baseline"], rest["show_allowed"], rest["verify"], quiet,
        rest["explain"],
    )  # fmt: skip
    shown.check()
    least = {word: level for level, word in CONFIDENCE_NAMES.items()}[confidence]
    options = app.Options(least, include, exclude, not no_gitignore, jobs or 0, deep, not no_cache)
    started = time.time()
    progress = _Progress(quiet, what.noun)
    # Whom an issuer can be asked about is known only when all are found, so then all are held.
    maker = shown.maker()
    result = what.scan(options, progress, None if shown.verify else maker)
    progress.close()
    if (include or exclude) and not result.scanned and not result.problems:
        result.notices.append("nothing was scanned: no file is left by --include and --exclude")
    what.follow(result)
    if show(shown, result, started, what.noun, maker):
        raise click.exceptions.Exit(1)
    if result.problems and not lenient:
        raise click.exceptions.Exit(2)


@dataclass(frozen=True, slots=True)
class _What:
    """The options that say where the bytes come from."""

    path: tuple[str, ...]
    staged: bool
    stdin: bool
    name: str | None
    span: str | None
    history: bool
    branch: tuple[str, ...]
    since: str | None
    no_resume: bool

    @property
    def _of_commits(self) -> bool:
        return self.history or self.span is not None

    @property
    def noun(self) -> str:
        return "blob" if self._of_commits else "file"

    def check(self) -> None:
        """Raises UsageError where they do not go together."""
        files = bool(self.path) and not self._of_commits
        named = [files, self.staged, self.stdin, self.span is not None, self.history]
        if named.count(True) > 1:
            raise click.UsageError(
                "PATH, --staged, --stdin, --range and --history do not go together"
            )
        if not any(named):
            raise click.UsageError(
                "name at least one PATH, or --staged, --stdin, --range or --history"
            )
        if self._of_commits and len(self.path) > 1:
            raise click.UsageError("name one repository")
        if self.name is not None and not self.stdin:
            raise click.UsageError("--path belongs to --stdin")
        if (self.branch or self.since or self.no_resume) and not self.history:
            raise click.UsageError("--branch, --since and --no-resume belong to --history")

    def follow(self, result: app.Result) -> None:
        """Have the service follow values of the vault that are in commits; says so."""
        found = result.own + [each for each in result.findings if each.own]
        if not any(each.commit is not None for each in found):
            return
        from credguard.app.context import Context
        from credguard.app.leak import note_commits

        note_commits(Context(), next(iter(self.path), "."), found)
        result.notices.append(
            "values of your vault are among these: where they got out the service answers it, see:"
            " credguard leak list"
        )

    def scan(
        self, options: app.Options, progress: app.Progress, spill: app.Spill | None
    ) -> app.Result:
        """Scan it; of files too many findings go into `spill`. Raises CredguardError."""
        if self.stdin:
            return app.scan_stream(pieces(), os.fsencode(self.name or "<stdin>"), options, spill)
        if self.staged:
            return app.scan_staged(options, progress)
        where = next(iter(self.path), None)
        if self.span is not None:
            return commits.scan_range(self.span, where, options, progress, spill)
        if self.history:
            resume = options.remember and not self.no_resume
            return commits.scan_history(
                where, options, progress,
                branches=self.branch, since=self.since, resume=resume, spill=spill,
            )  # fmt: skip
        return app.scan_paths(list(self.path), options, progress, spill)


class _Progress(terminal.Progress):
    """What was scanned so far, and how fast."""

    def __init__(self, quiet: bool, noun: str) -> None:
        super().__init__(quiet=quiet)
        self._noun = noun

    def __call__(self, result: app.Result) -> None:
        if seconds := self.due():
            megabytes = result.size / 1e6
            text = f"{result.scanned:,} {self._noun}s, {megabytes:,.0f} MB"
            text += f", {megabytes / seconds:,.0f} MB/s, {result.count:,} found"
            self.show(text)
