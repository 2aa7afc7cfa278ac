"""`credguard status`: keys, hooks, watched folders, findings and the service on one screen."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from credguard.app.status import KeyStatus, Status

_SHOWN_FINDINGS = 10


@click.command(epilog="Example: credguard status --json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """Show keys, hooks, watched folders, open findings and the service."""
    from credguard.app.context import Context
    from credguard.app.status import status as read

    current = read(Context())
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(current), indent=2))
        return
    from rich.console import Console

    _show(Console(highlight=False, markup=False), current)


def _show(console: Console, current: Status) -> None:
    console.print(f"Vault     {current.vault_backend} ({current.vault_state})")
    console.print(f"Daemon    {current.daemon}; service {current.service}{_tick(current)}")
    if current.rotations_midway:
        console.print(
            f"Rotation  {current.rotations_midway} on the way, see: credguard rotate --status"
        )
    _show_keys(console, current.keys)
    hooks = current.hooks or ["none, install with: credguard hook install"]
    console.print("Hooks     " + "\n          ".join(hooks), soft_wrap=True)
    watched = [
        path if state == "ok" else f"{path} ({state})" for path, state in current.watched.items()
    ] or ["nothing, choose a folder with: credguard watch add PATH"]
    console.print("Watched   " + "\n          ".join(watched), soft_wrap=True)
    _show_findings(console, current)


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
        console.print(
            f"Findings  {'none open' if current.watched else 'UNKNOWN, nothing is watched'}"
        )
        return
    console.print(f"Findings  {len(found)} open")
    for finding in found[:_SHOWN_FINDINGS]:
        console.print(
            f"  {finding.path}:{finding.line} {finding.rule_id} {finding.masked}", soft_wrap=True
        )
    if len(found) > _SHOWN_FINDINGS:
        console.print(f"  and {len(found) - _SHOWN_FINDINGS} more: credguard status --json")
