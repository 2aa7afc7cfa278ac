"""`credguard rotate`: replace access keys, or show where each stands."""

import json
import sys
import time

import click

from credguard.app import rotate as app
from credguard.app.context import Context
from credguard.cli.ask import confirm
from credguard.rotation.model import Action, Step

_SAID = {
    Action.NOTE_STRAY: "a key was made by a request whose answer was lost",
    Action.DISABLE_STRAY: "deactivating that key",
    Action.DELETE_STRAY: "deleting that key",
    Action.PROVE: "proving the new key",
    Action.SWITCH: "switching to the new key",
    Action.DEACTIVATE: "deactivating the old key",
    Action.DELETE_OLD: "deleting the old key",
    Action.DELETE_NEW: "deleting the new key",
}


def _say(identity: str, step: Step) -> None:
    said = _SAID.get(step.action) or (step.why if step.why == "creating a key" else "")
    if said:
        click.echo(f"{identity.rsplit('/', 1)[-1]}: {said} {step.key_id}".rstrip(), err=True)


def _when(at: float | None) -> str:
    if at is None:
        return "-"
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) if at > time.time() else "now"


def _report(outcome: app.Outcome) -> None:
    who = ", ".join(outcome.profiles) or outcome.identity
    if outcome.error is not None:
        click.echo(f"credguard: {who}: {outcome.error}", err=True)
        if outcome.error.hint:
            click.echo(f"  hint: {outcome.error.hint}", err=True)
        return
    text = {
        "planned": f"would replace key {outcome.old_id}",
        "done": f"key {outcome.new_id} took over; {outcome.old_id} is deleted",
        "aborted": "an earlier attempt was cleared away; the key is as it was",
        "waiting": f"{outcome.why or 'waiting'}; goes on {_when(outcome.until)}",
        "asks": f"needs you: {outcome.why}; see: credguard rotate --status",
    }[outcome.state]
    if outcome.state == "waiting" and outcome.new_id is not None:
        text = f"key {outcome.new_id} beside {outcome.old_id}: {text}"
    click.echo(f"{who}: {text}")


def run(
    ctx: Context,
    names: list[str],
    *,
    all_: bool = False,
    dry_run: bool = False,
    yes: bool = False,
    keep: tuple[str, ...] = (),
    as_json: bool = False,
) -> None:
    """Rotate and report; exit code 2 when any failed or needs a person."""
    outcomes = app.rotate(ctx, names, all_=all_, dry_run=dry_run, yes=yes, keep=keep, on_step=_say)
    if as_json:
        rows = [
            {
                "identity": each.identity,
                "profiles": each.profiles,
                "state": each.state,
                "old_key_id": each.old_id,
                "new_key_id": each.new_id,
                "next_at": each.until,
                "why": str(each.error) if each.error else each.why,
            }
            for each in outcomes
        ]
        click.echo(json.dumps(rows, indent=2))
    else:
        for outcome in outcomes:
            _report(outcome)
        if not outcomes and sys.stderr.isatty():
            click.echo("nothing is due; see: credguard rotate --status", err=True)
    if any(each.state in {"failed", "asks"} for each in outcomes):
        raise click.exceptions.Exit(2)


def _status(ctx: Context, as_json: bool) -> None:
    rows = app.statuses(ctx)
    if as_json:
        found = [
            {
                "identity": row.identity,
                "profiles": row.profiles,
                "key_id": row.key_id,
                "state": row.state,
                "created": row.created,
                "next_step": row.next_step,
                "next_at": row.next_at,
            }
            for row in rows
        ]
        click.echo(json.dumps(found, indent=2))
        return
    table = [("USER", "KEY", "STATE", "AGE", "PROFILES", "NEXT", "WHEN")]
    for row in rows:
        age = "UNKNOWN" if row.created is None else f"{(time.time() - row.created) / 86400:.0f} d"
        names = ", ".join(row.profiles) or "-"
        user = row.identity.rsplit("/", 1)[-1]
        table.append((user, row.key_id, row.state, age, names, row.next_step, _when(row.next_at)))
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for line in table:
        click.echo("  ".join(f"{cell:<{w}}" for cell, w in zip(line, widths, strict=True)).rstrip())


@click.command(epilog="Example: credguard rotate work --yes")
@click.argument("profile", nargs=-1)
@click.option("--all", "all_", is_flag=True, help="Every key, due or not.")
@click.option("--dry-run", is_flag=True, help="Check everything, change nothing.")
@click.option("--status", is_flag=True, help="Show each key, its next step and when.")
@click.option("--yes", is_flag=True, help="Agree, also to unattended rotation from now on.")
@click.option("--keep", multiple=True, metavar="KEY_ID", help="An unknown key that is yours.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rotate(
    profile: tuple[str, ...],
    all_: bool,
    dry_run: bool,
    status: bool,
    yes: bool,
    keep: tuple[str, ...],
    as_json: bool,
) -> None:
    """Replace access keys through IAM: of each PROFILE, of all, or of those that are due.

    Create, store, prove, switch; after the grace the old key is deactivated, after the soak
    deleted, by the background service or the next run. Interrupted at any point, run it again.
    """
    ctx = Context()
    if status:
        _status(ctx, as_json)
        return
    if profile and all_:
        raise click.UsageError("name profiles or --all, not both")
    if (profile or all_) and not yes and not dry_run and sys.stdin.isatty():
        what = ", ".join(profile) or "all profiles"
        yes = confirm(f"Replace the access key of {what}, and from now on monthly?", yes=False)
        if not yes:
            return
    run(
        ctx,
        list(profile),
        all_=all_,
        dry_run=dry_run,
        yes=yes,
        keep=keep,
        as_json=as_json,
    )
