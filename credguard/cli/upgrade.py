"""`credguard after-install`: run by install.sh around an upgrade; not in the list of commands."""

import click


@click.command("after-install", hidden=True, epilog="Example: credguard after-install --check")
@click.option("--check", is_flag=True, help="Only tell whether this version can take over.")
def after_install(check: bool) -> None:
    """Bring the state database and installed hooks to this version."""
    from credguard.app import upgrade
    from credguard.app.context import Context

    if check:
        upgrade.check()
        return
    upgrade.finish(Context(), lambda line: click.echo(line, err=True))
