"""`credguard hook`: install, remove or look at the git hooks."""

import json

import click

from credguard.app import hook as app
from credguard.app.context import Context

_GLOBAL = click.option("--global", "global_", is_flag=True, help="For all your repositories.")


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
def install(path: str | None, global_: bool) -> None:
    """Check every commit in the repository around PATH (default: here)."""
    _check(path, global_)
    _tell(app.install(Context(), path, global_=global_))


@hook.command(epilog="Example: credguard hook uninstall --global")
@click.argument("path", required=False)
@_GLOBAL
def uninstall(path: str | None, global_: bool) -> None:
    """Remove the hooks and put back what was there before."""
    _check(path, global_)
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
        }
        click.echo(json.dumps(row, indent=2))
        return
    click.echo(f"{now.state}: {now.hooks_path}" + (" (global)" if now.global_ else ""))


def _check(path: str | None, global_: bool) -> None:
    if path is not None and global_:
        raise click.UsageError("name a PATH or --global, not both")
