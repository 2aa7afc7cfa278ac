"""The console's federation endpoint: temporary credentials in, a sign-in URL out.

Source: "Enable custom identity broker access to the AWS console", IAM User Guide. The credentials
are sent in a body, not in an address, which proxies log.
"""

import json
import os
from typing import Any
from urllib.parse import urlencode, urlsplit

from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies
from urllib3.exceptions import HTTPError

from credguard.aws.clients import LIMITS
from credguard.aws.model import Credentials, main_region
from credguard.errors import AwsError, ConfigError, NetworkDown, NotPermitted, Unsupported
from credguard.secret import Secret

_MOST_BYTES = 64 << 10
# Other partitions have no documented endpoint.
_DOMAINS = {
    "aws": ("signin.aws.amazon.com", "console.aws.amazon.com"),
    "aws-cn": ("signin.amazonaws.cn", "console.amazonaws.cn"),
    "aws-us-gov": ("signin.amazonaws-us-gov.com", "console.amazonaws-us-gov.com"),
}


def console(partition: str, region: str | None) -> str:
    """The console's start page. Raises Unsupported for a partition without a known one."""
    return f"https://{_domains(partition)[1]}/console/home?" + urlencode(
        {"region": region or main_region(partition)}
    )


def check_destination(partition: str, url: str) -> None:
    """Raise ConfigError when `url` is no page of the partition's console: AWS takes no other."""
    domain = _domains(partition)[1]
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme != "https" or not (host == domain or host.endswith("." + domain)):
        raise ConfigError(
            "the destination is not a page of the console", hint=f"such as https://{domain}/s3/home"
        )


def sign_in_url(
    credentials: Credentials, partition: str, destination: str, duration_s: int | None
) -> Secret:
    """A URL that signs in whoever opens it, for 15 minutes; the console session then begins.

    `duration_s`: of the console session, for a role's credentials that no other role's got; None:
    as long as the credentials. AWS_ENDPOINT_URL_SIGNIN replaces the endpoint. Raises NotPermitted
    (AWS does not take the credentials), NetworkDown, Unsupported.
    """
    given = os.environ.get("AWS_ENDPOINT_URL_SIGNIN", "").rstrip("/")
    endpoint = (given or f"https://{_domains(partition)[0]}") + "/federation"
    token = credentials.token
    session = {
        "sessionId": credentials.key_id,
        "sessionKey": credentials.secret.reveal(),
        "sessionToken": token.reveal() if token is not None else "",
    }
    form = {"Action": "getSigninToken", "Session": json.dumps(session)}
    if duration_s is not None:
        form["SessionDuration"] = str(duration_s)
    signin = _token(endpoint, _posted(endpoint, form))
    query = {
        "Action": "login",
        "Destination": destination,
        "SigninToken": signin,
    }
    return Secret(f"{endpoint}?{urlencode(query)}")


def _domains(partition: str) -> tuple[str, str]:
    if partition not in _DOMAINS:
        raise Unsupported(
            f"the console's sign-in endpoint of partition {partition} is not known",
            hint="sign in to that console by its own page",
        )
    return _DOMAINS[partition]


def _posted(endpoint: str, form: dict[str, str]) -> bytes:
    # The stubs know neither a bundle's path nor a pair of limits.
    options: dict[str, Any] = {
        "verify": os.environ.get("AWS_CA_BUNDLE") or True,
        "proxies": get_environ_proxies(endpoint),
        "timeout": (LIMITS["connect_timeout"], LIMITS["read_timeout"]),
    }
    http = URLLib3Session(**options)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    request = AWSRequest("POST", endpoint, headers, urlencode(form).encode(), stream_output=True)
    place = urlsplit(endpoint).hostname
    try:
        answer = http.send(request.prepare())
        status, body = answer.status_code, answer.raw.read(_MOST_BYTES + 1)
    except (BotoCoreError, HTTPError, OSError, ValueError) as exc:
        kind = type(exc).__name__
        _forget(exc)
        raise NetworkDown(f"the console's sign-in at {place} gave no answer ({kind})") from None
    finally:
        http.close()
    if 400 <= status < 500:
        raise NotPermitted(
            f"the console's sign-in at {place} does not take these credentials (HTTP {status})",
            hint="a shorter --duration may be taken; else check that the role may use the console",
        )
    if status != 200:
        raise NetworkDown(f"the console's sign-in at {place} failed (HTTP {status})")
    return bytes(body)


def _forget(exc: BaseException) -> None:
    # It may hold the request, and that the credentials.
    exc.args = ()
    exc.__dict__.clear()
    exc.__traceback__ = exc.__context__ = exc.__cause__ = None


def _token(endpoint: str, body: bytes) -> str:
    try:
        found = json.loads(body)["SigninToken"] if len(body) <= _MOST_BYTES else None
    except (ValueError, KeyError, TypeError):
        found = None
    if not isinstance(found, str) or not found:
        raise AwsError(
            f"the console's sign-in at {urlsplit(endpoint).hostname} gave no usable answer",
            hint="check the network (a proxy's own page?), then run it again",
        )
    return found
