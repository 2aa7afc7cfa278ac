"""`credguard env`: the lines that give a shell a profile's credentials."""

import os
import sys

import click

from credguard.cli import complete, options
from credguard.cli.ask import code_asker, code_from_stdin, refuse_terminal
from credguard.report import environment as report

_DEFAULT_SHELL = "powershell" if sys.platform == "win32" else None


def shell_or_guess(given: str | None) -> str:
    """The shell that a person named, else the one in $SHELL. Raises Unsupported."""
    return given or _DEFAULT_SHELL or report.shell_of(os.environ.get("SHELL"))


@click.command(epilog="Example: credguard env work --shell fish | source")
@click.argument("profile", shell_complete=complete.profiles)
@click.option("--shell", type=click.Choice(report.SHELLS), help="Default: from $SHELL.")
@options.code_stdin
@click.option("--force", is_flag=True, help="Print them to a terminal too.")
def env(profile: str, shell: str | None, code_stdin: bool, force: bool) -> None:
    """Print the lines that give a shell the credentials of PROFILE.

    bash, zsh: eval "$(credguard env work)"; fish: credguard env work | source; PowerShell:
    credguard env work | Out-String | Invoke-Expression. What is there of other credentials is
    unset. json and dotenv are for programs. Take it back: eval "$(credguard use --none)"
    """
    from credguard.app import environment as app
    from credguard.app.context import HandingOut

    refuse_terminal(force=force)
    app.refuse_nested()
    chosen = shell_or_guess(shell)
    code = code_from_stdin() if code_stdin else None
    found = app.of_profile(HandingOut(), profile, "env", code, code_asker())
    found |= app.of_region(profile)
    sys.stdout.buffer.write(os.fsencode(report.lines(chosen, found, app.cleared())))
