"""Use case: the account audits that were made, for `status` and `report`."""

from credguard.app.context import Context
from credguard.report.overview import Audit
from credguard.store import audits as table


def last(ctx: Context) -> Audit | None:
    """The newest audit, see store.audits.newest; None: none was made. Raises StoreError."""
    run = table.newest(ctx.db)
    return None if run is None else Audit(run.at, run.passed, run.failed, run.unknown, run.account)


def audits(ctx: Context, since: float = 0.0) -> list[Audit]:
    """Those of the account that `last` is of, in that scope, oldest first. Raises StoreError.

    The newest 200 at most; accounts are not mixed, since their numbers would look like a change.
    """
    # Here, not above: it brings every check of the audit along, and `status` needs none.
    from credguard.app.audit.trend import trend

    run = table.newest(ctx.db)
    return [] if run is None else trend(ctx, run.account, run.scope, since)
