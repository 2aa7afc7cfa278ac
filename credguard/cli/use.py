"""`credguard use`: the profile that AWS tools take when none is named."""

import os
import shlex
import sys

import click

from credguard import paths
from credguard.cli import complete
from credguard.cli.ask import confirm
from credguard.cli.env import shell_or_guess

_SHELLS = ("bash", "zsh", "fish", "powershell")


@click.command(epilog="Example: credguard use work --default")
@click.argument("profile", required=False, shell_complete=complete.profiles)
@click.option("--shell", type=click.Choice(_SHELLS), help="Default: from $SHELL.")
@click.option("--none", "no_profile", is_flag=True, help="Undo it, and what env set.")
@click.option("--default", "default", is_flag=True, help="Write [default] of ~/.aws/config.")
@click.option("--yes", is_flag=True, help="Agree to that change beforehand.")
def use(profile: str | None, shell: str | None, no_profile: bool, default: bool, yes: bool) -> None:
    """Make PROFILE what AWS tools take when none is named.

    In one shell: eval "$(credguard use work)" (fish: credguard use work | source). That sets
    AWS_PROFILE and no key; AWS tools then ask credguard and refresh by themselves.

    Everywhere: --default writes one credential_process line into [default] of ~/.aws/config, after
    asking; it replaces no line but our own. Back: credguard use default --default
    """
    from credguard.app import using as app

    if (profile is None) == (not no_profile) or (default and no_profile):
        raise click.UsageError("name a PROFILE, or --none")
    if default and profile is not None:
        _make_default(profile, yes)
        return
    said = app.lines(profile, shell_or_guess(shell))
    sys.stdout.buffer.write(os.fsencode(said))
    if sys.stdout.isatty():
        words = "--none" if profile is None else shlex.quote(profile)
        click.echo(f'nothing changed yet; do: eval "$(credguard use {words})"', err=True)


def _make_default(profile: str, yes: bool) -> None:
    from credguard.app import using as app
    from credguard.app.context import Context

    before = app.now_default()
    if before == profile:
        click.echo(f"[default] hands out profile {profile} already", err=True)
        return
    path = paths.aws_config_file()
    instead = f" instead of {before}" if before else ""
    if not confirm(f"Make [default] in {path} hand out profile {profile}{instead}?", yes=yes):
        return
    note = app.make_default(Context(), profile)
    click.echo(f"[default] in {path} hands out profile {profile} now", err=True)
    if note:
        click.echo(f"note: {note}", err=True)
