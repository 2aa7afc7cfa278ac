"""`credguard log`: what happened to the keys, and who got them, newest last."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import click

from credguard.cli import complete, terminal

if TYPE_CHECKING:
    from credguard.app.context import Context
    from credguard.report.log import Entry

# Quiet: routine is dim, what a person should have meant to do stands out.
_DIM = ("handout",)
_LOUD = (
    "leak.answered",
    "leak.failed",
    "leak.out",
    "password.read",
    "password.unknown",
    "profile.exported",
    "profile.removed",
    "profile.written_back",
    "rotation.aborting",
    "rotation.asks",
    "rotation.emergency",
    "rotation.locked_out",
    "rotation.reverting",
    "secret.read",
    "secret.removed",
)


@click.command(epilog="Example: credguard log --profile work --kind handout --since 7d")
@click.option(
    "--profile",
    metavar="NAME",
    shell_complete=complete.profiles,
    help="Only of this profile and its key's rotations.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="KIND",
    help="Only handout, rotation, leak, finding, problem, audit, password, profile, user, secret,"
    " vault, ssh; or a whole kind such as password.read. May be given again.",
)
@click.option(
    "--since", metavar="WHEN", help="Not older: 7d, 12h, yesterday, or 2026-11-01 (local time)."
)
@click.option("--until", metavar="WHEN", help="Older than that, written in the same way.")
@click.option(
    "--key",
    "key_id",
    metavar="KEY_ID",
    shell_complete=complete.key_ids,
    help="Only of this access key.",
)
@click.option(
    "-n", "limit", type=click.IntRange(1), default=50, show_default=True, help="The newest N."
)
@click.option(
    "-f", "--follow", is_flag=True, help="Go on with what is recorded, until interrupted."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.option("--jsonl", "as_jsonl", is_flag=True, help="Print one JSON object a line.")
@click.option("--verify", is_flag=True, help="Only tell whether the log was edited; exit 1 if so.")
def log(
    profile: str | None,
    kinds: tuple[str, ...],
    since: str | None,
    until: str | None,
    key_id: str | None,
    limit: int,
    follow: bool,
    as_json: bool,
    as_jsonl: bool,
    verify: bool,
) -> None:
    """Show what happened to the keys, and which program got one, newest last."""
    from credguard.app import log as app
    from credguard.app.context import Context
    from credguard.report.log import entry_json

    if follow and (as_json or verify):
        raise click.UsageError("--follow goes with text or --jsonl")
    if follow and until:
        raise click.UsageError("--follow goes on for ever, so not with --until")
    ctx = Context()
    if verify:
        _verify(ctx, as_json or as_jsonl)
        return
    query = app.Query(
        limit,
        profile,
        frozenset(kinds),
        key_id,
        None if since is None else app.moment(since, ctx.now()),
        None if until is None else app.moment(until, ctx.now()),
    )
    if as_json:
        click.echo(json.dumps([entry_json(each) for each in app.entries(ctx, query)], indent=2))
        return
    shown = 0
    for entry in app.follow(ctx, query) if follow else app.entries(ctx, query):
        _print(entry, as_jsonl)
        shown += 1
    if not shown and not as_jsonl:
        click.echo("nothing in the log fits", err=True)


def _print(entry: Entry, as_jsonl: bool) -> None:
    from credguard.report.log import entry_json, local_time, sentence

    if as_jsonl:
        click.echo(json.dumps(entry_json(entry)))
        return
    # click takes the colours out again where there are to be none.
    text = sentence(entry)
    if entry.kind in _LOUD:
        text = click.style(text, fg="yellow")
    elif entry.kind in _DIM:
        text = click.style(text, dim=True)
    click.echo(f"{click.style(local_time(entry.at), dim=True)}  {text}", color=terminal.coloured())


def _verify(ctx: Context, as_json: bool) -> None:
    from credguard.app import log as app

    verdicts = app.verify(ctx)
    if as_json:
        rows = {name: dataclasses.asdict(each) for name, each in verdicts.items()}
        click.echo(json.dumps(rows, indent=2))
    else:
        for name, each in verdicts.items():
            state = "intact" if each.broken_at is None else f"broken at row {each.broken_at}"
            older = f", {each.unchained} from before the chain" if each.unchained else ""
            click.echo(f"{name}: {state}; {each.checked} rows follow from each other{older}")
        click.echo(
            "this shows accidents and crude edits; who can write the file can forge all of it",
            err=True,
        )
    if any(each.broken_at is not None for each in verdicts.values()):
        raise click.exceptions.Exit(1)
