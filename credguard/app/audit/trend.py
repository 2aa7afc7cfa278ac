"""The audits of an account over time, out of what this machine remembers."""

from credguard.app.context import Context
from credguard.audit import judge
from credguard.report.audit import Change
from credguard.report.overview import Audit
from credguard.store import audits

_MOST = 200


def trend(ctx: Context, account: str, scope: str = "account", since: float = 0.0) -> list[Audit]:
    """The newest 200 audits of `account` from `since` on, oldest first. Raises StoreError.

    Each says against the one before how many checks on things got worse and better, of the regions
    that both looked at.
    """
    runs = audits.recent(ctx.db, account, scope, _MOST + 1)[::-1]
    points = []
    for before, run in zip([None, *runs], runs, strict=False):
        change = compared(before, run)
        points.append(
            Audit(
                run.at, run.passed, run.failed, run.unknown, run.account, len(change.worse),
                len(change.better),
            )
        )  # fmt: skip
    return [each for each in points[-_MOST:] if each.at >= since]


def compared(before: audits.Run | None, run: audits.Run) -> Change:
    """What changed from one audit to a later one of the same account; None: nothing is known.

    Only what both looked at: the checks of the later one, and the regions of both.
    """
    if before is None:
        return Change(run.at, (), ())
    both = {"", *run.regions} & {"", *before.regions}
    ran = {check for check, _, _ in run.statuses}
    then, now = (
        {key: s for key, s in each.statuses.items() if key[0] in ran and key[1] in both}
        for each in (before, run)
    )
    return Change(before.at, tuple(judge.worse(then, now)), tuple(judge.better(then, now)))
