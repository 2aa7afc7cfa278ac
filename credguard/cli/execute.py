"""`credguard exec`: one command with a profile's credentials."""

import os
import subprocess
import sys

import click

from credguard.app import execute as app
from credguard.app.context import Context
from credguard.errors import CredguardError


@click.command(
    "exec",
    epilog="Example: credguard exec work -- aws s3 ls",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option("--secret", "secrets", multiple=True, metavar="ENV=NAME", help="Add a named secret.")
@click.argument("profile")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(secrets: tuple[str, ...], profile: str, command: tuple[str, ...]) -> None:
    """Run COMMAND with the credentials of PROFILE in its environment; gives its exit code.

    126: it was found and cannot be run; 127: it was not found, as in a shell.
    """
    environment = app.environment(Context(), profile, list(secrets))
    arguments = list(command[1:] if command[0] == "--" else command)
    if not arguments:
        raise click.UsageError("no command")
    try:
        if sys.platform == "win32":
            raise click.exceptions.Exit(
                subprocess.run(arguments, env=environment, check=False).returncode
            )
        # The command is the person's own, word by word.
        os.execvpe(arguments[0], arguments, environment)  # noqa: S606
    except OSError as exc:
        # POSIX, as of env, nohup and every shell.
        missing = isinstance(exc, FileNotFoundError)
        error = CredguardError(
            f"cannot run {arguments[0]}: {exc.strerror}",
            hint="check the command's name" if missing else "check its mode and its first line",
        )
        error.exit_code = 127 if missing else 126
        raise error from exc
