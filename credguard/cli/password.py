"""`credguard password`: change, copy, show and age of a profile's console password."""

import dataclasses
import json
import sys
import time
from shlex import quote

import click

from credguard.app import password as app
from credguard.app.context import Context
from credguard.app.mfa import Codes
from credguard.cli import complete
from credguard.cli.ask import code_asker
from credguard.errors import CredguardError, NeedsCode
from credguard.report.text import columns
from credguard.report.users import short_names
from credguard.secret import Secret

_DAY_S = 86400
_generation = click.option(
    "--generation", type=int, metavar="N", help="One of those that `status` names as possible."
)


@click.group(epilog="Example: credguard password rotate work")
def password() -> None:
    """Change, copy or show a profile's console password."""


@password.command(
    short_help="Replace a console password by a generated one.",
    epilog="Example: credguard password rotate work",
)
@click.argument("profile", shell_complete=complete.profiles)
@click.option("--current-stdin", is_flag=True, help="Read the current password from stdin.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rotate(profile: str, current_stdin: bool, as_json: bool) -> None:
    """Replace the console password of PROFILE's user by a generated one, kept in the vault.

    The first time the current password is asked for. Interrupted at any point, run it again.
    """
    ctx = Context()
    codes = Codes(ctx, [profile], ask=code_asker())
    try:
        outcome = app.rotate(ctx, profile, _current(ctx, profile, current_stdin), codes)
    except NeedsCode as needs:
        if needs.hint == NeedsCode.hint:
            needs.hint = "run it at a terminal, or set mfa_process for the profile in ~/.aws/config"
        raise
    if as_json:
        error = outcome.error
        click.echo(
            json.dumps(
                {
                    "identity": outcome.identity,
                    "profiles": outcome.profiles,
                    "state": outcome.state,
                    "generation": outcome.generation,
                    "changed": outcome.changed,
                    "candidates": list(outcome.candidates),
                    "why": "" if error is None else str(error),
                    "hint": "" if error is None else error.hint,
                },
                indent=2,
            )
        )
        if error is not None:
            raise click.exceptions.Exit(error.exit_code)
    elif outcome.error is not None:
        raise outcome.error
    else:
        click.echo(f"{profile}: the console password is changed and in the vault")
        click.echo(f"  to sign in: credguard password copy {quote(profile)}", err=True)


def _current(ctx: Context, profile: str, from_stdin: bool) -> Secret | None:
    if from_stdin:
        given = sys.stdin.buffer.read().removesuffix(b"\n").removesuffix(b"\r")
    elif app.needs_current(ctx, profile) and sys.stdin.isatty():
        typed: str = click.prompt(
            f"Console password that {profile} signs in with now", hide_input=True, err=True
        )
        given = typed.encode()
    else:
        return None
    if not 0 < len(given) <= 4 * 128:
        raise CredguardError(
            "standard input holds no password", hint="one password, at most 128 characters"
        )
    return Secret(given)


@password.command(
    short_help="Put a console password into the clipboard.",
    epilog="Example: credguard password copy work",
)
@click.argument("profile", shell_complete=complete.profiles)
@click.option("--clear", is_flag=True, help="Empty the clipboard now, if it holds the password.")
@_generation
def copy(profile: str, clear: bool, generation: int | None) -> None:
    """Put PROFILE's console password into the clipboard for `password.clipboard_clear` (45s)."""
    from credguard import clipboard
    from credguard.config import seconds

    ctx = Context()
    tool = clipboard.find()
    if tool is None:
        raise CredguardError(
            "no clipboard tool is here (wl-copy, xclip, xsel, pbcopy, clip.exe)",
            hint=f"install one, or print it: credguard password show {quote(profile)} --force",
        )
    value = app.current(ctx, profile, generation)
    try:
        if clear:
            cleared = clipboard.clear_if(tool, value.reveal_bytes())
            said = "emptied" if cleared else "left alone: it holds something else"
            click.echo(f"the clipboard is {said}", err=True)
            return
        after = seconds(ctx.config.password.clipboard_clear)
        clipboard.copy(tool, value.reveal_bytes())
        try:
            clipboard.clear_later(tool, value.reveal_bytes(), after)
        except clipboard.ClipboardError:
            clipboard.clear_if(tool, value.reveal_bytes())
            raise
    except clipboard.ClipboardError as exc:
        raise CredguardError(
            str(exc), hint=f"print it instead: credguard password show {quote(profile)} --force"
        ) from None
    click.echo(f"copied; the clipboard is emptied in {after} s", err=True)


@password.command(epilog="Example: credguard password show work --force")
@click.argument("profile", shell_complete=complete.profiles)
@click.option("--force", is_flag=True, help="Print it to a terminal too.")
@_generation
def show(profile: str, force: bool, generation: int | None) -> None:
    """Print PROFILE's console password, to a pipe or a file."""
    if sys.stdout.isatty() and not force:
        raise CredguardError(
            "a password is not printed to a terminal",
            hint=f"use: credguard password copy {quote(profile)}; or --force",
        )
    value = app.current(Context(), profile, generation)
    sys.stdout.buffer.write(value.reveal_bytes() + (b"\n" if sys.stdout.isatty() else b""))
    sys.stdout.flush()


@password.command(
    short_help="Show each password's age and when it is due.",
    epilog="Example: credguard password status --json",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """Show each user's password age and when it is due; exit code 2 where that is in doubt.

    UNKNOWN: credguard never changed it, and AWS tells no age.
    """
    rows = app.statuses(Context())
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(row) for row in rows], indent=2))
    else:
        _table(rows)
    if any(row.state == "unknown" for row in rows):
        raise click.exceptions.Exit(2)


def _table(rows: list[app.Row]) -> None:
    now = time.time()
    table = [("USER", "STATE", "AGE", "DUE", "PROFILES")]
    users = short_names(row.identity for row in rows)
    for row in rows:
        age = "UNKNOWN" if row.changed is None else f"{(now - row.changed) / _DAY_S:.0f} d"
        when = "UNKNOWN"
        if row.due_at is not None:
            late = row.due_at <= now
            when = "now" if late else time.strftime("%Y-%m-%d", time.localtime(row.due_at))
        state = row.state
        if len(row.candidates) > 1 or state == "unknown":
            state += f" (one of {', '.join(str(each) for each in row.candidates)})"
        user = users[row.identity] if row.profiles else row.identity
        table.append((user, state, age, when, ", ".join(row.profiles) or "-"))
    click.echo("\n".join(columns(table)))
