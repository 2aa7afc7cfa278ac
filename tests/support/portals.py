"""IAM Identity Center's portal and token service, and the console's sign-in, on the loopback."""

import json
import time
import urllib.parse
from collections.abc import Iterator

import pytest

from tests.support import samples
from tests.support.loopback import LoopbackServer, Reply
from tests.support.wire import Answer, Request

_JSON = {"Content-Type": "application/json"}


class Portal:
    """`tokens`: the access tokens that are good. `ends`: of role credentials, Unix seconds.

    `refresh`: the refresh token that is taken; the access token then given is "renewed".
    """

    def __init__(self) -> None:
        self.tokens: set[str] = set()
        self.refresh = ""
        self.ends = time.time() + 3600
        self.denied = False
        self.asked: list[str] = []
        self.key_id = samples.aws_key_id(31, prefix="AS" + "IA")
        self.secret = samples.aws_secret(31)
        self.token = samples.text(200, 31)
        self._server = LoopbackServer(self._answer, time.time)
        self.url = self._server.url

    def close(self) -> None:
        self._server.stop()

    def _answer(self, request: Request) -> Reply:
        path, _, query = request.path.partition("?")
        self.asked.append(path)
        if path == "/token":
            given = json.loads(request.body)
            if not self.refresh or given.get("refreshToken") != self.refresh:
                return _told(400, {"error": "invalid_grant"}, "InvalidGrantException")
            self.tokens = {"renewed"}
            return _told(200, {"accessToken": "renewed", "expiresIn": 3600, "tokenType": "Bearer"})
        if request.header("x-amz-sso_bearer_token") not in self.tokens:
            return _told(401, {"message": "Session token not found"}, "UnauthorizedException")
        if self.denied:
            return _told(403, {"message": "No access"}, "ForbiddenException")
        asked = dict(urllib.parse.parse_qsl(query))
        assert asked == {"account_id": "123456789012", "role_name": "dev"}
        credentials = {
            "accessKeyId": self.key_id,
            "secretAccessKey": self.secret,
            "sessionToken": self.token,
            "expiration": int(self.ends * 1000),
        }
        return _told(200, {"roleCredentials": credentials})


def _told(status: int, body: dict[str, object], error: str = "") -> Reply:
    headers = _JSON | ({"x-amzn-ErrorType": error} if error else {})
    return Reply(Answer(status, json.dumps(body).encode(), headers))


class SignIn:
    """The console's federation endpoint. `answer`: (status, body) instead of a token."""

    def __init__(self) -> None:
        self.token = samples.text(300, 32)
        self.answer: tuple[int, bytes] | None = None
        self.forms: list[dict[str, str]] = []
        self._server = LoopbackServer(self._answer, time.time)
        self.url = self._server.url

    def close(self) -> None:
        self._server.stop()

    def _answer(self, request: Request) -> Reply:
        assert (request.method, request.path) == ("POST", "/federation")
        self.forms.append(dict(urllib.parse.parse_qsl(request.body.decode())))
        if self.answer is not None:
            return Reply(Answer(self.answer[0], self.answer[1], _JSON))
        return _told(200, {"SigninToken": self.token})


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Portal]:
    """In AWS_ENDPOINT_URL_SSO and AWS_ENDPOINT_URL_SSO_OIDC."""
    made = Portal()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", made.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO_OIDC", made.url)
    yield made
    made.close()


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Iterator[SignIn]:
    """In AWS_ENDPOINT_URL_SIGNIN."""
    made = SignIn()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SIGNIN", made.url)
    yield made
    made.close()
