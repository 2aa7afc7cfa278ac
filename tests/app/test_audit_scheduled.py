"""The service's audit: what it tells, and when."""

import pytest

from credguard import config as settings
from credguard.app.audit import scheduled
from credguard.app.context import Context
from credguard.app.jobs import JOBS
from credguard.store import audits
from tests.support import audit_seeds
from tests.support.audited import REGION, Account
from tests.support.in_memory import context


@pytest.fixture
def ctx(compiled_rules: None, account: Account):
    settings.set_value("audit.regions", REGION)
    made = context(account.simulator, "work")
    yield made
    made.close()


def test_it_is_off_until_somebody_wants_it() -> None:
    (job,) = [each for each in JOBS if each.name == "audit"]
    assert (job.every, job.network) == ("audit.every", True)
    assert settings.load().audit.every == "0s"


def test_only_what_got_worse_is_told(ctx: Context, account: Account) -> None:
    audit_seeds.good(account)
    (first,) = scheduled.run(ctx)
    assert first.what == "not as it should be: The account is audited again and again"
    assert scheduled.run(ctx) == []
    account.root_mfa = ""
    (note,) = scheduled.run(ctx)
    assert (note.tell, note.failed) == (True, False)
    assert note.what == ("worse than before: Root signs in with MFA; Root's MFA device is hardware")
    assert scheduled.run(ctx) == []


def test_without_rights_the_own_user_is_audited(ctx: Context, account: Account) -> None:
    account.refused = dict.fromkeys(
        ("GetAccountSummary", "GenerateCredentialReport", "GetAccountAuthorizationDetails",
         "ListUsers", "ListVirtualMFADevices", "GetAccountPasswordPolicy", "ListBuckets",
         "GetAccountPublicAccessBlock", "ListTrails", "DescribeAlarms", "DescribeBudgets",
         "GetAlternateContact", "DescribeSecurityGroups", "DescribeNetworkAcls", "ListKeys",
         "DescribeLogGroups", "ListFunctions", "GetParametersByPath"), "denied",
    )  # fmt: skip
    (note,) = scheduled.run(ctx)
    assert note.hint.endswith("credguard audit --scope self")
    found = audits.newest(ctx.db)
    assert found is not None
    assert found.scope == "self"


def test_without_a_key_there_is_nothing_to_do() -> None:
    assert scheduled.run(Context()) == []
