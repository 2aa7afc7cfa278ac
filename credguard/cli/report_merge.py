"""`credguard report merge`: audits and postures of many as one view."""

import os
import sys
from collections.abc import Iterator

import click

_LARGEST = 256 * 1024 * 1024


@click.command(
    short_help="Audits and postures of many as one view.",
    epilog="Example: credguard report merge audits/*.json postures/",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--format", "style", type=click.Choice(("text", "json", "html")), default="text",
              show_default=True)  # fmt: skip
@click.option("--output", metavar="FILE", help="Write the view to FILE.")
@click.option("--verbose", is_flag=True, help="Every account and check.")
@click.pass_context
def merge(
    click_ctx: click.Context, /, files: tuple[str, ...], style: str, output: str | None,
    verbose: bool,
) -> None:  # fmt: skip
    """Show the audits and postures in each FILE together; of an account or a machine the newest.

    FILE is JSON of `credguard audit --format json` or `credguard posture --json`, or a folder with
    such files. A file that cannot be read is told, and the exit code is 2 then.
    """
    import time

    from credguard.cli import ask
    from credguard.cli import files as files_out
    from credguard.cli.audit_fleet import view
    from credguard.errors import CredguardError
    from credguard.report.team import Merging

    merging, failed = Merging(), False
    for name in _every(files):
        try:
            merging.document(_read(name), name)
        except CredguardError as error:
            ask.show_error(error)
            failed = True
    text = view(merging.team(time.time()), style, verbose=verbose, person=output is None)
    if output is None:
        click.echo(text, nl=False)
    else:
        files_out.write(output, text.encode())
    if failed:
        click_ctx.exit(2)


def _every(files: tuple[str, ...]) -> Iterator[str]:
    """The files, and those that end in .json below the folders, sorted."""
    for each in files:
        if not os.path.isdir(each):
            yield each
            continue
        for folder, folders, names in os.walk(each):
            folders.sort()
            yield from (os.path.join(folder, n) for n in sorted(names) if n.endswith(".json"))


def _read(name: str) -> bytes:
    from credguard.errors import CredguardError
    from credguard.reading import content

    if name == "-":
        return sys.stdin.buffer.read(_LARGEST)
    try:
        return content(name, _LARGEST)
    except OSError as error:
        raise CredguardError(
            f"cannot read {name}: {error.strerror}",
            hint="name a file or a folder; what comes through a pipe is -",
        ) from None
