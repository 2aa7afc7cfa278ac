"""`credguard unlock`: open the vault for as long as one works."""

import click

from credguard import config
from credguard.app import unlock as app
from credguard.app.context import Context


@click.command(epilog="Example: credguard unlock --timeout 8h")
@click.option(
    "--timeout", help="Lock it again when it was not used for so long, such as 8h (file only)."
)
def unlock(timeout: str | None) -> None:
    """Open the vault: the file's passphrase goes to the agent; a keyring asks by its own dialog.

    The passphrase is asked for, or comes from CREDGUARD_PASSPHRASE_FD, CREDGUARD_PASSPHRASE_FILE or
    the systemd credential credguard.passphrase.
    """
    timeout_s = None if timeout is None else config.seconds(timeout)
    done = app.unlock(Context(), timeout_s)
    click.echo(done.what, err=True)
