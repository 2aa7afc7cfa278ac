"""`credguard audit fix` and `credguard audit undo`."""

import difflib
import json
import time

import click

from credguard.cli import complete, terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.app.audit.fix import Change
    from credguard.app.context import Context
    from credguard.aws.audit.reader import Reader


@click.command(
    short_help="Put right what a call can; shows it only, without --apply.",
    epilog="Example: credguard audit fix password-policy --apply",
)
@click.argument("checks", nargs=-1, metavar="[CHECK]...")
@click.option("--profile", help="Whose account.", shell_complete=complete.profiles)
@click.option("--regions", metavar="A,B", help="These alone; else all that are enabled.")
@click.option("--resource", "resources", multiple=True, metavar="ARN", help="This thing alone.")
@click.option("--amount", default="", metavar="USD", help="Of the monthly budget to make.")
@click.option("--mail", default="", metavar="ADDRESS", help="Who is told of it.")
@click.option("--apply", "apply_", is_flag=True, help="Do it; asks for each thing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def fix(
    checks: tuple[str, ...], profile: str | None, regions: str | None, resources: tuple[str, ...],
    amount: str, mail: str, apply_: bool, yes: bool,
) -> None:  # fmt: skip
    """Show what would be changed to put each CHECK right, before and after, and do it with --apply.

    Without CHECK: password policy, KMS rotation, trail digests, protection of log groups, EBS
    encryption, public access block of buckets that are not public, and, with --amount and --mail,
    a budget. Only when named: s3-account-block, one rule of a security group (port --resource),
    key-unused. Never: deleting keys, policies or buckets. Each change can be undone.
    """
    from credguard.app import sessions
    from credguard.app.audit import fix as app
    from credguard.app.audit import run as auditing
    from credguard.app.context import Context
    from credguard.app.mfa import Codes
    from credguard.cli import ask

    if amount and not amount.replace(".", "", 1).isdecimal():
        raise click.UsageError("--amount is a number of US dollars")
    options = app.Options(resources, amount, mail)
    chosen = app.chosen(checks, options)
    ctx = Context()
    name = auditing.profile_of(ctx, profile)
    given = sessions.obtain(ctx, name, Codes(ctx, [name], ask=ask.code_asker()))
    wanted = auditing.Wanted(
        profile, tuple(each.strip() for each in (regions or "").split(",") if each.strip())
    )
    reader, plan = app.plan(ctx, given.credentials, wanted, chosen, options)
    failed = _changes(ctx, reader, plan.changes, apply_=apply_, yes=yes)
    for left in plan.left:
        click.echo(f"left alone: {_printable(left)}", err=True)
    if not plan.changes:
        click.echo("nothing to change", err=True)
    elif not apply_:
        _tell_how(plan.changes)
    if failed or plan.left:
        raise click.exceptions.Exit(2)


def _printable(text: str) -> str:
    from credguard.report.text import printable

    return printable(text)


def _changes(
    ctx: "Context", reader: "Reader", changes: "list[Change]", *, apply_: bool, yes: bool
) -> bool:
    from credguard.app.audit import fix as app
    from credguard.cli import ask
    from credguard.errors import Aborted, CredguardError

    failed = False
    for each in changes:
        click.echo(_diff(each))
        if each.warning:
            warning = click.style(f"  warning: {_printable(each.warning)}", fg="yellow")
            click.echo(warning, color=terminal.coloured())
        if not apply_:
            continue
        if each.warning and yes:
            click.echo("left alone: only a person can agree to that, without --yes", err=True)
            failed = True
            continue
        try:
            if not ask.confirm(f"{each.fix.title}: {_printable(each.resource)}?", yes=yes):
                continue
            number = app.apply(ctx, reader, each)
        except Aborted:
            raise
        except CredguardError as error:
            ask.show_error(error)
            failed = True
        else:
            click.echo(f"done; to undo it: credguard audit undo {number}")
    return failed


def _diff(change: "Change") -> str:
    where = f" [{change.region}]" if change.region else ""
    head = f"{change.fix.title}: {_printable(change.resource)}{where}"
    lines = difflib.unified_diff(_lines(change.before), _lines(change.after), n=99, lineterm="")
    body = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
    colours = {"-": "red", "+": "green"}
    coloured = terminal.coloured()
    shown = [
        click.style(f"  {line}", fg=colours.get(line[:1])) if coloured else f"  {line}"
        for line in map(_printable, body)
    ]
    return "\n".join([click.style(head, bold=True) if coloured else head, *shown])


def _lines(state: dict[str, object]) -> list[str]:
    return json.dumps(state, indent=2, sort_keys=True).split("\n") if state else ["(nothing)"]


def _tell_how(changes: "list[Change]") -> None:
    actions = sorted({action for each in changes for action in each.fix.actions})
    click.echo(f"\nnothing was changed; {len(changes)} would be, with --apply")
    click.echo("it takes: " + ", ".join(actions))


@click.command(
    short_help="Put back what a fix changed.", epilog="Example: credguard audit undo --list"
)
@click.argument("number", type=int, required=False)
@click.option("--profile", help="Whose account.", shell_complete=complete.profiles)
@click.option("--list", "list_", is_flag=True, help="List what was changed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def undo(number: int | None, profile: str | None, list_: bool, yes: bool) -> None:
    """Put back what the fix of that NUMBER changed, or the newest one.

    What somebody else changed since is left alone.
    """
    from credguard.app import sessions
    from credguard.app.audit import fix as app
    from credguard.app.audit import run as auditing
    from credguard.app.context import Context
    from credguard.app.mfa import Codes
    from credguard.aws import sts
    from credguard.aws.audit.reader import Reader
    from credguard.aws.clients import region_for
    from credguard.cli import ask
    from credguard.store import audits

    ctx = Context()
    if list_:
        for each in audits.fixes(ctx.db):
            day = time.strftime("%Y-%m-%d %H:%M", time.localtime(each.at))
            click.echo(
                f"{each.id:>4}  {day}  {each.state:<6}  {each.fix}  {_printable(each.resource)}"
            )
        return
    done = app.find(ctx, number)
    click.echo(f"{done.fix} of {_printable(done.resource)}, account {done.account}; it was:")
    click.echo("\n".join(f"  {line}" for line in map(_printable, _lines(done.before))))
    if not ask.confirm("put it back?", yes=yes):
        return
    name = auditing.profile_of(ctx, profile)
    credentials = sessions.obtain(ctx, name, Codes(ctx, [name], ask=ask.code_asker())).credentials
    account = sts.caller_identity(credentials).account
    reader = Reader(credentials, account, region_for(credentials, None))
    click.echo(_printable(app.undo(ctx, reader, done)))
