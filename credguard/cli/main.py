"""The command table, loaded lazily, and the error boundary. UI rules for every command:

Results go to standard output; questions, progress and errors to standard error. An error is one
line `credguard: <what failed on what>` and, where there is one, a second line
`  hint: <what to type next>`.
"""

import os
import sys
from collections.abc import Callable
from typing import Never

import click

from credguard import __version__
from credguard.errors import CredguardError

EXIT_BUG = 3
EXIT_INTERRUPTED = 130


def _config() -> click.Command:
    from credguard.cli.config import config

    return config


def _service() -> click.Command:
    from credguard.cli.service import service

    return service


def _status() -> click.Command:
    from credguard.cli.status import status

    return status


_COMMANDS: dict[str, tuple[str, Callable[[], click.Command]]] = {
    "config": ("Read or change a setting.", _config),
    "service": ("Install, remove or look at the background service.", _service),
    "status": ("Show keys, hooks, watched folders and the service.", _status),
}


class _Table(click.Group):
    """A group whose commands are imported when they are run; help needs only the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = _COMMANDS.get(cmd_name)
        return entry[1]() if entry else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (text, _) in _COMMANDS.items()])


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


def show_error(error: CredguardError) -> None:
    """Print `error` and its hint on standard error."""
    click.echo(f"credguard: {error}", err=True)
    if error.hint:
        click.echo(f"  hint: {error.hint}", err=True)


def main() -> Never:
    """Run the command line; the only place that catches broadly and that exits."""
    try:
        code = root.main(prog_name="credguard", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except CredguardError as error:
        show_error(error)
        sys.exit(error.exit_code)
    except click.exceptions.Abort:
        click.echo("credguard: interrupted", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except KeyboardInterrupt:
        click.echo("credguard: interrupted", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
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
