"""`credguard watch`: the folders that the background service watches, and what it found there."""

import json

import click


@click.group(epilog="Example: credguard watch add ~/src")
def watch() -> None:
    """Choose the folders that the background service watches; see what it found."""


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


@watch.command(
    "findings",
    short_help="Print the secrets found, and what to do.",
    epilog="Example: credguard watch findings --all --json",
)
@click.option("--all", "all_", is_flag=True, help="Those resolved, allowed and rotated too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def findings(all_: bool, as_json: bool) -> None:
    """Print the secrets found in watched files, and what to do about each. Exit code 1: some."""
    from credguard.app import watch as app
    from credguard.app.context import Context
    from credguard.report.advice import advice
    from credguard.report.text import printable
    from credguard.store.findings import OPEN

    found = app.found(Context(), all_=all_)
    if as_json:
        rows = [
            {
                "id": each.fingerprint[:16],
                "path": each.path,
                "line": each.line,
                "rule": each.rule_id,
                "masked": each.masked,
                "state": each.state,
                "reason": each.reason,
                "own": bool(each.item),
                "first_seen": each.first_seen,
                "last_seen": each.last_seen,
            }
            for each in found
        ]
        click.echo(json.dumps(rows, indent=2))
    for each in () if as_json else found:
        state = "" if each.state == OPEN else f"  {each.state}"
        state += f" ({each.reason})" if each.reason else ""
        click.echo(printable(f"{each.path}:{each.line}  {each.rule_id}  {each.masked}{state}"))
        if each.state == OPEN:
            click.echo(printable(f"  {advice(each.path, {each.rule_id}, each.item)}"))
    if not found and not as_json:
        click.echo("nothing was found in watched files", err=True)
    if any(each.state == OPEN for each in found):
        raise click.exceptions.Exit(1)


@watch.command(
    "allow",
    short_help="Let what was found at PLACE pass.",
    epilog="Example: credguard watch allow ~/src/app/sample.env --reason sample",
)
@click.argument("place")
@click.option("--reason", default="", help="Why; it stays with the finding.")
@click.option("--undo", is_flag=True, help="Take it back.")
def allow(place: str, reason: str, undo: bool) -> None:
    """Let what was found at PLACE pass: a file, FILE:LINE, or a finding's id.

    On this machine only: the git hook and others' machines go by .credguard.toml and marks.
    """
    from credguard.app import watch as app
    from credguard.app.context import Context

    ctx = Context()
    chosen = app.take_back(ctx, place) if undo else app.allow(ctx, place, reason)
    word = "open again" if undo else "allowed"
    click.echo(f"{word}: {len(chosen)} at {place}", err=True)
