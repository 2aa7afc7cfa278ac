"""`credguard ssh list` and `check`: what there is, and what is wrong with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from credguard.app.context import Context
from credguard.cli import ssh_options

if TYPE_CHECKING:
    from credguard.app.ssh_look import Look, Row
    from credguard.keypairs.check import Problem

_DAY_S = 86400


@click.command(
    "list",
    short_help="List your keys and the account's key pairs.",
    epilog="Example: credguard ssh list --json",
)
@click.option("--local", "local_only", is_flag=True, help="Only what is here; calls nobody.")
@ssh_options.regions
@ssh_options.profile
@click.option("--json", "as_json", is_flag=True, help="Print the keys as JSON.")
def list_(local_only: bool, regions: list[str] | None, profile: str | None, as_json: bool) -> int:
    """The SSH keys here and the EC2 key pairs of all regions: whose, how old, used by what.

    Exit code 2: something could not be read.
    """
    from credguard.app import ssh_look as app

    ctx = Context()
    seen = _look(ctx, local_only, regions, profile)
    rows = app.rows(ctx, seen)
    if as_json:
        click.echo(json.dumps([_row_json(ctx, each) for each in rows], indent=2))
    elif rows:
        _table(ctx, rows)
    else:
        click.echo("no SSH key was made here yet; next: credguard ssh create", err=True)
    return _unread(seen)


def _look(
    ctx: Context,
    local_only: bool,
    regions: list[str] | None,
    profile: str | None,
    *,
    launching: bool = False,
) -> Look:
    from credguard.app import ssh_look as app
    from credguard.store import profiles

    # Without a profile there is no account to ask, and nothing is left out.
    local_only = local_only or (profile is None and not profiles.profiles(ctx.db))
    codes = ssh_options.codes(ctx, profile)
    return app.look(ctx, profile, regions, local_only=local_only, launching=launching, codes=codes)


def _unread(seen: Look) -> int:
    ssh_options.show_errors(seen.failed, "UNKNOWN: ")
    return 2 if seen.failed else 0


def _age(ctx: Context, created: float | None) -> int | None:
    return None if created is None else max(0, int((ctx.now() - created) // _DAY_S))


def _row_json(ctx: Context, row: Row) -> dict[str, object]:
    return {
        "name": row.title,
        "type": row.kind or None,
        "owner": row.owner or None,
        "age_days": _age(ctx, row.created),
        "private_key": row.here or None,
        "state": row.state or None,
        "registered": [{"region": each.region, "key_pair": each.name} for each in row.pairs],
        "running_instances": row.running,
        "problems": [_problem_json(each) for each in row.problems],
    }


def _problem_json(problem: Problem) -> dict[str, str]:
    return {
        "check": problem.check,
        "where": problem.where,
        "subject": problem.subject,
        "text": problem.text,
        "hint": problem.hint,
    }


def _table(ctx: Context, rows: list[Row]) -> None:
    from credguard.report.text import columns

    head = ("NAME", "TYPE", "OWNER", "AGE", "HERE", "REGIONS", "RUNNING", "PROBLEMS")
    cells = [head]
    for row in rows:
        age = _age(ctx, row.created)
        regions = [each.region for each in row.pairs]
        shown = ",".join(regions[:3]) + (f",+{len(regions) - 3}" if len(regions) > 3 else "")
        here = "vault" if row.here == "vault" else "file" if row.here else "-"
        names = ",".join(sorted({each.check for each in row.problems}))
        state = f" ({row.state})" if row.state not in {"", "active"} else ""
        cells.append(
            (
                row.title + state, row.kind or "?", row.owner or "-",
                "?" if age is None else f"{age}d", here, shown or "-", str(row.running),
                names or "-",
            )
        )  # fmt: skip
    click.echo("\n".join(columns(cells)))


@click.command(
    "check",
    short_help="Look for shared, old and unprotected keys.",
    epilog="Example: credguard ssh check --all-regions --json",
)
@click.option("--local", "local_only", is_flag=True, help="Only what is here; calls nobody.")
@ssh_options.regions
@ssh_options.all_regions
@ssh_options.profile
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
def check(
    local_only: bool,
    regions: list[str] | None,
    everywhere: bool,
    profile: str | None,
    as_json: bool,
) -> int:
    """Look for keys that several people share, that are old, or that anybody can read.

    All regions unless some are named. Exit codes: 1 problems; 2 something could not be read.
    """
    from credguard.app import ssh_look as app
    from credguard.report.text import printable

    ssh_options.one_choice(regions, everywhere)
    ctx = Context()
    seen = _look(ctx, local_only, None if everywhere else regions, profile, launching=True)
    problems = app.found(ctx, seen)
    if as_json:
        unknown = [{"what": what, "why": str(error)} for what, error in seen.failed.items()]
        found = [_problem_json(each) for each in problems]
        click.echo(json.dumps({"problems": found, "unknown": unknown}, indent=2))
    else:
        for each in problems:
            click.echo(printable(f"{each.where}: {each.text}  [{each.check}]"))
            click.echo(printable(f"  {each.hint}"))
    unread = _unread(seen)
    if not problems and not unread:
        click.echo("nothing is wrong with the SSH keys that were seen", err=True)
    return unread or (1 if problems else 0)


COMMANDS = (list_, check)
