"""The command table, loaded lazily, and the error boundary. UI rules for every command:

Results go to standard output; questions, progress and errors to standard error. An error is one
line `credguard: <what failed on what>` and, where there is one, a second line
`  hint: <what to type next>`.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, Never

import click
from click.shell_completion import CompletionItem

from credguard import __version__
from credguard.cli.ask import show_error
from credguard.errors import CredguardError

EXIT_BUG = 3
EXIT_INTERRUPTED = 130


def _add() -> click.Command:
    from credguard.cli.keys import add

    return add


def _agent() -> click.Command:
    from credguard.cli.agent import agent

    return agent


def _baseline() -> click.Command:
    from credguard.cli.baseline import baseline

    return baseline


def _completion() -> click.Command:
    from credguard.cli.completion import completion

    return completion


def _config() -> click.Command:
    from credguard.cli.config import config

    return config


def _daemon() -> click.Command:
    from credguard.cli.daemon import daemon

    return daemon


def _doctor() -> click.Command:
    from credguard.cli.doctor import doctor

    return doctor


def _demo() -> click.Command:
    from credguard.cli.demo import demo

    return demo


def _env() -> click.Command:
    from credguard.cli.env import env

    return env


def _exec() -> click.Command:
    from credguard.cli.execute import execute

    return execute


def _export() -> click.Command:
    from credguard.cli.export import export

    return export


def _hook() -> click.Command:
    from credguard.cli.hook import hook

    return hook


def _import() -> click.Command:
    from credguard.cli.keys import import_

    return import_


def _init() -> click.Command:
    from credguard.cli.init import init

    return init


def _list() -> click.Command:
    from credguard.cli.keys import list_

    return list_


def _lock() -> click.Command:
    from credguard.cli.lock import lock

    return lock


def _log() -> click.Command:
    from credguard.cli.log import log

    return log


def _login() -> click.Command:
    from credguard.cli.login import login

    return login


def _password() -> click.Command:
    from credguard.cli.password import password

    return password


def _remove() -> click.Command:
    from credguard.cli.keys import remove

    return remove


def _rotate() -> click.Command:
    from credguard.cli.rotate import rotate

    return rotate


def _scan() -> click.Command:
    from credguard.cli.scan import scan

    return scan


def _secret() -> click.Command:
    from credguard.cli.secret import secret

    return secret


def _service() -> click.Command:
    from credguard.cli.service import service

    return service


def _shell() -> click.Command:
    from credguard.cli.shell import shell

    return shell


def _ssh() -> click.Command:
    from credguard.cli.ssh import ssh

    return ssh


def _status() -> click.Command:
    from credguard.cli.status import status

    return status


def _unlock() -> click.Command:
    from credguard.cli.unlock import unlock

    return unlock


def _uninstall() -> click.Command:
    from credguard.cli.uninstall import uninstall

    return uninstall


def _use() -> click.Command:
    from credguard.cli.use import use

    return use


def _vault() -> click.Command:
    from credguard.cli.vault import vault

    return vault


def _watch() -> click.Command:
    from credguard.cli.watch import watch

    return watch


_COMMANDS: dict[str, tuple[str, Callable[[], click.Command]]] = {
    "add": ("Put an access key into the vault under a profile.", _add),
    "agent": ("Run, stop or look at the agent that hands out credentials.", _agent),
    "baseline": ("Keep a list of findings that are known.", _baseline),
    "completion": ("Print the script that makes TAB complete.", _completion),
    "config": ("Read or change a setting.", _config),
    "daemon": ("Run the background service in the foreground.", _daemon),
    "demo": ("Show the main job in a throw-away home.", _demo),
    "doctor": ("Look for what is wrong, and say how to mend it.", _doctor),
    "env": ("Print the lines that give a shell a profile's credentials.", _env),
    "exec": ("Run a command with a profile's credentials.", _exec),
    "export": ("Write credentials to a pipe or a new file.", _export),
    "hook": ("Install, remove or look at the git hooks.", _hook),
    "import": ("Move keys from ~/.aws/credentials into the vault.", _import),
    "init": ("Choose the vault and set everything up.", _init),
    "list": ("List the profiles in the vault.", _list),
    "lock": ("Close the vault until it is unlocked again.", _lock),
    "log": ("Show what happened to the keys, and who got them.", _log),
    "login": ("Open the AWS console in a browser as a profile.", _login),
    "password": ("Change, copy or show a console password.", _password),
    "remove": ("Take a profile out of the vault.", _remove),
    "rotate": ("Replace access keys through IAM.", _rotate),
    "scan": ("Look for secrets in files or in what is staged.", _scan),
    "secret": ("Keep any other secret in the vault.", _secret),
    "service": ("Install, remove or look at the background service.", _service),
    "shell": ("Start a shell with a profile's credentials.", _shell),
    "ssh": ("Make and list your own SSH keys in EC2.", _ssh),
    "status": ("Show keys, hooks, watched folders and the service.", _status),
    "unlock": ("Open the vault for as long as you work.", _unlock),
    "uninstall": ("Undo every change before the program goes.", _uninstall),
    "use": ("Choose what AWS tools take when none is named.", _use),
    "vault": ("Check, move, back up or restore the vault.", _vault),
    "watch": ("Choose the folders that the service watches.", _watch),
}


class _OutputGone(Exception):
    """Standard output cannot take more; `args`: the system's error. Past click, which exits 1."""


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise _OutputGone(error) from error


def _after_install() -> click.Command:
    from credguard.cli.upgrade import after_install

    return after_install


_UNLISTED: dict[str, Callable[[], click.Command]] = {"after-install": _after_install}


class _Table(click.Group):
    """A group whose commands are imported when they are run; help needs only the table."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        with _told():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: click.Context) -> Any:
        with _told():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = _COMMANDS.get(cmd_name)
        load = entry[1] if entry else _UNLISTED.get(cmd_name)
        return load() if load else None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        found = [
            CompletionItem(name, help=text)
            for name, (text, _) in _COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

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
        # What no adapter translated is still the system's refusal, as a rule a full disk under
        # standard output.
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
