"""`credguard hook`: install, remove or look at the git hooks."""

import json
import time
from dataclasses import asdict

import click

from credguard.app import hook as app
from credguard.app import hooktemplate
from credguard.app.context import Context
from credguard.app.findings import FORMATS
from credguard.app.hookshim import CHECKED
from credguard.report.text import printable

_GLOBAL = click.option("--global", "global_", is_flag=True, help="For all your repositories.")
_TEMPLATE = click.option(
    "--template", is_flag=True, help="For every repository made or cloned from now on."
)


@click.group(epilog="Example: credguard hook install")
def hook() -> None:
    """Install, remove or look at the git hooks that keep secrets out of commits."""


def _tell(notes: list[str]) -> None:
    for note in notes:
        click.echo(note, err=True)


@hook.command(
    short_help="Check every commit in a repository, or in all.",
    epilog="Example: credguard hook install ~/src/project",
)
@click.argument("path", required=False)
@_GLOBAL
@_TEMPLATE
def install(path: str | None, global_: bool, template: bool) -> None:
    """Check every commit in the repository around PATH (default: here)."""
    _check(path, global_, template)
    if template:
        _tell(hooktemplate.install(Context()))
        return
    _tell(app.install(Context(), path, global_=global_))


@hook.command(epilog="Example: credguard hook uninstall --global")
@click.argument("path", required=False)
@_GLOBAL
@_TEMPLATE
def uninstall(path: str | None, global_: bool, template: bool) -> None:
    """Remove the hooks and put back what was there before."""
    _check(path, global_, template)
    if template:
        _tell(hooktemplate.uninstall(Context()))
        return
    _tell(app.uninstall(Context(), path, global_=global_))


@hook.command(
    short_help="Show whether git runs the hooks here.",
    epilog="Example: credguard hook status --json",
)
@click.argument("path", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(path: str | None, as_json: bool) -> None:
    """Show whether git runs the hooks in the repository around PATH (default: here)."""
    now = app.status(Context(), path)
    if as_json:
        row = {
            "repository": now.repository,
            "hooks_path": now.hooks_path,
            "state": now.state,
            "global": now.global_,
            "by_config": now.by_config,
            "configured": [asdict(each) for each in now.configured],
        }
        click.echo(json.dumps(row, indent=2))
        return
    how = " (global)" if now.global_ else " (by git's configuration)" if now.by_config else ""
    click.echo(printable(f"{now.state}: {now.hooks_path}{how}"))
    for each in now.configured:
        if not each.ours:
            off = "" if each.enabled else ", switched off"
            said = f"{each.event}: {each.name} ({each.scope}{off}) runs before: {each.command}"
            click.echo(printable(said))
        elif not each.enabled:
            click.echo(printable(f"{each.event}: switched off by hook.*.enabled: {each.name}"))


@hook.command(
    short_help="Look for secrets as one of the hooks does.",
    epilog="Example: credguard hook run pre-commit --format json",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("name", type=click.Choice(CHECKED))
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="For a person on standard error, or for a program on standard output.",
)
def run(name: str, args: tuple[str, ...], format_: str) -> None:
    """Do what the git hook NAME does; ARGS and standard input are those that git gives it.

    For a hook manager such as pre-commit, and for CI.
    Exit code 0: none found, 1: some, 2: it cannot be told.
    """
    from credguard import hookrun

    if format_ == "text":
        raise click.exceptions.Exit(hookrun.run(name, list(args)))
    from credguard.app.scan import Result
    from credguard.cli.findings import Shown, show

    started = time.time()
    found, unread, scanned = hookrun.findings(name, list(args))
    result = Result([hit for hit, _ in found], unread, scanned=scanned)
    if show(Shown(format_), result, started):
        raise click.exceptions.Exit(1)
    if unread:
        raise click.exceptions.Exit(2)


def _check(path: str | None, global_: bool, template: bool) -> None:
    if (path is not None) + global_ + template > 1:
        raise click.UsageError("name one: a PATH, --global or --template")
