"""`credguard rotate`: replace access keys, or show where each stands."""

import json
import sys
import time
from shlex import quote

import click

from credguard.app import rotate as app
from credguard.app.context import Context
from credguard.app.rotate_status import KeyState, statuses
from credguard.cli import complete, options
from credguard.cli.ask import code_asker, code_from_stdin, confirm
from credguard.report.text import columns
from credguard.report.users import short_names
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
    Action.ABORT: "giving up the new key",
    Action.REVERT: "going back to the old key",
    Action.ACTIVATE_OLD: "activating the old key",
    Action.PROVE_OLD: "proving the old key",
    Action.SWITCH_BACK: "switching back to the old key",
}
_FAILED = {"failed", "asks", "needs-code", "given-up"}
_DECISIONS = ("rollback", "emergency", "lock_out", "rebuild")


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
        "planned": f"would replace key {outcome.old_id}; nothing was changed",
        "midway": f"a rotation is on the way, {outcome.new_id or 'a key to come'} beside"
        f" {outcome.old_id}; nothing was changed",
        "done": f"key {outcome.new_id} took over; {outcome.old_id} is deleted",
        "aborted": "an earlier attempt was cleared away; the key is as it was",
        "given-up": f"no key took over, {outcome.old_id} goes on: the new key was given up"
        + (f": {outcome.why}" if outcome.why else ""),
        "waiting": f"{outcome.why or 'waiting'}; goes on {_when(outcome.until)}",
        "asks": f"needs you: {outcome.why}",
        "locked-out": outcome.why,
        "rebuilt": outcome.why,
    }[outcome.state]
    if outcome.state == "waiting" and outcome.new_id is not None:
        text = f"key {outcome.new_id} beside {outcome.old_id}: {text}"
    click.echo(f"{who}: {text}")
    if outcome.state == "given-up" and outcome.profiles:
        name = outcome.profiles[0]
        click.echo(
            f"  hint: run it again; what happened: credguard log --profile {quote(name)}", err=True
        )
    if outcome.state == "asks":
        name = outcome.profiles[0] if outcome.profiles else "PROFILE"
        click.echo(f"  hint: {_decision(outcome.why, name)}", err=True)


def _decision(why: str, name: str) -> str:
    """What a person can type about a rotation that asks."""
    if why.startswith("blocked"):
        return (
            f"move what uses it, then: credguard rotate {quote(name)} --deactivate;"
            f" or go back: credguard rotate {quote(name)} --rollback"
        )
    if "it was locked out" in why:
        return (
            f"go back to the old key: credguard rotate --rollback {quote(name)};"
            f" or give the rotation up: credguard rotate --rebuild {quote(name)},"
            f" then: credguard add {quote(name)}"
        )
    if "the key in use" in why and "AWS does not accept" in why:
        return (
            f"activate it in the IAM console; or go back to the old key:"
            f" credguard rotate {quote(name)} --rollback"
        )
    if "AWS does not accept" in why and "see the IAM console" in why:
        return (
            f"activate one in the IAM console, then: credguard rotate {quote(name)};"
            f" are they gone for good: credguard rotate --rebuild {quote(name)},"
            f" then: credguard add {quote(name)}"
        )
    if "the vault does not hold" in why:
        return (
            f"restore a backup: credguard vault restore FILE; then: credguard rotate {quote(name)}"
        )
    if "unknown key" in why:
        return (
            f"if it is yours: credguard rotate {quote(name)} --keep KEY_ID; else delete it in IAM"
        )
    if "clock" in why:
        return f"set the clock, then: credguard rotate {quote(name)}"
    if "someone activated" in why or "was used after" in why:
        return f"to go on all the same: credguard rotate {quote(name)} --deactivate"
    return f"look at the user's keys in the IAM console, then: credguard rotate {quote(name)}"


def run(
    ctx: Context,
    names: list[str],
    *,
    all_: bool = False,
    yes: bool = False,
    as_json: bool = False,
    wanted: app.Wanted | None = None,
) -> None:
    """Rotate and report; exit code 2 when any failed or needs a person."""
    wanted = wanted or app.Wanted(yes=yes, on_step=_say, ask=code_asker())
    outcomes = app.rotate(ctx, names, all_=all_, wanted=wanted)
    _tell(outcomes, as_json)
    if not outcomes and not as_json and sys.stderr.isatty():
        click.echo("nothing is due; see: credguard rotate --status", err=True)


def _tell(outcomes: list[app.Outcome], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([_row(each) for each in outcomes], indent=2))
    else:
        for outcome in outcomes:
            _report(outcome)
    if any(each.state in _FAILED for each in outcomes):
        raise click.exceptions.Exit(2)


def _row(each: app.Outcome) -> dict[str, object]:
    return {
        "identity": each.identity,
        "profiles": each.profiles,
        "state": each.state,
        "old_key_id": each.old_id,
        "new_key_id": each.new_id,
        "next_at": each.until,
        "why": str(each.error) if each.error else each.why,
        "hint": each.error.hint if each.error else "",
    }


def _status(ctx: Context, as_json: bool) -> None:
    rows = statuses(ctx)
    if as_json:
        click.echo(json.dumps([_status_row(row) for row in rows], indent=2))
        return
    if not rows:
        click.echo(
            "no profile has a key here; next: credguard import --all"
            " (was the state database lost: credguard vault recover)",
            err=True,
        )
        return
    table = [("USER", "KEY", "STATE", "AGE", "PROFILES", "NEXT", "WHEN")]
    users = short_names(row.identity for row in rows)
    for row in rows:
        age = "UNKNOWN" if row.created is None else f"{(time.time() - row.created) / 86400:.0f} d"
        names = ", ".join(row.profiles) or "-"
        user = users[row.identity]
        table.append((user, row.key_id, row.state, age, names, row.next_step, _when(row.next_at)))
    click.echo("\n".join(columns(table)))
    for row in rows:
        if row.why:
            click.echo(f"{row.key_id}: {row.why}")
            name = next(
                (n for each in rows for n in each.profiles if each.identity == row.identity), ""
            )
            hint = row.hint or _decision(row.why, name or "PROFILE")
            click.echo(f"  hint: {hint}", err=True)


def _status_row(row: KeyState) -> dict[str, object]:
    age = None if row.created is None else (time.time() - row.created) / 86400
    return {
        "identity": row.identity,
        "profiles": row.profiles,
        "key_id": row.key_id,
        "state": row.state,
        "created": row.created,
        "age_days": age,
        "next_step": row.next_step,
        "next_at": row.next_at,
        "why": row.why,
        "hint": row.hint,
    }


@click.command(epilog="Example: credguard rotate work --yes")
@click.argument("profile", nargs=-1, shell_complete=complete.profiles)
@click.option("--all", "all_", is_flag=True, help="Every key, due or not.")
@click.option("--dry-run", is_flag=True, help="Check everything, change nothing.")
@click.option("--status", is_flag=True, help="Show each key, its next step and when.")
@click.option("--yes", is_flag=True, help="Agree, also to unattended rotation from now on.")
@click.option("--rollback", is_flag=True, help="Go back to the old key; until it is deleted.")
@click.option("--emergency", is_flag=True, help="The key leaked: replace it with no grace.")
@click.option("--lock-out", is_flag=True, help="Stop the key at once, without a new one.")
@click.option(
    "--rebuild", is_flag=True, help="Give up a journal that is damaged, or whose keys are gone."
)
@click.option("--deactivate", is_flag=True, help="Deactivate the old key now, used or not.")
@click.option(
    "--keep",
    multiple=True,
    metavar="KEY_ID",
    shell_complete=complete.key_ids,
    help="An unknown key that is yours.",
)
@click.option(
    "--delete-key",
    multiple=True,
    metavar="KEY_ID",
    shell_complete=complete.key_ids,
    help="Delete this key in the way.",
)
@options.code_stdin
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rotate(
    profile: tuple[str, ...],
    all_: bool,
    dry_run: bool,
    status: bool,
    yes: bool,
    keep: tuple[str, ...],
    delete_key: tuple[str, ...],
    deactivate: bool,
    code_stdin: bool,
    as_json: bool,
    **decisions: bool,
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
    if (deactivate or keep or delete_key) and not profile:
        raise click.UsageError("name the PROFILE")
    chosen = [name for name in _DECISIONS if decisions[name]]
    wanted = app.Wanted(
        yes=yes,
        dry_run=dry_run,
        deactivate=deactivate,
        keep=keep,
        delete=delete_key,
        code=code_from_stdin() if code_stdin else None,
        ask=code_asker(),
        on_step=_say,
    )
    if chosen:
        _decide(ctx, chosen, profile, wanted, as_json)
        return
    if delete_key and not dry_run:
        _agree(f"Delete {', '.join(delete_key)} in IAM, for good?", yes=yes)
    if (profile or all_) and not (yes or dry_run or deactivate) and sys.stdin.isatty():
        what = ", ".join(profile) or "all profiles"
        _agree(f"Replace the access key of {what}, and from now on monthly?", yes=False)
        from dataclasses import replace

        wanted = replace(wanted, yes=True)
    run(ctx, list(profile), all_=all_, as_json=as_json, wanted=wanted)


def _agree(question: str, *, yes: bool) -> None:
    if not confirm(question, yes=yes):
        raise click.exceptions.Exit(0)


_QUESTIONS = {
    "rollback": "Go back to the old key of {}?",
    "emergency": "Replace the key of {} now, without a grace for what still uses it?",
    "lock_out": "Stop the key of {} for good? Nothing works with it then, credguard included.",
    "rebuild": "Give up the journal of {}? No key is touched.",
}


def _decide(
    ctx: Context, chosen: list[str], profile: tuple[str, ...], wanted: app.Wanted, as_json: bool
) -> None:
    from credguard.app import rotate_decide
    from credguard.app.rotate_names import identity_of

    (decision, *more) = chosen
    alone = not (more or wanted.dry_run or wanted.deactivate or wanted.keep)
    if not alone or len(profile) != 1 or (wanted.delete and decision != "emergency"):
        raise click.UsageError(
            f"--{decision.replace('_', '-')} takes one PROFILE, and stands alone"
        )
    name = profile[0]
    identity_of(ctx, name)  # a typo is told before anything is asked
    if not confirm(_QUESTIONS[decision].format(name), yes=wanted.yes):
        return
    act = getattr(rotate_decide, decision)
    _tell([act(ctx, name, wanted)], as_json)
