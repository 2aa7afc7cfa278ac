"""`credguard exec`: one command with a profile's credentials."""

import click

from credguard.cli import complete, options, takeover
from credguard.cli.ask import code_asker, code_from_stdin


@click.command(
    "exec",
    epilog="Example: credguard exec work -- aws s3 ls",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@options.secrets
@options.profile_env
@options.code_stdin
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
    from credguard.app import execute as app
    from credguard.app.context import HandingOut

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
