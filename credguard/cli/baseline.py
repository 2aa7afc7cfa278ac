"""`credguard baseline`: know today's findings, so that only new ones are told."""

import os
import sys
from shlex import quote

import click

from credguard.app import baseline as app
from credguard.app import scan as scanning
from credguard.app.findings import count
from credguard.app.scan import Result
from credguard.cli.findings import place
from credguard.errors import CredguardError
from credguard.report.text import path_text, printable
from credguard.scan.baseline import NOT_A_SECRET, SECRET
from credguard.scan.model import MEDIUM

_FILE = click.option(
    "--file", "name", default=app.FILE, show_default=True, metavar="FILE", help="The baseline."
)


@click.group(epilog="Example: credguard baseline create .")
def baseline() -> None:
    """Keep a list of known findings, which `scan --baseline` leaves out.

    The file is meant to be committed: one finding a line, 24 bits of a keyed fingerprint, no
    value. Give it `merge=union` in .gitattributes, and branches never conflict in it.
    """


@baseline.command(
    epilog="Example: credguard baseline create . --file .credguard.baseline",
    short_help="Write a new baseline of what is found now.",
)
@click.argument("path", nargs=-1, type=click.Path())
@_FILE
def create(path: tuple[str, ...], name: str) -> None:
    """Write a new baseline of what is found now at and below each PATH (the current folder)."""
    if os.path.lexists(name):
        raise CredguardError(
            f"{name} is there already",
            hint=f"bring it up to date: credguard baseline update --file {quote(name)}",
        )
    known = app.new(name)
    change = _scanned(known, path)
    click.echo(f"{name}: {count(change.added, 'finding')}", err=True)
    click.echo("next: commit it, and go through it with: credguard baseline audit", err=True)
    click.echo(f"  so that branches merge: echo '{name} merge=union' >> .gitattributes", err=True)


@baseline.command(
    epilog="Example: credguard baseline update .",
    short_help="Take in what is new, drop what is gone.",
)
@click.argument("path", nargs=-1, type=click.Path())
@_FILE
def update(path: tuple[str, ...], name: str) -> None:
    """Take in what is new at and below each PATH (the baseline's folder), drop what is gone.

    Verdicts stay, and so does what the baseline says of other places.
    """
    known = app.load(name)
    change = _scanned(known, path)
    click.echo(f"{name}: {change.added} new, {change.gone} gone, {change.kept} kept", err=True)


def _scanned(known: app.Known, path: tuple[str, ...]) -> app.Change:
    names, result = _scan(known, path)
    change = app.update(known, result.findings, names, [unread for unread, _ in result.problems])
    known.save()
    if result.problems:
        raise click.exceptions.Exit(2)
    return change


def _scan(known: app.Known, path: tuple[str, ...]) -> tuple[list[str], Result]:
    names = list(path) or [os.path.dirname(known.path) or "."]
    result = scanning.scan_paths(names, scanning.Options(MEDIUM))
    for unread, why in result.problems:
        click.echo(f"credguard: not read: {path_text(unread)}: {why}", err=True)
    return names, result


@baseline.command(
    epilog="Example: credguard baseline audit",
    short_help="Ask of each finding whether it is a secret.",
)
@click.argument("path", nargs=-1, type=click.Path())
@_FILE
def audit(path: tuple[str, ...], name: str) -> None:
    """Show each finding that nobody judged yet, masked, and ask whether it is a secret.

    Every answer is kept at once; stop whenever you like.
    """
    if not sys.stdin.isatty():
        raise CredguardError("an audit needs a terminal", hint="run it at a terminal")
    known = app.load(name)
    _, result = _scan(known, path)
    waiting = app.unaudited(known, result.findings)
    for number, each in enumerate(waiting, 1):
        click.echo(f"\n{number} of {len(waiting)}: {place(each)}", err=True)
        click.echo(
            f"  {printable(each.title)}  {printable(each.masked())}  ({each.rule_id})", err=True
        )
        answer = click.prompt(
            "  a real secret? [y]es, [n]o, [s]kip, [q]uit",
            type=click.Choice(["y", "n", "s", "q"]),
            show_choices=False,
            err=True,
        )
        if answer == "q":
            break
        if answer != "s":
            verdict = SECRET if answer == "y" else NOT_A_SECRET
            known.baseline.add(each, known.inside(each.path), verdict)
            known.save()
    left = len(app.unaudited(known, result.findings))
    real = sum(1 for verdict in known.baseline.entries.values() if verdict == SECRET)
    click.echo(f"{left} left to judge, {real} real; replace those at their issuer", err=True)


@baseline.command(
    name="import",
    epilog="Example: credguard baseline import .secrets.baseline",
    short_help="Take over a baseline of detect-secrets.",
)
@click.argument("theirs", type=click.Path())
@_FILE
def import_(theirs: str, name: str) -> None:
    """Take over a baseline of detect-secrets, verdicts included.

    It is read as data: what it names to be run is told, never run. Its hashes are compared with
    what credguard finds now in the files that it names; the rest stays behind.
    """
    from credguard.app.detect_secrets import take_over

    known = app.load(name) if os.path.lexists(name) else app.new(name)
    taken = take_over(known, app.read(theirs), theirs)
    known.save()
    for each in taken.ignored:
        click.echo(f"credguard: ignored, names code to run: {printable(each)}", err=True)
    for unread, why in taken.unread:
        click.echo(f"credguard: not read: {path_text(unread)}: {why}", err=True)
    click.echo(f"{name}: {count(taken.taken, 'finding')} taken over", err=True)
    if taken.left:
        click.echo(f"{taken.left} left: credguard does not report them", err=True)
    if taken.unread:
        raise click.exceptions.Exit(2)


@baseline.command(
    epilog="Example: credguard baseline export . > .secrets.baseline",
    short_help="Print it as a baseline of detect-secrets.",
)
@click.argument("path", nargs=-1, type=click.Path())
@click.option(
    "--format", "style", type=click.Choice(["detect-secrets"]), default="detect-secrets",
    show_default=True,
)  # fmt: skip
@_FILE
def export(path: tuple[str, ...], style: str, name: str) -> None:
    """Print the baseline as one of detect-secrets, for its own audit and hook.

    That form holds SHA-1 sums without a salt, which whoever reads the file can try guesses against:
    values of under 80 bits are left out.
    """
    from credguard.app.detect_secrets import write_out

    known = app.load(name)
    _, result = _scan(known, path)
    written = write_out(known, result.findings)
    click.echo(written.text, nl=False)
    click.echo(
        "credguard: warning: this form holds unsalted SHA-1 sums; do not publish it", err=True
    )
    click.echo(
        f"{written.written} written; left out: {written.weak} too weak,"
        f" {written.foreign} that detect-secrets does not find",
        err=True,
    )
    if result.problems:
        raise click.exceptions.Exit(2)
