"""`credguard vault`: check it, back it up, restore it."""

import dataclasses
import json

import click

from credguard.app import vaults
from credguard.app.context import Context
from credguard.cli.ask import show_error

_PASSPHRASE = click.option(
    "--passphrase-file",
    type=click.Path(),
    help="File with the backup's passphrase (default: CREDGUARD_PASSPHRASE_FILE, else asked).",
)


@click.group(epilog="Example: credguard vault backup ~/credguard.backup")
def vault() -> None:
    """Check the vault, back it up, restore it."""


@vault.command(epilog="Example: credguard vault check")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(as_json: bool) -> None:
    """Write, read and remove a canary item."""
    ctx = Context()
    state = vaults.state(ctx)
    if as_json:
        click.echo(json.dumps({"backend": ctx.config.vault.backend, "state": state}))
    else:
        click.echo(f"{state}: {vaults.where(ctx)}")


@vault.command(
    short_help="Write everything into an encrypted file.",
    epilog="Example: credguard vault backup ~/credguard.backup",
)
@click.argument("file", type=click.Path(dir_okay=False))
@_PASSPHRASE
def backup(file: str, passphrase_file: str | None) -> None:
    """Write everything in the vault into FILE, encrypted under a passphrase."""
    count = vaults.backup(Context(), file, passphrase_file)
    click.echo(f"{count} secrets are in {file}", err=True)


@vault.command(epilog="Example: credguard vault recover")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def recover(as_json: bool) -> None:
    """Find the keys again after the state database was lost.

    Each profile of ~/.aws/config that asks credguard is looked up in the vault, its key proven.
    """
    from credguard.app import recover as app

    found = app.recover(Context())
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(each) for each in found], indent=2))
    for each in found if not as_json else []:
        said = each.problem or f"key {each.key_id} is back"
        click.echo(f"profile {each.profile}: {said}", err=True)
    if not found and not as_json:
        click.echo("no profile is missing", err=True)
    if any(each.problem for each in found):
        raise click.exceptions.Exit(2)


@vault.command(epilog="Example: credguard vault restore ~/credguard.backup")
@click.argument("file", type=click.Path(dir_okay=False))
@_PASSPHRASE
@click.option("--force", is_flag=True, help="Replace what the vault holds with another value.")
def restore(file: str, passphrase_file: str | None, force: bool) -> None:
    """Put what the backup FILE holds back into the vault."""
    done = vaults.restore(Context(), file, passphrase_file, force=force)
    for name in done.kept:
        click.echo(
            f"kept, since it differs from the backup: {name} (--force replaces it)", err=True
        )
    for name in done.other_keys:
        click.echo(f"profile {name} keeps the key it has, not the backup's", err=True)
    added = f"; profiles added: {', '.join(done.profiles)}" if done.profiles else ""
    click.echo(f"{done.items} secrets read from {file}{added}", err=True)
    for error in done.failed:
        show_error(error)
    if done.failed:
        raise click.exceptions.Exit(2)
