"""Questions, answered by --yes where nobody is there, and how errors are shown."""

import os
import sys
from collections.abc import Callable

import click

from credguard.errors import Aborted, CredguardError
from credguard.secret import Secret

_LONGEST_CODE = 4096


def confirm(question: str, *, yes: bool, default: bool = False) -> bool:
    """The person's answer; True at once with `yes`. Raises Aborted when nobody can answer."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise Aborted(f"nobody is here to answer: {question}", hint="add --yes to agree beforehand")
    return click.confirm(question, default=default, err=True)


def offer(question: str, *, wanted: bool, ask: bool) -> bool:
    """`wanted` at once; else the person's answer where one is there and `ask`; else False."""
    if wanted or not ask or not sys.stdin.isatty():
        return wanted
    return click.confirm(question, default=False, err=True)


def show_error(error: CredguardError, about: str = "") -> None:
    """Print `error`, after what it is `about` (such as "profile x: "), and its hint on stderr."""
    click.echo(_shown(f"credguard: {about}{error}"), err=True)
    if error.hint:
        click.echo(_shown(f"  hint: {error.hint}"), err=True)


def _shown(text: str) -> str:
    """`text` without what steers a terminal: names in it come from files; line ends stay."""
    from credguard.report.text import printable

    return "\n".join(printable(line) for line in text.split("\n"))


def code_asker() -> Callable[[str], str] | None:
    """Asks a person for an MFA code of the device named; None: nobody is at the terminal."""
    if not sys.stdin.isatty():
        return None

    def ask(serial: str) -> str:
        answer: str = click.prompt(f"MFA code of {serial}", err=True)
        return answer

    return ask


def code_from_stdin() -> Secret:
    """The MFA code that standard input's first line holds. Raises CredguardError: none.

    What follows that line stays unread, for a command that takes over this process.
    """
    line = b""
    while len(line) < _LONGEST_CODE and (byte := os.read(sys.stdin.fileno(), 1)) not in b"\n":
        line += byte
    if not line.strip():
        raise CredguardError("standard input holds no code", hint="give one line: the six digits")
    return Secret(line.strip())


def refuse_terminal(*, force: bool) -> None:
    """Raise CredguardError when standard output is a terminal, which may keep what it shows."""
    if sys.stdout.isatty() and not force:
        raise CredguardError(
            "credentials are not printed to a terminal",
            hint="use a pipe, credguard exec, or --force",
        )
