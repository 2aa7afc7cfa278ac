"""Alarms on the bill, and budgets.

Sources: "Create a billing alarm", CloudWatch User Guide (the metric lives in us-east-1 only); AWS
Budgets API Reference (a notification always has a subscriber).
"""

from typing import Any

from credguard.audit.facts import Alarm, Budget
from credguard.audit.known import Fact
from credguard.aws.audit.reader import Reader, fact, pages

# What is asked about each of them; more of them say nothing new.
_MOST = 5


def alarms(reader: Reader) -> Fact[tuple[Alarm, ...]]:
    """The alarms on the estimated charges, and whether someone confirmed to get them."""

    def read() -> tuple[Alarm, ...]:
        with reader.client("cloudwatch", reader.main) as made:
            found = [
                each
                for each in pages(
                    made, "describe_alarms", "MetricAlarms", AlarmTypes=["MetricAlarm"]
                )
                if _of_the_bill(each)
            ]
        with reader.client("sns", reader.main) as sns:
            return tuple(
                Alarm(each["AlarmName"], bool(each.get("ActionsEnabled", True)), _heard(sns, each))
                for each in found[:_MOST]
            )

    return fact("alarms", f"region {reader.main}", read)


def _of_the_bill(alarm: dict[str, Any]) -> bool:
    metrics = [
        alarm,
        *(m.get("MetricStat", {}).get("Metric", {}) for m in alarm.get("Metrics", [])),
    ]
    return any(
        (each.get("Namespace"), each.get("MetricName")) == ("AWS/Billing", "EstimatedCharges")
        for each in metrics
    )


def _heard(sns: Any, alarm: dict[str, Any]) -> Fact[bool]:
    def read() -> bool:
        for action in alarm.get("AlarmActions", []):
            if ":sns:" not in action:
                return True  # a function or an incident plan
            for each in pages(sns, "list_subscriptions_by_topic", "Subscriptions", TopicArn=action):
                if str(each.get("SubscriptionArn", "")).startswith("arn:"):
                    return True
        return False

    return fact("alarm.heard", f"alarm {alarm['AlarmName']}", read)


def budgets(reader: Reader) -> Fact[tuple[Budget, ...]]:
    """The budgets, and whether they tell someone."""

    def read() -> tuple[Budget, ...]:
        with reader.client("budgets", reader.main) as made:
            names = [
                each["BudgetName"]
                for each in pages(made, "describe_budgets", "Budgets", AccountId=reader.account)
            ]
            return tuple(Budget(name, _told(made, reader.account, name)) for name in names[:_MOST])

    return fact("budgets", "the account", read)


def _told(made: Any, account: str, name: str) -> Fact[bool]:
    return fact(
        "budget.heard",
        f"budget {name}",
        lambda: any(
            True
            for _ in pages(
                made, "describe_notifications_for_budget", "Notifications",
                AccountId=account, BudgetName=name,
            )
        ),
    )  # fmt: skip
