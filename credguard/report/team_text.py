"""The team's view for a person at a terminal."""

import textwrap
from collections.abc import Iterator
from datetime import datetime

from credguard.audit.model import FAIL, PASS, UNKNOWN
from credguard.report.audit_text import Paint, plain
from credguard.report.posture import Posture
from credguard.report.team import Account, Checked, Team, machine_needs, number_of, totals
from credguard.report.text import printable

_MOST = 20


def team_text(team: Team, width: int, paint: Paint = plain, *, every: bool = False) -> str:
    """Accounts, checks that fail, machines. `every`: all of them, not the worst 20."""
    lines: list[str] = []
    if team.accounts:
        lines.append(paint(number_of(len(team.accounts), "account"), "", True))
        lines += _most([_account(each, paint) for each in team.accounts], every=every)
        failing = [each for each in team.checks if each.failed]
        if failing:
            lines += ["", paint("Checks that fail", "", True)]
            rows = [_checked(each, len(team.accounts), width, paint) for each in failing]
            lines += _most(rows, every=every)
        lines += ["", *_unread(team, width, paint)]
    if team.machines:
        lines.append(paint(number_of(len(team.machines), "machine"), "", True))
        rows = [line for each in team.machines for line in _machine(each, team.at, width, paint)]
        lines += [*rows, ""]
    if not lines:
        return "nothing was merged\n"
    if team.accounts:
        found = totals(team)
        words = ((FAIL, "wrong", "red"), (UNKNOWN, "not told", "yellow"), (PASS, "well", "green"))
        lines.append(", ".join(paint(f"{found[s]} {w}", c, s == FAIL) for s, w, c in words))
    return "\n".join(lines).rstrip("\n") + "\n"


def _most(rows: list[str], *, every: bool) -> list[str]:
    if every or len(rows) <= _MOST:
        return rows
    return [*rows[:_MOST], f"  and {len(rows) - _MOST} more, see them: --verbose"]


def _account(each: Account, paint: Paint) -> str:
    failed, unknown = each.counts[FAIL], each.counts[UNKNOWN]
    name = f" {printable(each.name)}" if each.name else ""
    whose = f" {printable(each.caller.rpartition('/')[2])} alone" if each.caller else ""
    day = f"{datetime.fromtimestamp(each.at).astimezone():%Y-%m-%d}"
    number = printable(each.account)
    return (
        f"  {number}  {paint(f'{failed:>4} wrong', 'red' if failed else '', False)}"
        f"  {paint(f'{unknown:>4} not told', 'yellow' if unknown else '', False)}"
        f"  {each.counts[PASS]:>4} well  {day}{name}{whose}"
    )


def _checked(each: Checked, every: int, width: int, paint: Paint) -> str:
    colour = {"critical": "red", "high": "red", "medium": "yellow"}.get(each.severity, "")
    said = printable(f"{each.title} [{each.id}]")
    title = textwrap.shorten(said, max(30, width - 24), placeholder="...")
    severity = paint(f"{printable(each.severity):<8}", colour, False)
    return f"  {severity}  {len(each.failed):>3}/{every}  {title}"


def _unread(team: Team, width: int, paint: Paint) -> Iterator[str]:
    noted = [each for each in team.accounts if each.note]
    if not noted:
        return
    yield paint("Could not be read", "yellow", True)
    for each in noted:
        yield from textwrap.wrap(
            printable(f"{each.account}: {each.note}"), width,
            initial_indent="  ", subsequent_indent="    ",
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
    yield ""


def _machine(each: Posture, at: float, width: int, paint: Paint) -> Iterator[str]:
    needs = machine_needs(each, at)
    oldest = max((key.age_days for key in each.keys if key.age_days is not None), default=None)
    age = "-" if oldest is None else f"{oldest:.0f} d"
    state = paint("look  ", "yellow", False) if needs else paint("well  ", "green", False)
    keys = number_of(len(each.keys), "key")
    yield (
        f"  {state}{printable(each.user)} on {printable(each.host)}: {keys},"
        f" oldest {age}; {len(each.hooks)} hooked; {printable(each.vault) or 'no vault'}"
    )
    if needs:
        yield from textwrap.wrap(
            printable(", ".join(needs)), width, initial_indent=" " * 8, subsequent_indent=" " * 8
        )
