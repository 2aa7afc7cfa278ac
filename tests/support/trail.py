"""CloudTrail's LookupEvents, which the simulator has not: an account's event history."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.support.wire import Answer, Request, json_answer


def event(
    at: float, name: str, key_id: str, user: str = "dev", *, source: str = "iam", agent: str = "x",
    address: str = "192.0.2.1", region: str = "us-east-1", error: str = "",
    asked: dict[str, Any] | None = None, given: dict[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """One event as LookupEvents gives it; see "CloudTrail record contents" in the User Guide."""
    record: dict[str, Any] = {
        "eventName": name, "eventSource": f"{source}.amazonaws.com", "awsRegion": region,
        "sourceIPAddress": address, "userAgent": agent, "requestParameters": asked,
        "responseElements": given,
    }  # fmt: skip
    if error:
        record["errorCode"] = error
    return {
        "EventId": f"{name}-{at}-{key_id}", "EventName": name, "EventTime": at,
        "EventSource": f"{source}.amazonaws.com", "Username": user, "AccessKeyId": key_id,
        "CloudTrailEvent": json.dumps(record),
    }  # fmt: skip


@dataclass
class Trail:
    """`events`: by region, in any order; `page`: how many an answer has at most."""

    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    page: int = 50

    def add(self, *events: dict[str, Any], region: str = "us-east-1") -> None:
        self.events.setdefault(region, []).extend(events)

    def answer(self, request: Request) -> Answer:
        asked = json.loads(request.body)
        (attribute,) = asked["LookupAttributes"]
        fitting = [
            each
            for each in self.events.get(request.region, [])
            if each[attribute["AttributeKey"]] == attribute["AttributeValue"]
            and each["EventTime"] >= asked["StartTime"]
        ]
        fitting.sort(key=lambda each: -each["EventTime"])
        first = int(asked.get("NextToken", "0"))
        last = first + min(self.page, asked.get("MaxResults", 50))
        body: dict[str, Any] = {"Events": fitting[first:last]}
        if last < len(fitting):
            body["NextToken"] = str(last)
        return json_answer(body)
