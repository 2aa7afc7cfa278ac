"""`credguard lock`: close the vault until it is unlocked again."""

import click

from credguard.app import unlock as app
from credguard.app.context import Context


@click.command(epilog="Example: credguard lock")
def lock() -> None:
    """Make the agent forget passphrase and sessions, and lock the keyring where it can be."""
    done = app.lock(Context())
    click.echo(done.what, err=True)
    if done.note:
        click.echo(f"note: {done.note}", err=True)
