"""`credguard uninstall`: undo every change before the program goes."""

import sys

import click

from credguard.errors import CredguardError


@click.command(epilog="Example: credguard uninstall --write-back --keep-vault")
@click.option("--yes", is_flag=True, help="Ask nothing: keys are written back, the vault stays.")
@click.option(
    "--write-back/--no-write-back",
    default=None,
    help="Put the keys back into ~/.aws/credentials, in plaintext.",
)
@click.option(
    "--delete-vault/--keep-vault", default=None, help="Delete every secret that the vault holds."
)
def uninstall(yes: bool, write_back: bool | None, delete_vault: bool | None) -> None:
    """Restore hooks and keys and stop the service; ./install.sh --uninstall runs this first.

    Refuses while a rotation is midway. The vault is deleted only on --delete-vault or a clear yes.
    """
    from credguard.app import uninstall as app
    from credguard.app.context import Context

    ctx = Context()
    app.refuse_midway(ctx)
    names = app.installed_profiles(ctx)
    if not yes and None in (write_back, delete_vault) and not sys.stdin.isatty():
        raise CredguardError(
            "uninstall has questions and there is nobody to ask",
            hint="answer them: credguard uninstall --write-back --keep-vault, or --yes",
        )
    if write_back is None:
        write_back = yes or (bool(names) and _ask_write_back(names))
    if delete_vault is None:
        delete_vault = not yes and _ask_delete(names, write_back)
    app.uninstall(ctx, app.Plan(write_back, delete_vault), lambda line: click.echo(line, err=True))
    if names and not write_back:
        click.echo(
            f"the profiles {', '.join(names)} in ~/.aws/config still name credguard as their"
            " credential_process",
            err=True,
        )


def _ask_write_back(names: list[str]) -> bool:
    return click.confirm(
        f"Write the keys of {', '.join(names)} back to ~/.aws/credentials, in plaintext?",
        default=True,
        err=True,
    )


def _ask_delete(names: list[str], write_back: bool) -> bool:
    lost = "" if write_back or not names else f" The keys of {', '.join(names)} are then LOST."
    click.echo(f"The vault can stay for a later installation.{lost}", err=True)
    answer: str = click.prompt(
        "Type 'delete' to delete it, anything else keeps it",
        default="keep",
        show_default=False,
        err=True,
    )
    return answer == "delete"
