"""`credguard init`: choose the vault and set everything up."""

import click

from credguard.app import init as app
from credguard.app.context import Context
from credguard.cli.ask import offer
from credguard.config import BACKENDS


@click.command(epilog="Example: credguard init --yes --import --hook --service")
@click.option("--vault", "backend", type=click.Choice(sorted(BACKENDS)), help="Take this vault.")
@click.option("--import", "import_keys", is_flag=True, help="Import all keys in plaintext.")
@click.option("--hook", is_flag=True, help="Install the git hook for all your repositories.")
@click.option("--service", is_flag=True, help="Install and start the background service.")
@click.option("--yes", is_flag=True, help="Ask nothing; do what the options name.")
def init(backend: str | None, import_keys: bool, hook: bool, service: bool, yes: bool) -> None:
    """Choose the vault (OS keyring, else an encrypted file) and set everything up."""
    ctx = Context()
    chosen = app.choose_vault(ctx, backend)
    for problem in chosen.tried.values():
        click.echo(f"not chosen: {problem}", err=True)
    click.echo(f"vault: {chosen.backend}" + (" (as before)" if chosen.kept else ""), err=True)
    _import(ctx, import_keys, yes)
    if offer("Check every commit in all your repositories?", wanted=hook, ask=not yes):
        from credguard.app import hook as hooks

        for note in hooks.install(ctx, None, global_=True):
            click.echo(note, err=True)
    if offer("Run the background service (rotation, folders)?", wanted=service, ask=not yes):
        from credguard.app import service as services

        services.install()
        click.echo("the background service is installed", err=True)


def _import(ctx: Context, wanted: bool, yes: bool) -> None:
    from credguard.app import importing

    plain = importing.found()
    if not plain:
        return
    from credguard.cli.keys import move, notes

    notes()
    names = ", ".join(each.profile for each in plain)
    if offer(f"Keys lie in plaintext ({names}). Move them in?", wanted=wanted, ask=not yes):
        move(ctx, plain, used_elsewhere=False, rotate_now=False, agreed=True, ask=not yes)
    else:
        click.echo(f"keys lie in plaintext ({names}); next: credguard import --all", err=True)
