"""`credguard status`: keys, hooks, watched folders, findings and the service on one screen."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from typing import TYPE_CHECKING

import click

from credguard.report.text import printable
from credguard.report.users import short_names

if TYPE_CHECKING:
    from rich.console import Console

    from credguard.app.status import KeyStatus, Status

_SHOWN_FINDINGS = 10
_SHOWN_ROWS = 20
_PIPE_COLUMNS = 1000


@click.command(epilog="Example: credguard status --json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """Show keys, hooks, watched folders, open findings and the service."""
    from credguard.app.context import Context
    from credguard.app.status import status as read

    current = read(Context())
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(current), indent=2))
    else:
        from rich.console import Console

        # A pipe has no width: a table folded at 80 columns would cut key ids in two.
        width = None if sys.stdout.isatty() else _PIPE_COLUMNS
        _show(Console(highlight=False, markup=False, width=width), current)
    if current.unreadable:
        from credguard.errors import CredguardError

        raise CredguardError(
            "; ".join(current.unreadable),
            hint="free space, correct the file or put back a copy of it; the vault is not touched",
        )


def _show(console: Console, current: Status) -> None:
    console.print(f"Vault     {current.vault_backend} ({current.vault_state})")
    console.print(f"Daemon    {current.daemon}; service {current.service}{_tick(current)}")
    if current.rotations_midway:
        console.print(
            f"Rotation  {current.rotations_midway} on the way, see: credguard rotate --status"
        )
    if current.passwords_due:
        users = short_names(current.passwords_due)
        due = ", ".join(printable(each) for each in users.values())
        console.print(f"Password  of {due} is due, run: credguard password rotate PROFILE")
    for problem in current.problems:
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(problem.since))
        console.print(f"Problem   {printable(problem.subject)}, since {since}:", soft_wrap=True)
        console.print(f"          {printable(problem.what)}", soft_wrap=True)
        if problem.hint:
            console.print(f"          {printable(problem.hint)}", soft_wrap=True)
    if current.unreadable:
        console.print("Keys, hooks, watched folders and findings may be more than shown: UNKNOWN")
    if current.keys or not current.unreadable:
        _show_keys(console, current.keys)
    if current.hooks or not current.unreadable:
        _rows(console, "Hooks", current.hooks, "none, install with: credguard hook install")
    if current.watched or not current.unreadable:
        watched = [
            path if state == "ok" else f"{path} ({state})"
            for path, state in current.watched.items()
        ]
        _rows(console, "Watched", watched, "nothing, choose a folder: credguard watch add PATH")
        _show_findings(console, current)


def _rows(console: Console, title: str, rows: list[str], otherwise: str) -> None:
    shown = [printable(row) for row in rows[:_SHOWN_ROWS]] or [otherwise]
    if len(rows) > _SHOWN_ROWS:
        shown.append(f"and {len(rows) - _SHOWN_ROWS} more: credguard status --json")
    console.print(f"{title:10}" + "\n          ".join(shown), soft_wrap=True)


def _tick(current: Status) -> str:
    if current.last_tick is None:
        return ""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(current.last_tick))
    return f"; last look for due keys {when}"


def _show_keys(console: Console, keys: list[KeyStatus]) -> None:
    from rich.table import Table

    if not keys:
        console.print("Keys      none, put one in with: credguard import")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("Profile", "Key", "Age", "Next rotation"):
        table.add_column(title, overflow="fold")
    for key in keys:
        age = "UNKNOWN" if key.age_days is None else f"{key.age_days:.0f} d"
        table.add_row(key.profile, key.key_id, age, _due(key))
    console.print(table)


def _due(key: KeyStatus) -> str:
    if key.due_in_days is None:
        return "UNKNOWN"
    text = f"in {key.due_in_days:.0f} d" if key.due_in_days > 0 else "due now"
    return text if key.consent else f"{text}, needs your yes"


def _show_findings(console: Console, current: Status) -> None:
    found = current.open_findings
    if not found:
        # Nobody looked where nothing is watched: then that is not a clean bill.
        if not current.watched:
            state = "UNKNOWN, nothing is watched"
        elif current.daemon != "running":
            state = f"none known, but nobody looks: the service is {current.daemon}"
        else:
            state = "none open"
        console.print(f"Findings  {state}")
        return
    console.print(f"Findings  {len(found)} open")
    for finding in found[:_SHOWN_FINDINGS]:
        console.print(
            f"  {printable(finding.path)}:{finding.line} {finding.rule_id}"
            f" {printable(finding.masked)}",
            soft_wrap=True,
        )
    if len(found) > _SHOWN_FINDINGS:
        console.print(f"  and {len(found) - _SHOWN_FINDINGS} more: credguard status --json")
