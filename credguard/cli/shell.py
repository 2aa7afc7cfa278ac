"""`credguard shell`: an interactive shell with a profile's credentials."""

import click

from credguard.cli import complete, options, takeover
from credguard.cli.ask import code_asker, code_from_stdin


@click.command(epilog="Example: credguard shell work")
@click.argument("profile", shell_complete=complete.profiles)
@options.secrets
@options.profile_env
@options.code_stdin
def shell(profile: str, secrets: tuple[str, ...], profile_env: bool, code_stdin: bool) -> None:
    """Start $SHELL with the credentials of PROFILE; leave it with exit, which gives its exit code.

    The prompt of bash, zsh and fish begins with (PROFILE); any other finds it in CREDGUARD_PROFILE.
    """
    from credguard.app import execute as app
    from credguard.app import subshell
    from credguard.app.context import HandingOut

    environment = app.environment(
        HandingOut(),
        profile,
        list(secrets),
        how="shell",
        by_name=profile_env,
        code=code_from_stdin() if code_stdin else None,
        ask=code_asker(),
    )
    takeover.run(*subshell.start(subshell.program(), environment))
