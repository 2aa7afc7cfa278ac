"""The command table, loaded lazily, and the error boundary. UI rules for every command:

Results go to standard output; questions, progress and errors to standard error. An error is one
line `credguard: <what failed on what>`, perhaps a second `  hint: <what to type next>`.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, Never

import click
from click.shell_completion import CompletionItem

from credguard import __version__
from credguard.cli.ask import show_error
from credguard.cli.table import COMMANDS, UNLISTED
from credguard.errors import CredguardError

EXIT_BUG = 3
EXIT_INTERRUPTED = 130


class _OutputGone(Exception):
    """Standard output cannot take more; `args`: the system's error. Past click, which exits 1."""


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise _OutputGone(error) from error


class _Table(click.Group):
    """A group whose commands are imported when they are run; help needs only the table."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        with _told():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context) -> Any:
        with _told():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        load = entry[1] if entry else UNLISTED.get(cmd_name)
        return load() if load else None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        found = [
            CompletionItem(name, help=text)
            for name, (text, _) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (text, _) in COMMANDS.items()])


@click.group(
    cls=_Table,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: credguard init && credguard import --all",
)
@click.version_option(__version__, prog_name="credguard")
def root() -> None:
    """Keep AWS keys in the OS keyring, replace them monthly, keep secrets out of git.

    Exit codes: 0 done or clean, 1 findings, 2 could not do or tell, 3 a bug in credguard,
    130 interrupted.
    """


def _show_usage(error: click.ClickException) -> None:
    """A mistyped command line as every error: what is wrong, and what to type next."""
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    said = error.format_message().rstrip(".")
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(said, err=True)
        return
    command = ctx.command_path if ctx is not None else "credguard"
    show_error(CredguardError(said, hint=f"see: {command} --help"))


def _open_streams() -> None:
    """Fill closed standard streams, so that no file opened later is taken for one of them."""
    if sys.stdin is None:
        sys.stdin = open(os.open(os.devnull, os.O_RDONLY), encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        os.open(os.devnull, os.O_WRONLY)
        raise CredguardError(
            "standard output is closed", hint="send it somewhere: credguard ... > /dev/null"
        )
    if sys.stderr is None:
        sys.stderr = open(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")  # noqa: SIM115


def main() -> Never:
    """Run the command line; the only place that catches broadly and that exits."""
    try:
        _open_streams()
        if "_CREDGUARD_COMPLETE" in os.environ:
            from credguard.cli import completion

            completion.register()
        code = root.main(prog_name="credguard", standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except CredguardError as error:
        show_error(error)
        sys.exit(error.exit_code)
    except click.exceptions.Abort:
        click.echo("credguard: interrupted", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except click.ClickException as error:
        _show_usage(error)
        sys.exit(2)
    except KeyboardInterrupt:
        click.echo("credguard: interrupted", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except (_OutputGone, BrokenPipeError):
        _drop_output()
        sys.exit(2)
    except OSError as error:
        # What no adapter translated is the system's refusal, mostly a full disk under the output.
        _drop_output()
        name = f" {error.filename}" if error.filename else ""
        click.echo(f"credguard: cannot go on{name}: {error.strerror or error}", err=True)
        click.echo("  hint: check the free space and the modes, then run it again", err=True)
        if os.environ.get("CREDGUARD_DEBUG") == "1":
            raise
        sys.exit(2)
    except Exception as error:  # the boundary: a bug must not print a secret's frame
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else "?"
        click.echo(f"credguard: a bug: {type(error).__name__} at {place}", err=True)
        click.echo("  hint: please report it with the command you ran", err=True)
        if os.environ.get("CREDGUARD_DEBUG") == "1":
            raise
        sys.exit(EXIT_BUG)


def _drop_output() -> None:
    """Keep the interpreter from failing once more when it flushes at its end."""
    with contextlib.suppress(OSError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
