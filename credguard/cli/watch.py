"""`credguard watch`: the folders that the background service watches."""

import json

import click


@click.group(epilog="Example: credguard watch add ~/src")
def watch() -> None:
    """Choose the folders that the background service watches."""


@watch.command("add", epilog="Example: credguard watch add ~/src")
@click.argument("path")
def add(path: str) -> None:
    """Watch the folder PATH and everything below it."""
    from credguard.app import watch as app
    from credguard.app.context import Context
    from credguard.app.status import daemon_state

    full = app.add(Context(), path)
    click.echo(f"watching {full}", err=True)
    if daemon_state() == "stopped":
        click.echo("  the service is not running, start it: credguard service install", err=True)


@watch.command("remove", epilog="Example: credguard watch remove ~/src")
@click.argument("path")
def remove(path: str) -> None:
    """Stop watching the folder PATH."""
    from credguard.app import watch as app
    from credguard.app.context import Context

    app.remove(Context(), path)


@watch.command("list", epilog="Example: credguard watch list --json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """Print the watched folders."""
    from credguard.app import watch as app
    from credguard.app.context import Context

    roots = app.roots(Context())
    if as_json:
        click.echo(json.dumps(roots, indent=2))
        return
    if not roots:
        click.echo("no folder is watched; next: credguard watch add PATH", err=True)
        return
    from credguard.report.text import printable

    for root in roots:
        click.echo(printable(root))
