"""`credguard export`: a profile's credentials for a pipe or a new private file."""

import sys

import click

from credguard.app import exporting as app
from credguard.app.context import Context, HandingOut
from credguard.app.environment import expiration
from credguard.cli import complete, options
from credguard.cli.ask import code_asker, code_from_stdin, refuse_terminal


@click.command(epilog="Example: credguard export work --format env --output work.env")
@click.argument("profile", shell_complete=complete.profiles)
@click.option(
    "--format", "form", type=click.Choice(app.FORMATS), default="env", show_default=True,
    help="env: a .env file; json: variables; credentials: a section for ~/.aws/credentials;"
    " process: as credential_process.",
)  # fmt: skip
@click.option("--output", type=click.Path(), help="A new file, made with mode 0600.")
@options.code_stdin
@click.option("--force", is_flag=True, help="To a terminal, or into a git work tree, too.")
def export(profile: str, form: str, output: str | None, code_stdin: bool, force: bool) -> None:
    """Write the credentials of PROFILE, in plaintext, to a pipe or a new file.

    For what can neither ask a credential_process nor be run by exec, such as a container. The file
    is remembered, and shown by: credguard log
    """
    if output is None:
        refuse_terminal(force=force)
    else:
        app.check_place(output, force=force)
    ctx = HandingOut() if output is None else Context()
    handed = app.obtained(ctx, profile, code_from_stdin() if code_stdin else None, code_asker())
    content = app.text(profile, handed, form)
    if handed.note:
        click.echo(f"credguard: {handed.note}", err=True)
    if output is None:
        sys.stdout.buffer.write(content.reveal_bytes())
        return
    app.write(ctx, profile, handed.credentials.key_id, content, output)
    until = (
        f"until {expiration(handed)}" if handed.credentials.token else "until the key is replaced"
    )
    click.echo(f"{output} holds credentials in plaintext, good {until}: delete it soon", err=True)
