"""`credguard doctor`: look for what is wrong, and say how to mend it."""

import dataclasses
import json
import sys

import click

from credguard.app.context import Context
from credguard.app.doctor import FAIL, Check


@click.group(epilog="Example: credguard doctor rotation work")
def doctor() -> None:
    """Look for what is wrong, and say how to mend it."""


@doctor.command(epilog="Example: credguard doctor rotation work")
@click.argument("profile")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rotation(profile: str, as_json: bool) -> None:
    """Check everything that replacing the key of PROFILE needs; changes nothing.

    Exit code 0: all is well, 2: something is missing or cannot be told.
    """
    from credguard.app import doctor as app
    from credguard.app.rotate import Wanted

    checks = app.rotation(Context(), profile, Wanted())
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(each) for each in checks], indent=2))
    else:
        show(checks)
    if any(each.state == FAIL for each in checks):
        raise click.exceptions.Exit(2)


def show(checks: list[Check]) -> None:
    """One line a check; what is to be done below it."""
    width = max(len(each.name) for each in checks)
    colours = {"ok": "green", "FAIL": "red", "UNKNOWN": "yellow"}
    for each in checks:
        state = f"{each.state:<7}"
        state = click.style(state, colours[each.state]) if sys.stdout.isatty() else state
        click.echo(f"{state} {each.name:<{width}}  {each.said}")
        for line in each.fix.splitlines():
            click.echo(f"        {line}")
