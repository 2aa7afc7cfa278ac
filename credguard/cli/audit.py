"""`credguard audit`: the account against the list of good habits."""

import contextlib
import os
import shutil
import sys
import time
from typing import Any

import click

from credguard.cli import complete
from credguard.cli.options import code_stdin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.app.context import Context
    from credguard.report.audit import Audit

_AFTER_S, _TICK_S = 1.0, 0.2
_NARROWEST, _WIDEST, _PIPE_COLUMNS = 40, 110, 100
# As in report/audit_formats.py, which --help must not load.
FORMATS = ("text", "json", "html", "csv", "sarif", "asff", "ocsf")


@click.group(invoke_without_command=True, epilog="Example: credguard audit --regions eu-west-1")
@click.option("--profile", help="Whose account; else the only one, or default.",
              shell_complete=complete.profiles)  # fmt: skip
@click.option("--regions", metavar="A,B", help="These alone; else all that are enabled.")
@click.option("--scope", type=click.Choice(["account", "self"]),
              help="self: your own user alone, without rights over the account.")  # fmt: skip
@click.option("--only", multiple=True, metavar="CHECK", help="These checks alone.")
@click.option("--skip", multiple=True, metavar="CHECK", help="Not these checks.")
@click.option("--format", "style", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--output", metavar="FILE", help="Write the report to FILE.")
@click.option("--verbose", is_flag=True, help="Everything, what is well too.")
@click.option("--stats", is_flag=True, help="Tell how many requests it took.")
@click.option("--list", "list_", is_flag=True, help="List the checks, and end.")
@code_stdin
@click.pass_context
def audit(click_ctx: click.Context, /, list_: bool, **options: Any) -> None:
    """Check the account against the list of good habits; changes nothing.

    What cannot be read is UNKNOWN, never passed off as well, and the report says which permissions
    to ask for. Exit code 0: all is well, 1: something is wrong, 2: something could not be told.
    """
    if click_ctx.invoked_subcommand is not None:
        given = [name for name in options if _given(click_ctx, name)]
        if given or list_:
            raise click.UsageError("give options after the subcommand's name")
        return
    if list_:
        click.echo(_listed(), nl=False)
        return
    _audit(click_ctx, **options)


def _given(click_ctx: click.Context, name: str) -> bool:
    source = click_ctx.get_parameter_source(name)
    return source is click.core.ParameterSource.COMMANDLINE


def _audit(
    click_ctx: click.Context, *, style: str, output: str | None, verbose: bool, stats: bool,
    **options: Any,
) -> None:  # fmt: skip
    from credguard.app.audit import run as app
    from credguard.app.context import Context
    from credguard.cli import ask
    from credguard.report import audit as report
    from credguard.report.audit_text import stats_text

    wanted = app.Wanted(
        options["profile"],
        tuple(each.strip() for each in (options["regions"] or "").split(",") if each.strip()),
        options["scope"] or "",
        _names(options["only"]),
        _names(options["skip"]),
    )
    _few_arenas()
    progress = _Progress()
    code = ask.code_from_stdin() if options["code_stdin"] else None
    ctx = Context()
    with contextlib.closing(progress):
        made = app.audit(ctx, wanted, code=code, ask=ask.code_asker(), progress=progress)
    _write(_formatted(ctx, made, style, verbose=verbose, coloured=output is None), output)
    if stats:
        click.echo(stats_text(made), nl=False, err=True)
    found = report.counts(made)
    if found["FAIL"]:
        click_ctx.exit(1)
    if found["UNKNOWN"]:
        click_ctx.exit(2)


def _few_arenas() -> None:
    """Keep glibc from giving each thread memory of its own: 20 MB, for threads that mostly wait."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(-8, 2)  # M_ARENA_MAX of malloc.h


def _names(given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.strip() for each in given for name in each.split(",") if name.strip())


def _formatted(
    ctx: "Context", made: "Audit", style: str, *, verbose: bool, coloured: bool
) -> str:  # fmt: skip
    from credguard.report.audit_text import audit_text, plain

    if style != "text":
        from credguard.app.audit.trend import trend
        from credguard.aws.model import main_region
        from credguard.report.audit_formats import formatted

        known = trend(ctx, made.account, made.scope) if style == "html" else ()
        region = made.regions[0] if len(made.regions) == 1 else main_region(made.partition)
        return formatted(made, style, region=region, trend=known)
    person = coloured and sys.stdout.isatty()
    columns = shutil.get_terminal_size().columns if person else _PIPE_COLUMNS
    width = min(max(columns, _NARROWEST), _WIDEST)
    paint = _paint if person and not os.environ.get("NO_COLOR") else plain
    return audit_text(made, width, paint, every=verbose)


def _paint(text: str, colour: str, bold: bool) -> str:
    return click.style(text, fg=colour or None, bold=bold or None)


def _write(text: str, output: str | None) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    with open(output, "w", encoding="utf-8") as file:
        file.write(text)


def _listed() -> str:
    from credguard.audit.table import CHECKS, TIPS

    lines, tip = [], ""
    for each in CHECKS:
        if each.tip != tip:
            tip = each.tip
            lines.append(TIPS[tip])
        marks = [each.severity, *(["self"] if each.own else []), *each.hub]
        lines.append(f"  {each.id:<22} {each.title} ({', '.join(marks)})")
    return "\n".join(lines) + "\n"


class _Progress:
    """Writes one line that is overwritten, on a terminal only, once it takes over a second."""

    def __init__(self) -> None:
        self._start = self._last = time.monotonic()
        self._on = sys.stderr.isatty()
        self._shown = False

    def __call__(self, done: int, every: int) -> None:
        now = time.monotonic()
        if not self._on or now - self._start < _AFTER_S or now - self._last < _TICK_S:
            return
        self._last, self._shown = now, True
        click.echo(f"\r\x1b[Kreading the account: {done} of {every}", err=True, nl=False)

    def close(self) -> None:
        """Take the line away."""
        if self._shown:
            click.echo("\r\x1b[K", err=True, nl=False)
