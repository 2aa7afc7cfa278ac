"""AWS requests and answers as bytes: what a request says, is it signed, how a refusal looks."""

import contextlib
import hmac
import http.client
import json
import urllib.parse
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, Literal
from xml.sax.saxutils import escape

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

Protocol = Literal["query", "ec2", "json", "s3"]

_UPSTREAM_S = 30
# Of the connection, not of the request.
_HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "expect", "transfer-encoding"}


@dataclass
class Request:
    """One HTTP request, taken apart. `key_id`, `region`, `service`: of its signature's scope."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    key_id: str = ""
    region: str = ""
    service: str = ""
    action: str = ""
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def protocol(self) -> Protocol:
        if self.header("X-Amz-Target"):
            return "json"
        if self.service == "ec2":
            return "ec2"
        return "s3" if self.service == "s3" else "query"

    def header(self, name: str) -> str:
        return next((v for k, v in self.headers.items() if k.lower() == name.lower()), "")


@dataclass
class Answer:
    """One HTTP answer; `headers` without Date and Content-Length."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/xml"})
    code: str = ""

    def __str__(self) -> str:
        return f"{self.status} {self.code}".strip()


def request_of(method: str, path: str, headers: Message, body: bytes) -> Request:
    kept = {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}
    request = Request(method, path, kept, body)
    scope = _between("Credential=", request.header("Authorization")).split("/")
    if len(scope) == 5:
        request.key_id, _, request.region, request.service, _ = scope
    query = urllib.parse.urlsplit(path).query
    text = body.decode("utf-8", "replace") if "form" in request.header("Content-Type") else query
    request.parameters = dict(urllib.parse.parse_qsl(text, keep_blank_values=True))
    target = request.header("X-Amz-Target")
    request.action = target.rpartition(".")[2] or request.parameters.get("Action", method)
    return request


def signed_by(request: Request, secret: str) -> bool:
    """Is the request's signature the one that `secret` makes?"""
    signed = _between("SignedHeaders=", request.header("Authorization")).split(";")
    copy = AWSRequest(
        method=request.method,
        url=_url(request),
        data=request.body,
        headers={name: request.header(name) for name in signed},
    )
    copy.context["timestamp"] = request.header("X-Amz-Date")
    auth = SigV4Auth(Credentials(request.key_id, secret), request.service, request.region)
    expected = auth.signature(auth.string_to_sign(copy, auth.canonical_request(copy)), copy)
    given = _between("Signature=", request.header("Authorization"))
    return hmac.compare_digest(expected, given)


def signed_again(request: Request, key_id: str, secret: str) -> Request:
    """The same request, signed by another long-term key."""
    dropped = {"authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"}
    copy = AWSRequest(
        method=request.method,
        url=_url(request),
        data=request.body,
        headers={k: v for k, v in request.headers.items() if k.lower() not in dropped},
    )
    SigV4Auth(Credentials(key_id, secret), request.service, request.region).add_auth(copy)
    return request_of(request.method, request.path, copy.headers, request.body)


def _url(request: Request) -> str:
    return f"http://{request.header('Host')}{request.path}"


def _between(start: str, text: str) -> str:
    return text.partition(start)[2].partition(",")[0]


_Row = tuple[int, str]
# kind -> protocol -> (HTTP status, error code). EC2, S3 and the JSON services have names of their
# own: docs.aws.amazon.com, "Common errors" of IAM and STS, "Error codes for the Amazon EC2 API",
# S3 "Error responses". IAM and STS tell an outdated signature by SignatureDoesNotMatch.
REFUSALS: dict[str, dict[Protocol, _Row]] = {
    "500": {
        "query": (500, "InternalFailure"),
        "ec2": (500, "InternalError"),
        "json": (500, "InternalFailure"),
        "s3": (500, "InternalError"),
    },
    "503": {
        "query": (503, "ServiceUnavailable"),
        "ec2": (503, "Unavailable"),
        "json": (503, "ServiceUnavailable"),
        "s3": (503, "ServiceUnavailable"),
    },
    "throttled": {
        "query": (400, "Throttling"),
        "ec2": (503, "RequestLimitExceeded"),
        "json": (400, "ThrottlingException"),
        "s3": (503, "SlowDown"),
    },
    "denied": {
        "query": (403, "AccessDenied"),
        "ec2": (403, "UnauthorizedOperation"),
        "json": (400, "AccessDeniedException"),
        "s3": (403, "AccessDenied"),
    },
    "expired-token": {
        "query": (403, "ExpiredToken"),
        "ec2": (400, "RequestExpired"),
        "json": (400, "ExpiredTokenException"),
        "s3": (400, "ExpiredToken"),
    },
    "request-expired": {
        "query": (400, "RequestExpired"),
        "ec2": (400, "RequestExpired"),
        "json": (400, "RequestExpired"),
        "s3": (403, "RequestTimeTooSkewed"),
    },
    "clock-skew": {
        "query": (403, "SignatureDoesNotMatch"),
        "ec2": (400, "RequestExpired"),
        "json": (400, "InvalidSignatureException"),
        "s3": (403, "RequestTimeTooSkewed"),
    },
    "bad-signature": {
        "query": (403, "SignatureDoesNotMatch"),
        "ec2": (401, "AuthFailure"),
        "json": (400, "InvalidSignatureException"),
        "s3": (403, "SignatureDoesNotMatch"),
    },
    "invalid-key": {
        "query": (403, "InvalidClientTokenId"),
        "ec2": (401, "AuthFailure"),
        "json": (400, "UnrecognizedClientException"),
        "s3": (403, "InvalidAccessKeyId"),
    },
    "invalid-web-token": {
        "query": (400, "InvalidIdentityToken"),
        "ec2": (400, "InvalidIdentityToken"),
        "json": (400, "InvalidIdentityToken"),
        "s3": (400, "InvalidToken"),
    },
    "invalid-value": {
        "query": (400, "ValidationError"),
        "ec2": (400, "InvalidParameterValue"),
        "json": (400, "ValidationException"),
        "s3": (400, "InvalidArgument"),
    },
}


def json_answer(row: dict[str, Any], status: int = 200, code: str = "") -> Answer:
    """`row` as the services of the JSON protocol answer."""
    body = json.dumps(row).encode()
    return Answer(status, body, {"Content-Type": "application/x-amz-json-1.1"}, code)


def refusal(kind: str, request: Request, message: str = "") -> Answer:
    """The answer AWS gives for `kind` (a key of REFUSALS) in the request's protocol."""
    protocol = request.protocol
    status, code = REFUSALS[kind][protocol]
    text = message or f"simulated: {kind}"
    if protocol == "json":
        return json_answer({"__type": code, "message": text}, status, code)
    error = f"<Code>{code}</Code><Message>{escape(text)}</Message>"
    blame = "Receiver" if status >= 500 else "Sender"
    xml = {
        "query": f"<ErrorResponse><Error><Type>{blame}</Type>{error}</Error>"
        "<RequestId>simulated</RequestId></ErrorResponse>",
        "ec2": f"<Response><Errors><Error>{error}</Error></Errors>"
        "<RequestID>simulated</RequestID></Response>",
        "s3": f"<Error>{error}<RequestId>simulated</RequestId></Error>",
    }[protocol]
    return Answer(status, xml.encode(), {"Content-Type": "text/xml"}, code)


def forward(address: str, request: Request) -> Answer:
    """Send the request as it is, its Host header included, to `address` (host:port)."""
    with contextlib.closing(http.client.HTTPConnection(address, timeout=_UPSTREAM_S)) as upstream:
        upstream.request(request.method, request.path, request.body, request.headers)
        got = upstream.getresponse()
        dropped = {"date", "content-length", *_HOP_BY_HOP}
        headers = {k: v for k, v in got.getheaders() if k.lower() not in dropped}
        answer = Answer(got.status, got.read(), headers)
    answer.code = error_code(answer)
    return answer


def error_code(answer: Answer) -> str:
    """The error code in an upstream answer; "" for none."""
    if answer.status < 400:
        return ""
    if answer.body[:1] == b"{":
        return str(json.loads(answer.body).get("__type", ""))
    try:
        return texts(ET.fromstring(answer.body)).get("Code", "")
    except ET.ParseError:
        return ""


def tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def texts(root: ET.Element) -> dict[str, str]:
    """Each element's text by its name without namespace; the last wins."""
    return {tag(each): each.text or "" for each in root.iter()}


def with_texts(body: bytes, **values: str) -> bytes:
    """The XML with the text of each element named in `values` replaced."""
    root = ET.fromstring(body)
    for element in root.iter():
        element.text = values.get(tag(element), element.text)
    return ET.tostring(root)
