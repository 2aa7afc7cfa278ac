"""Each call fails in turn: nothing that was not known to be well is passed off as well."""

import pytest

from credguard.app.context import Context
from credguard.audit.model import PASS
from tests.app.test_audit import audited
from tests.support import audit_seeds
from tests.support.audited import Account

# Reads of the account, but those of who calls.
_NEEDED = {"GetCallerIdentity"}


def statuses(found: object) -> dict[tuple[str, str, str], str]:
    return {(e.check, e.region, e.resource): e.status for e in found.results}  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("seed", "kind"), [(audit_seeds.bad, "500"), (audit_seeds.good, "denied")])
def test_each_call_fails_in_turn(
    compiled_rules: None, account: Account, seed: object, kind: str
) -> None:
    seed(account)  # type: ignore[operator]
    ctx = Context()
    audited(ctx, account)
    before = statuses(audited(ctx, account))
    calls = sorted(set(account.calls) - _NEEDED)
    assert len(calls) > 35
    lost = {}
    for name in calls:
        account.refused = {name: kind}
        found = audited(ctx, account)
        after = statuses(found)
        passed = {key for key, status in after.items() if status == PASS}
        assert {key for key in passed if before.get(key) != PASS} == set(), name
        lost[name] = {e.check for e in found.results if e.status == "UNKNOWN"}
        if kind == "denied" and lost[name]:
            assert found.asks, name
    # AWS's own word on a policy decides nothing where the bucket blocks everything.
    assert {name for name, checks in lost.items() if not checks} <= {
        "GetBucketPolicyStatus", "GetBucketPolicy", "GetBucketAcl", "GetBucketVersioning",
        "ListSubscriptionsByTopic", "DescribeBudgets", "GetObjectLockConfiguration",
        "ListVirtualMFADevices", "GetAccountPublicAccessBlock",
        "GetTrailStatus", "GetEventSelectors",
    }  # fmt: skip
    ctx.db.close()
