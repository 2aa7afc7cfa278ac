"""`credguard audit`: the account against the list of good habits."""

import contextlib
import shlex
from typing import Any

import click

from credguard.cli import audit_fleet, audit_shown, complete
from credguard.cli.options import code_stdin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.app.context import Context
    from credguard.aws.model import Credentials
    from credguard.report.audit import Audit

_SHOWN = 5
# As in report/audit_formats.py, which --help must not load.
FORMATS = ("text", "json", "html", "csv", "sarif", "asff", "ocsf")


@click.group(invoke_without_command=True, epilog="Example: credguard audit --regions eu-west-1")
@click.option("--profile", help="Whose account; else the only one, or default.",
              shell_complete=complete.profiles)  # fmt: skip
@click.option("--regions", metavar="A,B", help="These alone; else all that are enabled.")
@click.option("--scope", type=click.Choice(["account", "self"]),
              help="self: your own user alone, without rights over the account.")  # fmt: skip
@click.option("--only", multiple=True, metavar="CHECK", help="These checks alone.")
@click.option("--skip", multiple=True, metavar="CHECK", help="Not these checks.")
@click.option("--format", "style", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--output", metavar="FILE", help="Write the report to FILE; a folder for --accounts.")
@click.option("--security-hub", is_flag=True, help="Send it to Security Hub as findings.")
@click.option("--hub-region", metavar="R", help="Where Security Hub is; else the main region.")
@click.option("--accounts", metavar="A,B", help="These accounts, or all of the organization.")
@click.option("--role", help="The role to take in each of the accounts.")
@click.option("--verbose", is_flag=True, help="Everything, what is well too.")
@click.option("--stats", is_flag=True, help="Tell how many requests it took.")
@click.option("--list", "list_", is_flag=True, help="List the checks, and end.")
@code_stdin
@click.pass_context
def audit(click_ctx: click.Context, /, list_: bool, **options: Any) -> None:
    """Check the account against the list of good habits; changes nothing.

    What cannot be read is UNKNOWN, never passed off as well, and the report says which permissions
    to ask for. Exit code 0: all is well, 1: something is wrong, 2: something could not be told.
    """
    if click_ctx.invoked_subcommand is not None:
        given = [name for name in options if _given(click_ctx, name)]
        if given or list_:
            raise click.UsageError("give options after the subcommand's name")
        return
    if list_:
        click.echo(_listed(), nl=False)
        return
    _audit(click_ctx, **options)


def _given(click_ctx: click.Context, name: str) -> bool:
    source = click_ctx.get_parameter_source(name)
    return source is click.core.ParameterSource.COMMANDLINE


def _audit(
    click_ctx: click.Context, *, style: str, output: str | None, verbose: bool, stats: bool,
    security_hub: bool, hub_region: str | None, accounts: str | None, role: str | None,
    **options: Any,
) -> None:  # fmt: skip
    from credguard.app.audit import run as app
    from credguard.app.context import Context
    from credguard.cli import ask
    from credguard.report import audit as report
    from credguard.report.audit_text import stats_text

    wanted = app.Wanted(
        options["profile"],
        tuple(each.strip() for each in (options["regions"] or "").split(",") if each.strip()),
        options["scope"] or "",
        _names(options["only"]),
        _names(options["skip"]),
        " ".join(
            f"--{name} {shlex.quote(options[name])}"
            for name in ("profile", "regions")
            if options[name]
        ),
    )
    if hub_region and not security_hub:
        raise click.UsageError("--hub-region goes with --security-hub")
    if bool(accounts) != bool(role):
        raise click.UsageError("--accounts and --role go together")
    if accounts:
        audit_fleet.refuse(wanted.scope, style, output)
    _few_arenas()
    code = ask.code_from_stdin() if options["code_stdin"] else None
    ctx = Context()
    credentials, wanted = app.opened(ctx, wanted, code=code, ask=ask.code_asker())
    if accounts and role:
        region = _hub_region(credentials, hub_region) if security_hub else None
        chosen = audit_fleet.Chosen(accounts, role, style, output, region, verbose)
        click_ctx.exit(audit_fleet.run(ctx, credentials, wanted, chosen))
    with contextlib.closing(audit_shown.Progress("reading the account")) as progress:
        made = app.audit_with(ctx, credentials, wanted, progress=progress)
    _write(_formatted(ctx, made, style, verbose=verbose, coloured=output is None), output)
    if stats:
        click.echo(stats_text(made), nl=False, err=True)
    untold = security_hub and not _published(credentials, made, hub_region)
    found = report.counts(made)
    if found["FAIL"]:
        click_ctx.exit(1)
    if found["UNKNOWN"] or untold:
        click_ctx.exit(2)


def _few_arenas() -> None:
    """Keep glibc from giving each thread memory of its own: 20 MB, for threads that mostly wait."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(-8, 2)  # M_ARENA_MAX of malloc.h


def _hub_region(credentials: "Credentials", given: str | None) -> str:
    from credguard.aws.clients import region_for

    return given or region_for(credentials, None)


def _published(credentials: "Credentials", made: "Audit", given: str | None) -> bool:
    """Whether Security Hub took everything; what it did not take is told."""
    from credguard.app.audit import hub
    from credguard.report.text import printable

    sent = hub.publish(credentials, made, _hub_region(credentials, given))
    click.echo(f"Security Hub: {sent.opened} findings open, {sent.closed} closed", err=True)
    for note in sent.notes:
        click.echo(f"Security Hub: {printable(note)}", err=True)
    for each in sent.failed[:_SHOWN]:
        text = printable(f"{each.id}: {each.message} ({each.code})")
        click.echo(f"Security Hub did not take {text}", err=True)
    if len(sent.failed) > _SHOWN:
        click.echo(f"Security Hub did not take {len(sent.failed) - _SHOWN} more", err=True)
    return not sent.failed and not sent.notes


def _names(given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.strip() for each in given for name in each.split(",") if name.strip())


def _formatted(
    ctx: "Context", made: "Audit", style: str, *, verbose: bool, coloured: bool
) -> str:  # fmt: skip
    from credguard.report.audit_text import audit_text

    if style != "text":
        from credguard.app.audit.trend import trend
        from credguard.aws.model import main_region
        from credguard.report.audit_formats import formatted

        known = trend(ctx, made.account, made.scope) if style == "html" else ()
        region = made.regions[0] if len(made.regions) == 1 else main_region(made.partition)
        return formatted(made, style, region=region, trend=known)
    width, paint = audit_shown.shown_as(person=coloured)
    return audit_text(made, width, paint, every=verbose)


def _write(text: str, output: str | None) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    from credguard.cli.files import write

    write(output, text.encode())


def _listed() -> str:
    from credguard.audit.table import CHECKS, TIPS

    lines, tip = [], ""
    for each in CHECKS:
        if each.tip != tip:
            tip = each.tip
            lines.append(TIPS[tip])
        marks = [each.severity, *(["self"] if each.own else []), *each.hub]
        lines.append(f"  {each.id:<22} {each.title} ({', '.join(marks)})")
    return "\n".join(lines) + "\n"
