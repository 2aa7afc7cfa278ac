"""The team's view as one page, in the look of the audit's."""

from datetime import UTC, datetime
from html import escape

from credguard.audit.model import FAIL, PASS, UNKNOWN
from credguard.report.audit_html import ORDER, STYLES, WORDS, moment
from credguard.report.audit_style import bar, cards, document, table
from credguard.report.posture import Posture
from credguard.report.team import Account, Checked, Team, machine_needs, totals

_MOST = 500


def team_html(team: Team) -> str:
    """The page: accounts, the checks that fail in most of them, machines."""
    found = totals(team)
    look = sum(bool(machine_needs(each, team.at)) for each in team.machines)
    numbers = [(str(len(team.accounts)), "accounts", "")] if team.accounts else []
    numbers += [(str(found[each]), WORDS[each], STYLES[each]) for each in ORDER if team.accounts]
    if team.machines:
        numbers += [(str(len(team.machines)), "machines", ""),
                    (str(look), "to look at", "unknown" if look else "pass")]  # fmt: skip
    body = [
        f'<h1>The team</h1><p class="about">{moment(team.at)}</p>',
        cards(numbers),
        bar([(found[each], STYLES[each]) for each in ORDER], "all results"),
        _accounts(team.accounts),
        _machines(team),
        _checks([each for each in team.checks if each.failed], len(team.accounts)),
    ]
    return document("credguard: the team", "\n".join(body))


def _accounts(accounts: tuple[Account, ...]) -> str:
    if not accounts:
        return ""
    rows = []
    for each in accounts[:_MOST]:
        name = escape(each.name or each.caller.rpartition("/")[2])
        note = f'<span class="unknown">{escape(each.note)}</span>' if each.note else ""
        rows.append(
            [
                escape(each.account), "<br>".join(part for part in (name, note) if part),
                *(f'<span class="{STYLES[s]}">{each.counts[s]}</span>' for s in (FAIL, UNKNOWN)),
                str(each.counts[PASS]), escape(_day(each.at)),
            ]
        )  # fmt: skip
    heads = [
        ("Account", "nowrap"), ("", "name"), ("Wrong", "number"), ("Not told", "number"),
        ("Well", "number"), ("Audited", "nowrap"),
    ]  # fmt: skip
    more = f"<p>and {len(accounts) - _MOST} more</p>" if len(accounts) > _MOST else ""
    return f'<h2>Accounts</h2><div class="card">{table(heads, rows)}{more}</div>'


def _checks(checks: list[Checked], every: int) -> str:
    if not checks:
        return ""
    parts = []
    for each in checks:
        where = ", ".join(each.failed)
        untold = f"<p>Not told in {escape(', '.join(each.unknown))}</p>" if each.unknown else ""
        parts.append(
            f'<details><summary><b class="fail">{len(each.failed)} of {every}</b>'
            f'<span class="title">{escape(each.title)}</span>'
            f'<span class="ids">{escape(each.severity)}, {escape(each.id)}</span></summary>'
            f"<div><p>Wrong in {escape(where)}</p>{untold}</div></details>"
        )
    return f"<h2>Checks that fail</h2>{''.join(parts)}"


def _machines(team: Team) -> str:
    if not team.machines:
        return ""
    rows = [_machine(each, team.at) for each in team.machines[:_MOST]]
    heads = [
        ("User", "nowrap"), ("Machine", "nowrap"), ("Keys", "number"), ("Oldest", "number"),
        ("Hooks", "number"), ("Vault", "nowrap"), ("SSH keys", "number"), ("Told", "nowrap"),
        ("To look at", "name"),
    ]  # fmt: skip
    return f'<h2>Machines</h2><div class="card">{table(heads, rows)}</div>'


def _machine(each: Posture, at: float) -> list[str]:
    ages = [key.age_days for key in each.keys if key.age_days is not None]
    whole = sum(hook.state == "installed" for hook in each.hooks)
    needs = machine_needs(each, at)
    style = "unknown" if needs else "pass"
    return [
        escape(each.user), escape(each.host), str(len(each.keys)),
        f"{max(ages):.0f} d" if ages else "-", f"{whole} of {len(each.hooks)}",
        escape(each.vault or "none"), str(len(each.ssh)), escape(_day(each.at)),
        f'<span class="{style}">{escape(", ".join(needs) or "nothing")}</span>',
    ]  # fmt: skip


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"
