"""The `account` fixture: an account of the simulator to audit, bad, good, empty or refused.

It stands in front of the simulator and adds what that has not: the root user's part of summary and
report, ages, deletion protection of log groups, patches, Access Analyzer, the refusal of any call.
"""

import base64
import csv
import io
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from credguard.demo import simulator as local_aws
from tests.support import wire
from tests.support.loopback import LoopbackServer, Reply
from tests.support.simulator import ACCOUNT, Simulator
from tests.support.wire import Answer, Request

REGION = "us-east-1"
DAY = 86400.0
# Method and path of the services that speak REST, tried in this order.
_REST = (
    ("GET", r"/v20180820/configuration/publicAccessBlock", "GetAccountPublicAccessBlock"),
    ("PUT", r"/v20180820/configuration/publicAccessBlock", "PutAccountPublicAccessBlock"),
    ("GET", r"/v20180820/accesspoint(\?|$)", "ListAccessPoints"),
    ("GET", r"/v20180820/accesspoint/[^/]+/policyStatus", "GetAccessPointPolicyStatus"),
    ("GET", r"/v20180820/accesspoint/[^/]+/policy", "GetAccessPointPolicy"),
    ("GET", r"/v20180820/accesspoint/", "GetAccessPoint"),
    ("GET", r"/v20180820/mrap/instances(\?|$)", "ListMultiRegionAccessPoints"),
    ("GET", r"/2015-03-31/functions", "ListFunctions"),
    ("GET", r"/detector$", "ListDetectors"),
    ("GET", r"/detector/", "GetDetector"),
    ("GET", r"/analyzer", "ListAnalyzers"),
    ("PUT", r"/analyzer", "CreateAnalyzer"),
    ("GET", r"/accounts", "DescribeHub"),
    ("POST", r"/getAlternateContact", "GetAlternateContact"),
    ("POST", r"/service/[^/]*/operation/(\w+)", ""),
    ("GET", r"/[^/?]+\?policyStatus", "GetBucketPolicyStatus"),
    ("GET", r"/[^/?]+\?policy", "GetBucketPolicy"),
    ("GET", r"/[^/?]+\?acl", "GetBucketAcl"),
    ("GET", r"/[^/?]+\?publicAccessBlock", "GetBucketPublicAccessBlock"),
    ("GET", r"/[^/?]+\?versioning", "GetBucketVersioning"),
    ("GET", r"/[^/?]+\?object-lock", "GetObjectLockConfiguration"),
    ("GET", r"/(\?|$)", "ListBuckets"),
)


def operation(request: Request) -> str:
    """The API operation that a request is for."""
    if request.header("X-Amz-Target") or "Action" in request.parameters:
        return request.action
    for method, path, name in _REST:
        if request.method == method and (found := re.match(path, request.path)):
            return name or found[1]
    return f"{request.method} {request.path}"


def _cbor(text: str) -> bytes:
    return bytes([0x78, len(text)]) + text.encode()


def _refused(request: Request, kind: str) -> Answer:
    status, code = (403, "AccessDenied") if kind == "denied" else (500, "InternalError")
    if "cbor" in request.header("Smithy-Protocol"):
        body = b"\xa2" + _cbor("__type") + _cbor(code) + _cbor("message") + _cbor("no")
        headers = {"Content-Type": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor"}
        return Answer(status, body, headers, code)
    if request.service not in ("ec2", "iam", "s3", "sns", "sts"):
        code = "AccessDeniedException" if kind == "denied" else "InternalServerException"
        body = json.dumps({"__type": code, "message": "no"}).encode()
        return Answer(status, body, {"x-amzn-ErrorType": code}, code)
    return wire.refusal("denied" if kind == "denied" else "500", request)


def backend() -> Any:
    """moto's EC2 of the region, for what no request can say."""
    from moto.ec2.models import ec2_backends

    return ec2_backends[ACCOUNT][REGION]


def seeded_image() -> str:
    """An image that is there."""
    return str(next(iter(backend().amis)))


@cache
def _client(service: str, region: str, url: str) -> Any:
    import boto3

    return boto3.client(
        service, region, endpoint_url=url, aws_access_key_id="seed", aws_secret_access_key="seed"
    )


class Account:
    """The account and its switches.

    `refused`: operation, or "*", -> "denied" or "500". `root`: MFA ("", app, hardware) and keys.
    `report`: columns of the credential report, by user.
    `boundaries`: of users, as ARNs.
    `calls`: every operation asked for, in order.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.refused: dict[str, str] = {}
        self.root_mfa, self.root_keys = "", False
        self.report: dict[str, dict[str, str]] = {}
        self.protected: set[str] = set()
        self.patches: dict[str, int] = {}
        self.analyzers = False
        self.boundaries: dict[str, str] = {}
        self.calls: list[str] = []
        self._lock = threading.Lock()
        self._upstream = simulator.url.removeprefix("http://")
        self._server = LoopbackServer(self._handle, time.time)
        self.url = self._server.url

    def close(self) -> None:
        self._server.stop()

    def client(self, service: str, region: str = REGION) -> Any:
        """A client past the front, for seeding."""
        # Making a client costs more than most of what a test does with it.
        return _client(service, region, self.simulator.url)

    def front(self, service: str, region: str = REGION) -> Any:
        """A client of what an audit sees."""
        return _client(service, region, self.url)

    def _handle(self, request: Request) -> Reply:
        name = operation(request)
        with self._lock:
            self.calls.append(name)
        refused = self.refused.get(name) or self.refused.get("*")
        if refused and name != "GetCallerIdentity":
            return Reply(_refused(request, refused))
        own = getattr(self, f"_{name}", None)
        if own is not None:
            return Reply(own(request))
        answer = wire.forward(self._upstream, request)
        change = getattr(self, f"_after_{name}", None)
        if change is not None and answer.status == 200:
            answer.body = change(answer.body)
        return Reply(answer)

    def _json(self, value: dict[str, Any]) -> Answer:
        return Answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _after_GetAccountSummary(self, body: bytes) -> bytes:
        text = body.decode()
        for key, value in (
            ("AccountMFAEnabled", int(bool(self.root_mfa))),
            ("AccountAccessKeysPresent", int(self.root_keys)),
        ):
            text = re.sub(
                rf"(<key>{key}</key>\s*<value>)\d+", lambda m, v=value: f"{m[1]}{v}", text
            )
        return text.encode()

    def _after_ListVirtualMFADevices(self, body: bytes) -> bytes:
        if self.root_mfa != "app":
            return body
        serial = f"arn:aws:iam::{ACCOUNT}:mfa/root-account-mfa-device"
        member = f"<VirtualMFADevices><member><SerialNumber>{serial}</SerialNumber></member>"
        text = re.sub(r"<VirtualMFADevices ?/>", "<VirtualMFADevices></VirtualMFADevices>",
                      body.decode())  # fmt: skip
        return text.replace("<VirtualMFADevices>", member, 1).encode()

    def _after_GetCredentialReport(self, body: bytes) -> bytes:
        found = re.search(rb"<Content>(.*?)</Content>", body, re.DOTALL)
        assert found
        reader = csv.DictReader(io.StringIO(base64.b64decode(found[1]).decode()))
        rows, names = list(reader), list(reader.fieldnames or [])
        root = dict.fromkeys(names, "N/A") | {
            "user": "<root_account>", "arn": f"arn:aws:iam::{ACCOUNT}:root",
            "password_enabled": "true", "password_last_used": "no_information",
        }  # fmt: skip
        out = io.StringIO()
        writer = csv.DictWriter(out, names)
        writer.writeheader()
        for row in [root, *rows]:
            writer.writerow({**row, **self.report.get(row["user"], {})})
        return body.replace(found[1], base64.b64encode(out.getvalue().encode()))

    def _after_GetAccountAuthorizationDetails(self, body: bytes) -> bytes:
        for name, arn in self.boundaries.items():
            user = f"<UserName>{name}</UserName>"
            edge = f"<PermissionsBoundaryArn>{arn}</PermissionsBoundaryArn>"
            put = f"{user}<PermissionsBoundary>{edge}</PermissionsBoundary>"
            body = body.replace(user.encode(), put.encode())
        return body

    def _after_DescribeLogGroups(self, body: bytes) -> bytes:
        found = json.loads(body)
        for each in found["logGroups"]:
            each["deletionProtectionEnabled"] = each["logGroupName"] in self.protected
        return json.dumps(found).encode()

    def _PutLogGroupDeletionProtection(self, request: Request) -> Answer:
        wanted = json.loads(request.body)
        change = self.protected.add if wanted["deletionProtectionEnabled"] else (
            self.protected.discard)  # fmt: skip
        change(wanted["logGroupIdentifier"])
        return self._json({})

    def _ListResourceComplianceSummaries(self, request: Request) -> Answer:
        items = [
            {"ComplianceType": "Patch", "ResourceType": "ManagedInstance", "ResourceId": name,
             "Status": "NON_COMPLIANT" if missing else "COMPLIANT",
             "ExecutionSummary": {"ExecutionTime": time.time() - DAY},
             "NonCompliantSummary": {"NonCompliantCount": missing}}
            for name, missing in self.patches.items()
        ]  # fmt: skip
        return self._json({"ResourceComplianceSummaryItems": items})

    def _StopInstances(self, request: Request) -> Answer:
        """moto stops one that is terminated."""
        wanted = [v for k, v in request.parameters.items() if k.startswith("InstanceId.")]
        for name in wanted:
            if backend().get_instance(name).state == "terminated":
                error = "<Code>IncorrectInstanceState</Code><Message>it is terminated</Message>"
                body = f"<Response><Errors><Error>{error}</Error></Errors></Response>"
                return Answer(400, body.encode(), {"Content-Type": "text/xml"})
        return wire.forward(self._upstream, request)

    def _SendCommand(self, request: Request) -> Answer:
        """A scan finds two patches missing, until they were installed."""
        wanted = json.loads(request.body)
        for name in wanted["Targets"][0]["Values"]:
            found = 0 if wanted["Parameters"]["Operation"] == ["Install"] else 2
            self.patches[name] = min(found, self.patches.get(name, found))
        return self._json({"Command": {"CommandId": "1" * 36, "Status": "Pending"}})

    def _CreateAnalyzer(self, request: Request) -> Answer:
        self.analyzers = True
        return self._json({"arn": "a"})

    def _ListAnalyzers(self, request: Request) -> Answer:
        one = {"arn": "a", "name": "account", "type": "ACCOUNT", "status": "ACTIVE",
               "createdAt": "2024-01-01T00:00:00Z"}  # fmt: skip
        return self._json({"analyzers": [one] if self.analyzers else []})

    def _DescribeSubscribersForNotification(self, request: Request) -> Answer:
        return self._json(
            {"Subscribers": [{"SubscriptionType": "EMAIL", "Address": "a@b.example"}]}
        )


@pytest.fixture
def account(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account with the user `dev`, whose key may do everything; nothing is checked by moto."""
    resolve = socket.getaddrinfo

    def near(host: Any, *rest: Any, **more: Any) -> Any:
        # S3 Control puts the account's number before the host.
        if isinstance(host, str) and host.endswith(".127.0.0.1"):
            host = "127.0.0.1"
        return resolve(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", near)
    made = Account(simulator)
    monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
    local_aws.enforce(simulator.url, False)
    yield made
    made.close()
