"""The audit over HTTP where everything is refused, and where there is nothing.

A bad and a good account: tests/cli/test_audit.py.
"""

from collections import Counter

import pytest

from credguard.app.audit import run as app
from credguard.app.context import Context
from credguard.audit.table import CHECKS
from credguard.aws.model import Credentials
from credguard.report import audit as report
from tests.support.audited import REGION, Account

WANTED = app.Wanted(regions=(REGION,))


@pytest.fixture
def ctx(compiled_rules: None):
    made = Context()
    yield made
    made.db.close()


def audited(ctx: Context, account: Account, wanted: app.Wanted = WANTED) -> report.Audit:
    key = account.simulator
    return app.audit_with(ctx, Credentials(key.key_id, key.secret, None, "aws"), wanted)


def by_status(found: report.Audit) -> dict[str, set[str]]:
    """Status -> the checks that have a result of it."""
    every: dict[str, set[str]] = {status: set() for status in report.STATUSES}
    for each in found.results:
        every[each.status].add(each.check)
    return every


def said(found: report.Audit, *statuses: str) -> list[str]:
    return [f"{e.check}: {e.evidence}" for e in found.results if e.status in statuses]


ALL = {each.id for each in CHECKS}


def test_where_every_call_is_refused_everything_is_unknown(ctx: Context, account: Account) -> None:
    account.refused["*"] = "denied"
    found = audited(ctx, account)
    assert by_status(found)["PASS"] == set()
    assert by_status(found)["UNKNOWN"] == ALL - {"audit-dated"}
    wanted = {action for check in found.checks for action in check.actions}
    assert set(found.asks) <= wanted
    assert "iam:GetAccountSummary" in report.policy(found.asks)


def test_an_empty_account(ctx: Context, account: Account) -> None:
    found = audited(ctx, account)
    assert {e.split(":")[0] for e in said(found, "UNKNOWN")} <= {"root-unused"}
    assert not Counter(e.check for e in found.results).keys() ^ ALL
