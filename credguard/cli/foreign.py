"""`credguard import --from`: keys out of another program's store."""

import click

from credguard.app import foreign as app
from credguard.app.context import Context
from credguard.cli.ask import confirm, show_error
from credguard.errors import CredguardError


def import_from(
    tool: str, backend: str, names: list[str], *, used_elsewhere: bool, remove: bool, yes: bool
) -> tuple[list[str], bool]:
    """Take over the keys of `tool`; the profiles that came, and whether one failed."""
    ctx = Context()
    place, store, held, problems = app.found(tool, backend, names)
    for problem in problems:
        click.echo(f"note: not read: {problem}", err=True)
    failed = False
    done: list[str] = []
    for each in held:
        if not confirm(f"Take the key of {each.profile} from {tool} ({place})?", yes=yes):
            continue
        try:
            key = app.take(ctx, each, used_elsewhere=used_elsewhere)
            click.echo(
                f"profile {each.profile}: key {key.key_id} of {key.user_name} is in the vault",
                err=True,
            )
            done.append(each.profile)
            if remove:
                app.remove(ctx, store, each)
                click.echo(f"profile {each.profile}: removed from {tool}", err=True)
        except CredguardError as error:
            failed = True
            show_error(error, f"profile {each.profile}: ")
    if done and not remove:
        click.echo(f"{tool} holds these keys too, as before (--remove takes them out)", err=True)
    return done, failed
