"""`credguard secret`: any other secret, by name."""

import json
import sys

import click

from credguard.app import secrets as app
from credguard.app.context import Context
from credguard.cli import complete
from credguard.cli.ask import confirm
from credguard.errors import CredguardError
from credguard.secret import Secret


@click.group(epilog="Example: credguard secret add github-token")
def secret() -> None:
    """Keep any other secret in the vault."""


@secret.command(
    short_help="Store a secret, asked for or from standard input.",
    epilog="Example: credguard secret add github-token",
)
@click.argument("name")
def add(name: str) -> None:
    """Store a secret under NAME: asked for, or one value on standard input."""
    if sys.stdin.isatty():
        value = Secret(click.prompt(f"Value of {name}", hide_input=True, err=True))
    else:
        value = Secret(sys.stdin.buffer.read().removesuffix(b"\n").removesuffix(b"\r"))
    if not app.add(Context(), name, value):
        click.echo(
            f"{name} is kept, but is too short or too regular to be known again in a commit or a"
            " file: rules for all secrets alone look for it there",
            err=True,
        )


@secret.command(epilog="Example: credguard secret get github-token | gh auth login --with-token")
@click.argument("name", shell_complete=complete.secret_names)
@click.option("--force", is_flag=True, help="Print it to a terminal too.")
def get(name: str, force: bool) -> None:
    """Print the secret NAME, to a pipe or a file."""
    if sys.stdout.isatty() and not force:
        raise CredguardError(
            "a secret is not printed to a terminal", hint="use a pipe, exec --secret, or --force"
        )
    value = app.get(Context(), name)
    sys.stdout.buffer.write(value.reveal_bytes() + (b"\n" if sys.stdout.isatty() else b""))
    sys.stdout.flush()


@secret.command("list", epilog="Example: credguard secret list --json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List the names; never the values."""
    names = app.names(Context())
    if as_json:
        click.echo(json.dumps(names, indent=2))
        return
    if not names:
        click.echo("no secrets yet; next: credguard secret add NAME", err=True)
    for name in names:
        click.echo(name)


@secret.command(epilog="Example: credguard secret remove github-token --yes")
@click.argument("name", shell_complete=complete.secret_names)
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, yes: bool) -> None:
    """Delete the secret NAME from the vault."""
    if confirm(f"Delete the secret {name} for good?", yes=yes):
        app.remove(Context(), name)
