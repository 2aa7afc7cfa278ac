"""What AWS answers only in part, or not quite what a check asks for, is not passed."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from credguard.app.audit import run as app
from credguard.app.context import Context
from credguard.aws.model import Credentials
from credguard.report import audit as report
from tests.support.audited import REGION, Account
from tests.support.simulator import ACCOUNT


@pytest.fixture
def ctx(compiled_rules: None):
    made = Context()
    yield made
    made.db.close()


def audited(ctx: Context, account: Account, *checks: str) -> list[report.Row]:
    key = account.simulator
    wanted = app.Wanted(regions=(REGION,), only=checks)
    made = app.audit_with(ctx, Credentials(key.key_id, key.secret, None, "aws"), wanted)
    return list(made.results)


def answer(account: Account, operation: str, value: Any) -> None:
    """What AWS answers to a call from now on: JSON."""
    setattr(account, f"_{operation}", lambda _request: account._json(value))


def trail(account: Account, **selector: Any) -> None:
    account.client("s3").create_bucket(Bucket="logs")
    made = account.client("cloudtrail")
    made.create_trail(Name="main", S3BucketName="logs", IsMultiRegionTrail=True)
    made.start_logging(Name="main")
    given = {"ReadWriteType": "All", "IncludeManagementEvents": True, **selector}
    made.put_event_selectors(TrailName="main", EventSelectors=[given])


def plain_trail(account: Account) -> None:
    trail(account)


def trail_without_kms(account: Account) -> None:
    trail(account, ExcludeManagementEventSources=["kms.amazonaws.com"])


def trail_that_cannot_deliver(account: Account) -> None:
    trail(account)
    answer(account, "GetTrailStatus", {"IsLogging": True, "LatestDeliveryError": "NoSuchBucket"})


def trail_that_is_listed_only(account: Account) -> None:
    trail(account)
    answer(account, "DescribeTrails", {"trailList": []})


def budget(account: Account, **rest: Any) -> None:
    told = {
        "Notification": {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN",
                         "Threshold": 80.0},
        "Subscribers": [{"SubscriptionType": "EMAIL", "Address": "a@b.example"}],
    }  # fmt: skip
    account.client("budgets").create_budget(
        AccountId=ACCOUNT,
        Budget={"BudgetName": "b", "BudgetType": "COST", "TimeUnit": "MONTHLY",
                "BudgetLimit": {"Amount": "100", "Unit": "USD"}, **rest},
        NotificationsWithSubscribers=[told],
    )  # fmt: skip


def budget_of_hours(account: Account) -> None:
    budget(account, BudgetType="USAGE")


def budget_of_one_service(account: Account) -> None:
    budget(account, CostFilters={"Service": ["Amazon Simple Storage Service"]})


def alarm_without_data(account: Account) -> None:
    topic = account.client("sns").create_topic(Name="bill")["TopicArn"]
    account.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="a@b.example")
    made = account.client("cloudwatch")
    made.put_metric_alarm(
        AlarmName="bill", Namespace="AWS/Billing", MetricName="EstimatedCharges", Period=21600,
        Statistic="Maximum", Threshold=100, EvaluationPeriods=1, AlarmActions=[topic],
        ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    made.set_alarm_state(AlarmName="bill", StateValue="INSUFFICIENT_DATA", StateReason="none yet")


def function_that_hides_its_variables(account: Account) -> None:
    one = {
        "FunctionName": "f", "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f",
        "Environment": {"Error": {"ErrorCode": "AccessDeniedException", "Message": "kms"}},
    }  # fmt: skip
    answer(account, "ListFunctions", {"Functions": [one]})


def machine(account: Account) -> str:
    made = account.client("ec2").run_instances(
        ImageId=account.client("ec2").describe_images()["Images"][0]["ImageId"],
        MinCount=1, MaxCount=1,
    )  # fmt: skip
    return str(made["Instances"][0]["InstanceId"])


def machine_without_a_count(account: Account) -> None:
    item = {
        "ComplianceType": "Patch", "ResourceType": "ManagedInstance",
        "ResourceId": machine(account), "Status": "NON_COMPLIANT",
        "ExecutionSummary": {"ExecutionTime": 4e9},
    }  # fmt: skip
    answer(account, "ListResourceComplianceSummaries", {"ResourceComplianceSummaryItems": [item]})


def _listed(account: Account, port: int, *nets: str) -> None:
    ec2 = account.client("ec2")
    made = ec2.create_managed_prefix_list(
        PrefixListName="office", MaxEntries=5, AddressFamily="IPv4",
        Entries=[{"Cidr": net} for net in nets],
    )["PrefixList"]  # fmt: skip
    group = ec2.create_security_group(GroupName="web", Description="web")["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": port, "ToPort": port,
                        "PrefixListIds": [{"PrefixListId": made["PrefixListId"]}]}],
    )  # fmt: skip


def list_of_the_world(account: Account) -> None:
    _listed(account, 22, "192.0.2.0/24", "0.0.0.0/0")


def list_of_an_office(account: Account) -> None:
    _listed(account, 22, "192.0.2.0/24")


def list_that_is_refused(account: Account) -> None:
    _listed(account, 22, "192.0.2.0/24")
    account.refused["GetManagedPrefixListEntries"] = "denied"


@pytest.mark.parametrize(
    ("check", "seed", "status"),
    [
        ("trail-on", plain_trail, "PASS"),
        ("trail-on", trail_without_kms, "FAIL"),
        ("trail-on", trail_that_cannot_deliver, "FAIL"),
        ("trail-on", trail_that_is_listed_only, "UNKNOWN"),
        ("trail-validation", trail_that_is_listed_only, "UNKNOWN"),
        ("billing-alarm", budget, "PASS"),
        ("billing-alarm", budget_of_hours, "FAIL"),
        ("billing-alarm", budget_of_one_service, "FAIL"),
        ("billing-alarm", alarm_without_data, "UNKNOWN"),
        ("secret-function", function_that_hides_its_variables, "UNKNOWN"),
        ("patches", machine_without_a_count, "FAIL"),
        ("port-admin", list_of_the_world, "FAIL"),
        ("port-admin", list_that_is_refused, "UNKNOWN"),
    ],
)
def test_what_it_says(
    ctx: Context, account: Account, check: str, seed: Callable[[Account], None], status: str
) -> None:
    seed(account)
    found = [each for each in audited(ctx, account, check) if "default" not in each.evidence]
    assert {each.status for each in found} == {status}, [each.evidence for each in found]


def test_a_list_of_few_addresses_is_passed(ctx: Context, account: Account) -> None:
    list_of_an_office(account)
    assert {each.status for each in audited(ctx, account, "port-admin")} == {"PASS"}
    # What no check asks for is not read.
    account.calls.clear()
    audited(ctx, account, "port-unused-group")
    assert "GetManagedPrefixListEntries" not in account.calls


def test_a_user_data_that_was_not_read_to_its_end_is_not_passed(
    ctx: Context, account: Account
) -> None:
    from credguard.app.audit.look import look
    from credguard.audit.known import Unknown

    deep = json.dumps({"a": 1}).encode()
    import gzip

    for _ in range(12):
        deep = gzip.compress(deep)
    assert isinstance(look(deep, "user-data"), Unknown)
    assert look(b"#!/bin/sh\necho hello\n", "user-data") == ()
