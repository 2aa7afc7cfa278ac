"""How `scan` shows what it found: formats, files, baselines."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

import click

from credguard.app.baseline import Known, load
from credguard.app.findings import Maker, Verdict, pieces, told
from credguard.app.scan import Result
from credguard.cli import terminal
from credguard.errors import CredguardError
from credguard.report.text import path_text
from credguard.scan.model import Finding


@dataclass(slots=True)
class Shown:
    """What the command line says about the report. `check` before the scan costs time."""

    style: str
    output: str | None = None
    baseline: str | None = None
    allowed: bool = False
    verify: bool = False
    quiet: bool = False
    explain: bool = False
    known: Known | None = None

    def maker(self) -> Maker:
        """What makes the report, after `check`."""
        return Maker(self.style, self.known, all_signals=self.explain)

    def check(self) -> None:
        """Load the baseline, and see that the output can be written. Raises CredguardError."""
        if self.baseline is not None:
            self.known = load(self.baseline)
        if self.output is not None:
            folder = os.path.dirname(os.path.abspath(self.output))
            if os.path.isdir(self.output) or not os.path.isdir(folder):
                what = "a folder" if os.path.isdir(self.output) else "in no folder there is"
                raise CredguardError(
                    f"cannot write {self.output}: it is {what}", hint="name a file: --output FILE"
                )


def show(
    shown: Shown, result: Result, started: float, noun: str = "file", maker: Maker | None = None
) -> int:
    """Print or write the report, and tell the person what it leaves out; how many it shows.

    `started`: Unix seconds; `noun`: what was scanned; `maker`: has what was spilled. Raises
    CredguardError.
    """
    found = result.findings
    verified = _verified(shown, found) if shown.verify else None
    maker = maker or shown.maker()
    report = maker.report(found, result.problems, result.scanned, verified)
    report.unchanged = result.unchanged
    report.notes += result.notices
    report.noun = noun
    hidden = len(report.hidden)
    if not shown.allowed:
        report.hidden = []
    text = pieces(
        report,
        shown.style,
        width=terminal.columns(0) if shown.output is None else 0,
        colour=shown.output is None and terminal.coloured(),
        started=started,
        ended=time.time(),
    )
    if shown.output is None:
        for piece in text:
            click.echo(piece, nl=False)
    else:
        _write(shown.output, text)
    for line in told(report, hidden, allowed=shown.allowed, quiet=shown.quiet):
        click.echo(line, err=True)
    return len(report.rows)


def _verified(shown: Shown, found: list[Finding]) -> dict[int, Verdict]:
    """Ask the issuers of what is not known yet; what is sent where is said before."""
    from credguard import config
    from credguard.app.verify import carry_out, plan

    known = shown.known
    fresh = [each for each in found if known is None or known.verdict(each) is None]
    todo = plan(fresh, config.load().verify)
    for line in todo.sends:
        click.echo(f"credguard: --verify sends {line}", err=True)
    if not todo.sends:
        click.echo("credguard: --verify: nothing found that an issuer can be asked about", err=True)
    return carry_out(todo)


def _write(path: str, text: Iterator[str]) -> None:
    from credguard.atomic import open_mode, write_private

    try:
        if os.path.lexists(path) and not os.path.isfile(path):  # /dev/stdout, a FIFO
            # Opened without blocking, as a FIFO that nobody reads never opens; written as usual.
            descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
            with open(descriptor, "w", encoding="utf-8", newline="") as file:
                if hasattr(os, "set_blocking"):
                    os.set_blocking(descriptor, True)
                file.writelines(text)
        else:
            real = os.path.realpath(path)
            write_private(real, (each.encode() for each in text), open_mode(real))
    except OSError as exc:
        raise CredguardError(
            f"cannot write {path}: {exc.strerror}", hint="check the folder and its free space"
        ) from exc


def place(finding: Finding) -> str:
    """Where a finding is, for a person."""
    return f"{path_text(finding.path)}:{finding.line}:{finding.column}"
