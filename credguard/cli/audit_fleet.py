"""`credguard audit --accounts`: many accounts, one view."""

import contextlib
import os
from dataclasses import dataclass

import click

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.app.audit.run import Wanted
    from credguard.app.context import Context
    from credguard.aws.model import Credentials
    from credguard.report.audit import Audit
    from credguard.report.team import Team

_VIEWS = ("text", "json", "html")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a person asked for. `accounts`: as typed; `output`: a folder, None: none is written."""

    accounts: str
    role: str
    style: str
    output: str | None
    hub_region: str | None
    verbose: bool


def refuse(scope: str, style: str, output: str | None) -> None:
    """Raise UsageError where the options do not go together with --accounts."""
    if scope == "self":
        raise click.UsageError("--scope self is about your own user: leave --accounts out")
    if output is None and style not in _VIEWS:
        raise click.UsageError(f"of many accounts {style} is a file each: name a folder, --output")


def run(ctx: "Context", credentials: "Credentials", wanted: "Wanted", chosen: Chosen) -> int:
    """Audit them, show the team's view; gives the exit code."""
    from credguard.app.audit import fleet as app
    from credguard.cli.audit_shown import Progress
    from credguard.report import team

    if chosen.output is not None:
        _folder(chosen.output)
    accounts = tuple(each.strip() for each in chosen.accounts.split(",") if each.strip())
    asked = app.Fleet(accounts, chosen.role, chosen.hub_region)
    with contextlib.closing(Progress("accounts")) as progress:
        made = app.fleet(
            ctx, credentials, wanted, asked, progress=progress,
            keep=lambda each: _keep(each, chosen),
        )  # fmt: skip
    style = chosen.style if chosen.output is None else "text"
    click.echo(view(made, style, verbose=chosen.verbose), nl=False)
    if chosen.output is not None:
        click.echo(f"written: a file an account in {chosen.output}", err=True)
    found = team.totals(made)
    noted = any(each.note for each in made.accounts)
    return 1 if found["FAIL"] else 2 if found["UNKNOWN"] or noted else 0


def view(made: "Team", style: str, *, verbose: bool, person: bool = True) -> str:
    """The team's view as `style`: text, json or html. `person`: it goes to standard output."""
    from credguard.cli.audit_shown import shown_as
    from credguard.report import team

    if style == "json":
        return team.to_json(made)
    if style == "html":
        from credguard.report.team_html import team_html

        return team_html(made)
    from credguard.report.team_text import team_text

    width, paint = shown_as(person=person)
    return team_text(made, width, paint, every=verbose)


def _folder(path: str) -> None:
    from credguard.errors import CredguardError

    try:
        os.makedirs(path, 0o700, exist_ok=True)
    except OSError as error:
        raise CredguardError(
            f"cannot make the folder {path}: {error.strerror}", hint="name another: --output"
        ) from None


def _keep(audit: "Audit", chosen: Chosen) -> None:
    from credguard.atomic import write_private
    from credguard.aws.model import main_region
    from credguard.errors import CredguardError
    from credguard.report.audit_formats import formatted

    if chosen.output is None:
        return
    style = "json" if chosen.style == "text" else chosen.style
    ending = {"sarif": "sarif", "csv": "csv", "html": "html"}.get(style, "json")
    region = chosen.hub_region or main_region(audit.partition)
    path = os.path.join(chosen.output, f"{audit.account}.{ending}")
    try:
        write_private(path, formatted(audit, style, region=region).encode())
    except OSError as error:
        raise CredguardError(
            f"cannot write {path}: {error.strerror}", hint="make room, or name another: --output"
        ) from None
