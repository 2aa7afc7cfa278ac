"""Several audits and postures as one view. Each is folded in as it comes, so memory stays small."""

from collections.abc import Iterable

import msgspec

from credguard.audit.model import FAIL, NA, PASS, UNKNOWN, WAIVED
from credguard.errors import ConfigError
from credguard.report import audit as audits
from credguard.report import posture
from credguard.report.audit import Audit, CheckRow, counts
from credguard.report.posture import Posture

VERSION, _STALE_DAYS = 1, 7


class Account(msgspec.Struct, frozen=True):
    """An account's newest audit. `failed`, `unknown`: check -> on how many things.

    `caller`: whose user it is about in the scope self, else "". `note`: why nothing was read, "".
    """

    account: str
    name: str
    scope: str
    caller: str
    at: float
    counts: dict[str, int]
    failed: dict[str, int]
    unknown: dict[str, int]
    note: str = ""


class Checked(msgspec.Struct, frozen=True):
    """A check that some account does not pass. `failed`, `unknown`: the accounts, sorted."""

    id: str
    title: str
    severity: str
    failed: tuple[str, ...]
    unknown: tuple[str, ...]


class Team(msgspec.Struct, frozen=True):
    """Accounts, worst first; the checks that fail in most accounts first; machines by user."""

    at: float
    accounts: tuple[Account, ...]
    checks: tuple[Checked, ...]
    machines: tuple[Posture, ...]
    kind: str = "credguard-team"
    version: int = VERSION


_SEVERITY = {"critical": 0, "high": 1, "medium": 2, "low": 3}


class _Kind(msgspec.Struct):
    """What every document of ours says of itself."""

    kind: str = ""


class Merging:
    """Takes audits and postures one by one; of one account or machine the newest counts."""

    def __init__(self) -> None:
        self._accounts: dict[tuple[str, str, str], Account] = {}
        self._machines: dict[tuple[str, str], Posture] = {}
        self._checks: dict[str, CheckRow] = {}

    def audit(self, audit: Audit, *, name: str = "", note: str = "") -> None:
        """Fold `audit` in. `name`: of the account; `note`: why it could not be read."""
        caller = audit.caller if audit.scope == "self" else ""
        key = (audit.account, audit.scope, caller)
        for each in audit.checks:
            self._checks.setdefault(each.id, each)
        if key in self._accounts and self._accounts[key].at >= audit.at:
            return
        failed: dict[str, int] = {}
        unknown: dict[str, int] = {}
        for row in audit.results:
            kept = {FAIL: failed, UNKNOWN: unknown}.get(row.status)
            if kept is not None:
                kept[row.check] = kept.get(row.check, 0) + 1
        self._accounts[key] = Account(
            audit.account, name, audit.scope, caller, audit.at, counts(audit), failed, unknown, note
        )

    def machine(self, machine: Posture) -> None:
        """Fold a machine's posture in."""
        key = (machine.user, machine.host)
        if key not in self._machines or self._machines[key].at < machine.at:
            self._machines[key] = machine

    def document(self, data: bytes, name: str) -> None:
        """Fold a document in, of a file called `name`. Raises ConfigError: none of ours."""
        try:
            kind = msgspec.json.decode(data, type=_Kind).kind
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            kind = ""
        if kind == posture.KIND:
            self.machine(posture.from_json(data, name))
        elif kind == audits.KIND:
            self.audit(audits.from_json(data, name))
        else:
            raise ConfigError(
                f"{name} is neither an audit nor a posture of credguard",
                hint="make one: credguard audit --format json, credguard posture --json",
            )

    def team(self, at: float) -> Team:
        """What is known at `at`, Unix seconds."""
        accounts = sorted(
            self._accounts.values(),
            key=lambda a: (-a.counts[FAIL], -a.counts[UNKNOWN], a.account, a.caller),
        )
        machines = sorted(self._machines.values(), key=lambda each: (each.user, each.host))
        return Team(at, tuple(accounts), tuple(self._checked(accounts)), tuple(machines))

    def _checked(self, accounts: Iterable[Account]) -> list[Checked]:
        failed: dict[str, set[str]] = {}
        unknown: dict[str, set[str]] = {}
        for account in accounts:
            for kept, names in ((failed, account.failed), (unknown, account.unknown)):
                for name in names:
                    kept.setdefault(name, set()).add(account.account)
        found = [
            Checked(
                each.id, each.title, each.severity, tuple(sorted(failed.get(each.id, ()))),
                tuple(sorted(unknown.get(each.id, ()))),
            )
            for each in self._checks.values()
            if each.id in failed or each.id in unknown
        ]  # fmt: skip
        found.sort(
            key=lambda c: (_SEVERITY.get(c.severity, 9) if c.failed else 9, -len(c.failed), c.id)
        )
        return found


def totals(team: Team) -> dict[str, int]:
    """All accounts together: how many results have each status."""
    found = dict.fromkeys((FAIL, UNKNOWN, PASS, NA, WAIVED), 0)
    for account in team.accounts:
        for status, number in account.counts.items():
            found[status] = found.get(status, 0) + number
    return found


def number_of(number: int, thing: str) -> str:
    """Such as "1 key" and "2 keys"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def machine_needs(machine: Posture, at: float) -> list[str]:
    """What of a machine a person must look at, in words; empty: it is well."""
    needs = []
    overdue = [each for each in machine.keys if each.due_days is not None and each.due_days < 0]
    if overdue:
        needs.append(f"{len(overdue)} of {number_of(len(machine.keys), 'key')} overdue")
    if ageless := sum(each.age_days is None for each in machine.keys):
        needs.append(f"age of {number_of(ageless, 'key')} not known")
    if not machine.vault:
        needs.append("no vault")
    if broken := sum(each.state != "installed" for each in machine.hooks):
        needs.append(f"hooks not whole in {broken} of {len(machine.hooks)}")
    if not machine.hooks:
        needs.append("no hook")
    if machine.service != "running":
        needs.append(f"service {machine.service}")
    for number, one, many in (
        (machine.passwords_due, "password due", "passwords due"),
        (machine.open_findings, "open finding", "open findings"),
        (machine.leaks, "leak", "leaks"),
        (machine.problems, "problem", "problems"),
    ):
        if number:
            needs.append(f"{number} {one if number == 1 else many}")
    if machine.unknown:
        needs.append(f"{len(machine.unknown)} not told")
    days = (at - machine.at) / 86400
    if days > _STALE_DAYS:
        needs.append(f"told {days:.0f} days ago")
    return needs


def to_json(team: Team) -> str:
    """The document."""
    return msgspec.json.format(msgspec.json.encode(team), indent=2).decode() + "\n"
