"""`credguard doctor`: look for what is wrong, and say how to mend it."""

import dataclasses
import json
import os
import shlex
import textwrap

import click

from credguard import paths
from credguard.app.context import Context
from credguard.app.doctor.model import FAIL, OK, UNKNOWN, WARN, Check
from credguard.cli import complete, options, terminal
from credguard.report.text import printable

_COLOURS = {OK: "green", FAIL: "red", UNKNOWN: "yellow", WARN: "yellow"}
_WIDEST, _PIPE_COLUMNS = 100, 80


@click.group(invoke_without_command=True, epilog="Example: credguard doctor --online")
@click.option("--online", is_flag=True, help="Ask AWS too: each key, and the clock.")
@click.option("--verbose", is_flag=True, help="Show what is well too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: every check.")
@click.option(
    "--bundle", metavar="FILE", help="Write what a bug report needs to FILE, a zip without secrets."
)
@click.pass_context
def doctor(
    click_ctx: click.Context, online: bool, verbose: bool, as_json: bool, bundle: str | None
) -> None:
    """Look for what commonly goes wrong, and say what to type; changes nothing.

    Exit code 0: nothing is wrong (a WARN may be worth a look), 2: something is, or cannot be told.
    """
    if click_ctx.invoked_subcommand is not None:
        if online or verbose or as_json or bundle:
            raise click.UsageError("give options after the subcommand's name")
        return
    if bundle:
        if online or verbose or as_json:
            raise click.UsageError("--bundle goes alone")
        _bundle(bundle)
        return
    from credguard.app.doctor.run import everything, well

    checks = everything(ask_aws=online)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(each) for each in checks], indent=2))
    else:
        _show_areas(checks, verbose=verbose)
    if not well(checks):
        raise click.exceptions.Exit(2)


def _bundle(file: str) -> None:
    from credguard.app.doctor.bundle import bundle
    from credguard.cli.files import write

    made = bundle(Context())
    write(file, made.data)
    click.echo(
        f"written: {file}, {len(made.data) / 1000:.0f} kB: {', '.join(made.names)}", err=True
    )
    noun = "place that looks" if made.removed == 1 else "places that look"
    click.echo(f"{made.removed} {noun} like a secret blotted out; names are made up", err=True)
    for each in made.missing:
        click.echo(f"not in it: {printable(each)}", err=True)
    click.echo(f"look through it before you send it: unzip -p {shlex.quote(file)} | less", err=True)


@doctor.command(
    short_help="Check everything that replacing a key needs.",
    epilog="Example: credguard doctor rotation work",
)
@click.argument("profile", shell_complete=complete.profiles)
@options.code_stdin
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rotation(profile: str, code_stdin: bool, as_json: bool) -> None:
    """Check everything that replacing the key of PROFILE needs; changes nothing.

    Exit code 0: all is well, 2: something is missing or cannot be told.
    """
    from credguard.app.doctor import rotation as app
    from credguard.app.doctor.run import well
    from credguard.app.rotate import Wanted
    from credguard.cli.ask import code_asker, code_from_stdin

    code = code_from_stdin() if code_stdin else None
    checks = app.rotation(Context(), profile, Wanted(code=code, ask=code_asker()))
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(each) for each in checks], indent=2))
    else:
        show(checks)
    if not well(checks):
        raise click.exceptions.Exit(2)


@doctor.command(
    short_help="Put the credential_process lines right.", epilog="Example: credguard doctor lines"
)
def lines() -> None:
    """Put the credential_process lines of ~/.aws/config right, from what the vault has.

    Missing lines and those of another installation are written anew; one of ours for a profile that
    the vault does not have goes. Another program's stays.
    """
    from credguard.app.doctor.lines import mend

    done = mend(Context())
    for each in done:
        click.echo(printable(each))
    if not done:
        click.echo("every line is right already", err=True)


def show(checks: list[Check]) -> None:
    """One line a check; what is to be done below it."""
    width = max(len(each.name) for each in checks)
    for each in checks:
        state = _styled(f"{each.state:<7}", fg=_COLOURS[each.state])
        click.echo(f"{state} {each.name:<{width}}  {printable(each.said)}")
        for line in each.fix.splitlines():
            click.echo(f"        {printable(line)}")


def _styled(text: str, *, fg: str | None = None, bold: bool | None = None) -> str:
    return click.style(text, fg=fg, bold=bold) if terminal.coloured() else text


def _show_areas(checks: list[Check], *, verbose: bool) -> None:
    width = terminal.columns(_PIPE_COLUMNS, _WIDEST)
    shown = [each for each in _folded(checks) if verbose or each.state != OK]
    area = ""
    for each in shown:
        if each.area != area:
            click.echo(("\n" if area else "") + _styled(each.area, bold=True))
            area = each.area
        _show_one(each, width)
    if shown:
        click.echo()
    click.echo(_summary(checks))


def _folded(checks: list[Check]) -> list[Check]:
    """Checks that could not be told for the same reason, as one."""
    found: dict[object, Check] = {}
    for number, each in enumerate(checks):
        alike: object = (each.area, each.said, each.fix) if each.state == UNKNOWN else number
        names = f"{found[alike].name}, {each.name}" if alike in found else each.name
        found[alike] = dataclasses.replace(each, name=names)
    return list(found.values())


def _short(text: str) -> str:
    """Paths below the home folder with ~; commands are left alone, where quotes would keep it."""
    return text.replace(paths.home().rstrip(os.sep) + os.sep, f"~{os.sep}")


def _show_one(check: Check, width: int) -> None:
    lead = f"  {check.state:<7} "
    text = _short(printable(f"{check.name}: {check.said}"))
    # A path is not cut in two: it may be copied.
    wrapped = textwrap.wrap(text, width - len(lead), break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(wrapped):
        state = _styled(f"{check.state:<7}", fg=_COLOURS[check.state])
        click.echo((f"  {state} " if number == 0 else " " * 10) + line)
    for line in check.fix.splitlines():
        if line.startswith("run: "):
            # A command stays on its line, so that it can be copied whole.
            click.echo(" " * 10 + "$ " + printable(line.removeprefix("run: ")))
            continue
        for each in textwrap.wrap(
            _short(printable(line)), width - 10, break_long_words=False, break_on_hyphens=False
        ):
            click.echo(" " * 10 + each)


def _summary(checks: list[Check]) -> str:
    counts = {state: sum(each.state == state for each in checks) for state in _COLOURS}
    if counts[OK] == len(checks):
        return f"all is well: {len(checks)} checks"
    words = {FAIL: "wrong", UNKNOWN: "not told", WARN: "worth a look", OK: "well"}
    return ", ".join(f"{counts[s]} {words[s]}" for s in words if counts[s]) + _hint(counts)


def _hint(counts: dict[str, int]) -> str:
    return "" if counts[FAIL] or counts[UNKNOWN] else "; nothing is wrong"
