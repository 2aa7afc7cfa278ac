"""CloudTrail: what was done with a key, or by a user. All raise AwsError's classes.

Sources: LookupEvents in the CloudTrail API reference (management events of the last 90 days, of one
region, newest first, 50 an answer, two requests a second) and "CloudTrail record contents" in its
User Guide. Events come up to about 15 minutes late.
"""

import json
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from credguard.aws.clients import client
from credguard.aws.model import Credentials, TrailEvent
from credguard.aws.translate import translated

_PAGE = 50
_MOST = 500
_PAUSE_S = 0.5
# What names the thing that a call made or changed, in requestParameters.
_SUBJECTS = (
    "roleArn", "userName", "roleName", "groupName", "policyArn", "policyName", "keyName",
    "functionName", "name",
)  # fmt: skip


def lookup(
    creds: Credentials, region: str, attribute: str, value: str, since: float
) -> tuple[list[TrailEvent], bool]:
    """The events of `region` from `since` (Unix seconds) on, newest first, and whether these are
    all: at most 500 are read.

    `attribute`: AccessKeyId or Username. Reads only.
    """
    found: list[TrailEvent] = []
    token: dict[str, str] = {}
    with (
        translated("cloudtrail:LookupEvents", f"{value} in {region}"),
        closing(client("cloudtrail", creds, region)) as trail,
    ):
        while True:
            answer = trail.lookup_events(
                LookupAttributes=[{"AttributeKey": attribute, "AttributeValue": value}],
                StartTime=datetime.fromtimestamp(since, UTC),
                MaxResults=_PAGE,
                **token,
            )
            found += [_event(each) for each in answer.get("Events", [])]
            if not answer.get("NextToken"):
                return found, True
            if len(found) >= _MOST:
                return found, False
            token = {"NextToken": answer["NextToken"]}
            time.sleep(_PAUSE_S)


def _event(row: dict[str, Any]) -> TrailEvent:
    try:
        record = json.loads(row.get("CloudTrailEvent", "{}"))
    except ValueError:
        record = {}
    asked = _object(record, "requestParameters")
    given = _object(record, "responseElements")
    made = _object(given, "accessKey") or _object(given, "credentials")
    source = str(row.get("EventSource", record.get("eventSource", "")))
    subject = next((str(asked[name]) for name in _SUBJECTS if asked.get(name)), "")
    return TrailEvent(
        at=row["EventTime"].timestamp(),
        name=str(row.get("EventName", "")),
        service=source.removesuffix(".amazonaws.com"),
        region=str(record.get("awsRegion", "")),
        key_id=str(row.get("AccessKeyId", "")),
        address=str(record.get("sourceIPAddress", "")),
        agent=str(record.get("userAgent", "")),
        error=str(record.get("errorCode", "")),
        subject=subject,
        made=str(made.get("accessKeyId", "")),
        until=_moment(made.get("expiration")),
    )


def _object(row: dict[str, Any], name: str) -> dict[str, Any]:
    found = row.get(name)
    return found if isinstance(found, dict) else {}


def _moment(text: object) -> float | None:
    """CloudTrail writes "Nov 26, 2026, 1:02:03 AM", with a no-break space at times, or ISO 8601."""
    if not isinstance(text, str):
        return None
    plain = " ".join(text.split())
    for form in ("%b %d, %Y, %I:%M:%S %p", "%b %d, %Y %I:%M:%S %p", "%Y-%m-%dT%H:%M:%SZ"):
        try:
            return datetime.strptime(plain, form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    return None
