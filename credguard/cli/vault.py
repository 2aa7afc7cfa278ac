"""`credguard vault`: check it, move it, back it up, restore it."""

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator

import click

from credguard.app import vaults
from credguard.app.context import Context
from credguard.cli.ask import show_error
from credguard.config import BACKENDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.app.recover import Found, Names

_PASSPHRASE = click.option(
    "--passphrase-file",
    type=click.Path(),
    help="File with the backup's passphrase (default: CREDGUARD_PASSPHRASE_FILE, else asked).",
)


@click.group(epilog="Example: credguard vault backup ~/credguard.backup")
def vault() -> None:
    """Check the vault, move it, back it up, restore it."""


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


@vault.command(
    short_help="Move everything into another vault.",
    epilog="Example: credguard vault migrate --to pass --dry-run",
)
@click.option(
    "--to", "target", required=True, type=click.Choice(sorted(BACKENDS)), help="Where to."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be moved.")
@click.option("--keep", is_flag=True, help="Leave everything in the old vault too.")
@click.option("--force", is_flag=True, help="Replace what the new vault holds with another value.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def migrate(target: str, dry_run: bool, keep: bool, force: bool, as_json: bool) -> None:
    """Move every key and secret into another vault: copied, compared, switched, then removed.

    A crash loses nothing: run it again to go on, or with the earlier vault to undo it.
    """
    from credguard.app import migrate as app

    with _progress() as on_item:
        done = app.migrate(
            Context(), target, dry_run=dry_run, keep=keep, force=force, on_item=on_item
        )
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(done), indent=2))
    elif dry_run:
        for item in done.copied:
            click.echo(item)
    for item in done.missing:
        click.echo(f"note: {item} is in neither vault", err=True)
    if not keep:
        for item in done.left:
            click.echo(f"note: {item} stays in {done.source}, with another value", err=True)
    would = "would move" if dry_run else "moved"
    click.echo(f"{would} {len(done.copied)} items: {done.source} -> {done.target}", err=True)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for a person at a terminal; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _what, _done, _of: None
        return
    with Progress(console=console, transient=True) as bar:
        rows = {}

        def on_item(what: str, done: int, of: int) -> None:
            if what not in rows:
                rows[what] = bar.add_task(what, total=of)
            bar.update(rows[what], completed=done)

        yield on_item


@vault.command(epilog="Example: credguard vault recover")
@click.option(
    "--secret", "asked", multiple=True, metavar="NAME", help="A secret's name to list again."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def recover(asked: tuple[str, ...], as_json: bool) -> None:
    """Find the keys again after the state database was lost or damaged.

    A damaged one is first made anew from what can be read of it. Each profile of ~/.aws/config that
    asks credguard is looked up in the vault, its key proven. Secrets are listed again where the
    vault knows their names: the Secret Service, pass and the file do; the keyrings of macOS and
    Windows and KWallet have no list, so name each: --secret NAME.
    """
    from credguard.app import rebuilding
    from credguard.app import recover as app

    ctx = Context()
    done = rebuilding.if_damaged(ctx)
    if done is not None:
        click.echo(f"{done.what}\n{done.hint}", err=True)
    found = app.recover(ctx)
    names = app.Names([], [], [], told=True)
    if ctx.config.vault.backend or asked:  # without the first nothing was ever stored
        names = app.names(ctx, asked)
    if not any(each.problem for each in found):
        rebuilding.recovered(ctx)
    if as_json:
        rows = {"profiles": [dataclasses.asdict(each) for each in found]}
        click.echo(json.dumps(rows | dataclasses.asdict(names), indent=2))
    else:
        for line in _recovered(found, names):
            click.echo(line, err=True)
    if names.absent or any(each.problem for each in found):
        raise click.exceptions.Exit(2)


def _recovered(found: "list[Found]", names: "Names") -> Iterator[str]:
    from credguard.report.text import printable

    for each in found:
        yield f"profile {each.profile}: {each.problem or f'key {each.key_id} is back'}"
    if not found:
        yield "no profile is missing"
    for name in names.secrets:
        yield f"secret {printable(name)}: its name is back"
    for name in names.absent:
        yield f"secret {printable(name)}: the vault holds none of that name"
    if names.others:
        others = printable(", ".join(names.others))
        yield f"the vault also holds what is not known here; it stays there: {others}"
    if not names.told:
        yield (
            "this keyring has no list; secrets whose names were lost are in it still: credguard"
            " vault recover --secret NAME"
        )


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
