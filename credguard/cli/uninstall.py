"""`credguard uninstall`: undo every change before the program goes."""

import sys

import click

from credguard.errors import CredguardError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.app import uninstall as app


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
    if not app.used():
        write_back, delete_vault = False, True  # nothing to lose, so nothing to ask
    if not yes and None in (write_back, delete_vault) and not sys.stdin.isatty():
        raise CredguardError(
            "uninstall has questions and there is nobody to ask",
            hint="answer them: credguard uninstall --write-back --keep-vault, or --yes",
        )
    if write_back is None:
        write_back = yes or (bool(names) and _ask_write_back(names))
    if delete_vault is None:
        lost = [] if write_back else names
        delete_vault = not yes and _ask_delete(lost, app.held(ctx))
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


def _ask_delete(lost: list[str], held: "app.Held") -> bool:
    click.echo("The vault can stay for a later installation. With it would go for good:", err=True)
    lines = [f"the key of profile {name}: LOST, it is nowhere else" for name in lost]
    lines += [f"the secret {name}" for name in held.secrets]
    lines += [f"{each}: that SSH key never opens again" for each in held.ssh_keys]
    lines += [f"the console password of {who}: copy it first" for who in held.passwords]
    for line in lines or ["nothing that is not elsewhere too"]:
        click.echo(f"  {line}", err=True)
    answer: str = click.prompt(
        "Type 'delete' to delete it, anything else keeps it",
        default="keep",
        show_default=False,
        err=True,
    )
    return answer == "delete"
