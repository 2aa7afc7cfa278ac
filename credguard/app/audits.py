"""Use case: the account audits that were made, for `status` and `report`."""

from credguard.app.context import Context
from credguard.report.overview import Audit


def audits(_ctx: Context) -> list[Audit]:
    """Every audit, oldest first. None is made yet: nothing writes any."""
    return []
