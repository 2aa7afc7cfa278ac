"""`credguard add`, `import`, `list`, `remove`."""

from __future__ import annotations

import json
import os
import shlex
import sys
from typing import TYPE_CHECKING

import click

from credguard.app import importing, keys
from credguard.app.context import Context
from credguard.awsfiles import downloaded
from credguard.cli import complete
from credguard.cli.ask import confirm, offer, show_error
from credguard.errors import CredguardError
from credguard.report.text import printable
from credguard.secret import Secret

if TYPE_CHECKING:
    from credguard.awsfiles.files import PlainKey

_LONGEST_INPUT = 4096


@click.command(epilog="Example: credguard add work")
@click.argument("profile", shell_complete=complete.profiles)
def add(profile: str) -> None:
    """Put an access key into the vault under PROFILE.

    Asked for; without a terminal two lines on standard input: the key id, the secret.
    """
    keys.check_name(profile)
    if sys.stdin.isatty():
        key_id = click.prompt("Access key id", err=True).strip()
        secret = Secret(click.prompt("Secret access key", hide_input=True, err=True).strip())
    else:
        lines = sys.stdin.buffer.read(_LONGEST_INPUT).split()
        if len(lines) != 2:
            raise CredguardError(
                "standard input holds no key", hint="give two lines: the key id, then the secret"
            )
        key_id, secret = lines[0].decode("ascii", "replace"), Secret(lines[1])
    key = keys.add(Context(), profile, key_id, secret)
    click.echo(f"profile {profile}: key {key.key_id} of {key.user_name} is in the vault", err=True)


@click.command("import", epilog="Example: credguard import --all")
@click.argument("profile", nargs=-1, shell_complete=complete.plain_profiles)
@click.option("--all", "all_", is_flag=True, help="Every profile with a key in plaintext.")
@click.option("--used-elsewhere", is_flag=True, help="The key is used on other machines too.")
@click.option("--rotate", "rotate_now", is_flag=True, help="Replace each key at once.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
@click.option("--from", "tool", type=click.Choice(["aws-vault", "awskeyring"]), help="Its keys.")
@click.option("--backend", default="", help="With --from: file, pass, secretservice, keychain.")
@click.option("--remove", is_flag=True, help="With --from: remove them there afterwards.")
@click.option("--as", "name", default=None, help="With a file: the profile's name.")
@click.option("--keep", is_flag=True, help="With a file: do not delete it.")
def import_(
    profile: tuple[str, ...],
    all_: bool,
    used_elsewhere: bool,
    rotate_now: bool,
    yes: bool,
    tool: str | None = None,
    backend: str = "",
    remove: bool = False,
    name: str | None = None,
    keep: bool = False,
) -> None:
    """Move keys from ~/.aws/credentials into the vault, or from a downloaded FILE.csv.

    Each is proven with AWS, stored, read back; then AWS tools ask credguard for it and the
    plaintext, or the downloaded file, goes. A key that has lain in plaintext should be replaced:
    --rotate. With --from the keys come out of another program's store, which stays as it is unless
    --remove.
    """
    downloads = [each for each in profile if downloaded.is_file(each)]
    if downloads:
        if len(downloads) < len(profile):
            raise CredguardError("profiles and files together", hint="name one kind at a time")
        _import_files(downloads, name, keep=keep, used_elsewhere=used_elsewhere, rotate=rotate_now)
        return
    if name is not None or keep:
        raise CredguardError("--as and --keep need a file", hint="credguard import accessKeys.csv")
    if tool is not None:
        from credguard.cli.foreign import import_from

        taken, failed = import_from(
            tool, backend, list(profile), used_elsewhere=used_elsewhere, remove=remove, yes=yes
        )
        _end(Context(), taken, rotate_now, failed)
        return
    if backend or remove:
        raise CredguardError("--backend and --remove need --from", hint="add: --from aws-vault")
    plain = importing.chosen(list(profile), all_)
    notes()
    move(
        Context(), plain, used_elsewhere=used_elsewhere, rotate_now=rotate_now, agreed=yes,
        ask=not yes,
    )  # fmt: skip


def _import_files(
    files: list[str], name: str | None, *, keep: bool, used_elsewhere: bool, rotate: bool
) -> None:
    from credguard.app import downloading

    ctx, names, failed = Context(), [], False
    for file in files:
        try:
            moved = downloading.move(ctx, file, name, keep=keep, used_elsewhere=used_elsewhere)
        except CredguardError as error:
            failed = True
            show_error(error, f"{file}: ")
            continue
        for profile, key_id in zip(moved.names, moved.key_ids, strict=True):
            click.echo(f"profile {profile}: key {key_id} is in the vault", err=True)
        what = "is deleted" if moved.deleted else f"stays: {moved.kept}"
        click.echo(f"{printable(file)} {what}", err=True)
        for copy in moved.copies:
            click.echo(f"note: {printable(copy)} holds the secret too: delete it", err=True)
        names += moved.names
    if names and not rotate:
        click.echo(f"next, since it lay in a file: credguard rotate {shlex.join(names)}", err=True)
    _end(ctx, names, rotate, failed)


def _end(ctx: Context, taken: list[str], rotate_now: bool, failed: bool) -> None:
    if rotate_now and taken:
        from credguard.cli.rotate import run

        run(ctx, taken, yes=True)
    if failed:
        raise click.exceptions.Exit(2)


def notes() -> None:
    """Say what a person should know of the files before they are changed."""
    for note in importing.notes():
        click.echo(f"note: {note}", err=True)


def move(
    ctx: Context,
    plain: list[PlainKey],
    *,
    used_elsewhere: bool,
    rotate_now: bool,
    agreed: bool,
    ask: bool,
) -> None:
    """Move the keys `plain`; exit code 2 when one failed.

    `agreed`: a person said yes to all of them. `ask`: the other questions may be asked.
    """
    if not plain:
        click.echo("no key lies in plaintext", err=True)
        return
    done: list[PlainKey] = []
    elsewhere: list[str] = []
    failed = False
    for each in plain:
        if not confirm(f"Move the key of profile {each.profile} into the vault?", yes=agreed):
            continue
        used = offer(
            f"Is the key of {each.profile} used elsewhere (another machine, a server, CI)?",
            wanted=used_elsewhere,
            ask=ask,
        )
        try:
            key = importing.import_key(ctx, each, used_elsewhere=used)
        except CredguardError as error:
            failed = True
            show_error(error, f"profile {each.profile}: ")
            continue
        done.append(each)
        elsewhere += [each.profile] if used else []
        left = os.path.realpath(each.path) in map(os.path.realpath, importing.copies(each))
        click.echo(
            f"profile {each.profile}: key {key.key_id} of {key.user_name} is in the vault"
            + ("" if left else f"; no plaintext is left in {each.path}"),
            err=True,
        )
    _point_out_copies(done)
    _rotate(ctx, [each.profile for each in done], elsewhere, rotate_now, ask)
    if failed:
        raise click.exceptions.Exit(2)


def _point_out_copies(done: list[PlainKey]) -> None:
    for each in done:
        for path in importing.copies(each):
            click.echo(
                f"note: {path} still holds the secret of profile {each.profile}:"
                " delete it there, and replace the key",
                err=True,
            )


def _rotate(
    ctx: Context, names: list[str], elsewhere: list[str], rotate_now: bool, ask: bool
) -> None:
    if not names:
        return
    question = "These keys lay in plaintext. Replace them now?"
    if elsewhere:
        question = (
            f"These keys lay in plaintext. Replace them now? (The other places of"
            f" {', '.join(elsewhere)} need the new key within {ctx.config.rotation.grace}.)"
        )
    if offer(question, wanted=rotate_now, ask=ask):
        from credguard.cli.rotate import run

        run(ctx, names, yes=True)
    else:
        click.echo(
            f"next, since they lay in plaintext: credguard rotate {shlex.join(names)}", err=True
        )


@click.command("list", epilog="Example: credguard list --json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List the profiles in the vault and the keys they hand out."""
    from credguard.app.status import key_list

    rows = key_list(Context())
    if as_json:
        found = [
            {
                "profile": row.profile,
                "key_id": row.key_id,
                "identity": row.identity,
                "age_days": row.age_days,
                "due_in_days": row.due_in_days,
            }
            for row in rows
        ]
        click.echo(json.dumps(found, indent=2))
        return
    if not rows:
        click.echo("no profiles yet; next: credguard import --all", err=True)
        return
    width = max(len(row.profile) for row in rows)
    for row in rows:
        age = "age UNKNOWN" if row.age_days is None else f"{row.age_days:.0f} days old"
        click.echo(f"{row.profile:<{width}}  {row.key_id}  {row.identity}  {age}")


@click.command(epilog="Example: credguard remove old-account --write-back")
@click.argument("profile", shell_complete=complete.profiles)
@click.option("--write-back", is_flag=True, help="Put the key back into ~/.aws/credentials.")
@click.option("--yes", is_flag=True, help="Ask nothing.")
def remove(profile: str, write_back: bool, yes: bool) -> None:
    """Take PROFILE out of the vault; its key is lost unless --write-back or shared."""
    ctx = Context()
    if not write_back:
        from credguard.store.profiles import profile as lookup

        key = lookup(ctx.db, profile).key
        question = f"The vault may hold the only copy of key {key.key_id}. Delete it for good?"
        if not confirm(question, yes=yes):
            return
    gone = keys.remove(ctx, profile, write_back_first=write_back)
    what = "and its key are" if gone else "is; its key stays for other profiles, it is"
    click.echo(f"profile {profile} {what} out of the vault", err=True)
