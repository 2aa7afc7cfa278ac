"""Use case: the account audits that were made, for `status` and `report`."""

from credguard.app.context import Context
from credguard.report.overview import Audit
from credguard.store import audits as table


def audits(ctx: Context) -> list[Audit]:
    """Every audit that is kept, of any account, oldest first. Raises StoreError."""
    return [
        Audit(run.at, run.passed, run.failed, run.unknown) for run in reversed(table.all_(ctx.db))
    ]
