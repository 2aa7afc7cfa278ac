"""`credguard exec`: one command with a profile's credentials."""

import click

from credguard.app import execute as app
from credguard.app.context import HandingOut
from credguard.cli import complete, takeover
from credguard.cli.ask import code_asker, code_from_stdin


@click.command(
    "exec",
    epilog="Example: credguard exec work -- aws s3 ls",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="ENV=NAME",
    help="Add a named secret.",
    shell_complete=complete.secret_pairs,
)
@click.option(
    "--profile-env", is_flag=True, help="Give AWS_PROFILE, not keys: refreshed in a long job."
)
@click.option("--code-stdin", is_flag=True, help="Read an MFA code from standard input's line 1.")
@click.argument("profile", shell_complete=complete.profiles)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(
    secrets: tuple[str, ...],
    profile_env: bool,
    code_stdin: bool,
    profile: str,
    command: tuple[str, ...],
) -> None:
    """Run COMMAND with the credentials of PROFILE in its environment; gives its exit code.

    126: it was found and cannot be run; 127: it was not found, as in a shell. COMMAND takes over
    the process: signals and the terminal are its own. Temporary credentials end; a job that may
    outlast them takes --profile-env.
    """
    words = list(command[1:] if command[0] == "--" else command)
    if not words:
        raise click.UsageError("no command")
    environment = app.environment(
        HandingOut(),
        profile,
        list(secrets),
        by_name=profile_env,
        code=code_from_stdin() if code_stdin else None,
        ask=code_asker(),
    )
    takeover.run(words, environment)
