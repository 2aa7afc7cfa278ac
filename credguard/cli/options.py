"""Options that several commands have in common."""

import click

from credguard.cli import complete

code_stdin = click.option(
    "--code-stdin", is_flag=True, help="Read an MFA code from standard input's line 1."
)
secrets = click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="ENV=NAME",
    help="Add a named secret.",
    shell_complete=complete.secret_pairs,
)
profile_env = click.option(
    "--profile-env", is_flag=True, help="Give AWS_PROFILE, not keys: refreshed in a long job."
)
