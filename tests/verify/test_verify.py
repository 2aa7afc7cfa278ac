import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from credguard.errors import ConfigError
from credguard.secret import Secret
from credguard.verify.http import (
    ACTIVE,
    INACTIVE,
    SERVICES,
    UNKNOWN,
    Answer,
    ask,
    ask_all,
    check_address,
    service_for,
)
from tests.support import samples
from tests.support.simulator import Simulator

pytestmark = pytest.mark.usefixtures("compiled_rules")

GITHUB, GITLAB, SLACK = SERVICES
Reply = tuple[int, dict[str, object]]


def github_token(seed: int = 1) -> str:
    return "gh" + "p_" + samples.text(36, seed)


def gitlab_token(seed: int = 1) -> str:
    return "glp" + "at-" + samples.text(20, seed)


def slack_token(seed: int = 1) -> str:
    return "xox" + "b-" + "1" * 11 + "-" + "2" * 11 + "-" + samples.text(24, seed)


@contextmanager
def server(answer: Callable[[str, str, dict[str, str]], Reply]) -> Iterator[tuple[str, list[str]]]:
    """A real HTTP server; gives its address and the requests that it got."""
    got: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            got.append(f"{self.command} {self.path}")
            status, body = answer(self.command, self.path, dict(self.headers))
            data = json.dumps(body).encode()
            self.send_response(status)
            if "location" in body:
                self.send_header("Location", str(body["location"]))
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}", got
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("service", "status", "body", "said"),
    [
        (GITHUB, 200, {"login": "mona"}, ACTIVE),
        (GITHUB, 401, {"message": "Bad credentials"}, INACTIVE),
        (GITHUB, 403, {"message": "Resource not accessible by integration"}, ACTIVE),
        (GITHUB, 403, {"message": "API rate limit exceeded"}, UNKNOWN),
        (GITHUB, 500, {}, UNKNOWN),
        (GITLAB, 200, {"name": "ci", "active": True, "revoked": False}, ACTIVE),
        (GITLAB, 200, {"name": "ci", "active": False}, INACTIVE),
        (GITLAB, 401, {}, INACTIVE),
        (GITLAB, 403, {"error": "insufficient_scope"}, ACTIVE),
        (GITLAB, 404, {}, UNKNOWN),
        (GITHUB, 200, {"welcome": "to this hotel's network"}, UNKNOWN),
        (GITLAB, 200, {}, UNKNOWN),
        (SLACK, 200, {"ok": True, "user": "u", "team": "t"}, ACTIVE),
        (SLACK, 200, {"ok": False, "error": "token_revoked"}, INACTIVE),
        (SLACK, 200, {"ok": False, "error": "ratelimited"}, UNKNOWN),
        (SLACK, 429, {"ok": False}, UNKNOWN),
    ],
)
def test_what_a_service_says(
    service: object, status: int, body: dict[str, object], said: str
) -> None:
    with server(lambda *_: (status, body)) as (address, got):
        assert ask(service, address, Secret("x" * 20)).status == said  # type: ignore[arg-type]
    assert got == [f"{service.method} {service.path}"]  # type: ignore[attr-defined]


def test_the_token_goes_into_the_header_and_nowhere_else() -> None:
    seen: list[tuple[str, dict[str, str]]] = []

    def answer(_method: str, path: str, headers: dict[str, str]) -> Reply:
        seen.append((path, headers))
        return 200, {"ok": True}

    with server(answer) as (address, _):
        for service in SERVICES:
            ask(service, address, Secret("tok"))
    assert [headers.get("Authorization") for _, headers in seen] == [
        "Bearer tok",
        None,
        "Bearer tok",
    ]
    assert [headers.get("Private-Token", headers.get("PRIVATE-TOKEN")) for _, headers in seen][
        1
    ] == "tok"
    assert not any("tok" in path.replace("tokens", "") for path, _ in seen)


def test_a_redirect_is_not_followed() -> None:
    with (
        server(lambda *_: (200, {"login": "thief"})) as (other, stolen),
        server(lambda *_: (302, {"location": other + "/user"})) as (address, _),
    ):
        assert ask(GITHUB, address, Secret("tok")).status == UNKNOWN
    assert stolen == []


def test_a_server_that_stays_silent_is_unknown_within_the_deadline() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        asks = [lambda: ask(GITHUB, address, Secret("tok"))] * 6
        answers = ask_all(asks, deadline_s=0.2)
    assert {each.status for each in answers} == {UNKNOWN}
    assert len(answers) == 6


def test_answers_keep_their_order() -> None:
    asks = [lambda at=at: Answer(ACTIVE, str(at)) for at in range(50)]
    assert [each.detail for each in ask_all(asks)] == [str(at) for at in range(50)]  # type: ignore[arg-type]


def test_a_proxy_is_not_asked_about_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        server(lambda *_: (200, {"login": "thief"})) as (proxy, asked),
        server(lambda *_: (200, {"login": "mona"})) as (address, _),
    ):
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.delenv("no_proxy", raising=False)
        assert ask(GITHUB, address, Secret("tok")).detail == "of mona"
    assert asked == []


def test_a_value_that_no_header_takes_is_not_told_by_the_error() -> None:
    answer = ask(GITHUB, "http://127.0.0.1:9", Secret("a\nsecret"))
    assert answer.status == UNKNOWN
    assert "secret" not in answer.detail


@pytest.mark.parametrize(
    "url", ["http://example.com", "ftp://x", "file:///etc/passwd", "https://", "https://a@b", ""]
)
def test_an_address_that_is_not_safe_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        check_address("github", url)


def test_who_is_asked_is_told_by_the_shape() -> None:
    for token, service in (
        (github_token(), GITHUB),
        (gitlab_token(), GITLAB),
        (slack_token(), SLACK),
    ):
        assert service_for(token.encode()) is service
    assert service_for(samples.aws_secret().encode()) is None
    assert Answer(ACTIVE).detail == ""


def scan(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "credguard", "scan", ".", "--format", "jsonl", *arguments],
        capture_output=True, text=True, timeout=100, cwd=tmp_path, check=False,
    )  # fmt: skip


def configured(home: Path, address: str) -> None:
    folder = home / ".config" / "credguard"
    folder.mkdir(parents=True)
    lines = [f'{name}_url = "{address}"' for name in ("github", "gitlab", "slack")]
    (folder / "config.toml").write_text("[verify]\n" + "\n".join(lines) + "\n")


def test_scan_says_what_it_sends_and_tells_the_answer(poisoned: Path, tmp_path: Path) -> None:
    dead = github_token(2)

    def answer(_method: str, _path: str, headers: dict[str, str]) -> Reply:
        return (401, {}) if dead in str(headers) else (200, {"login": "mona", "ok": True})

    lines = [f"a = '{github_token(1)}'", f"b = '{dead}'", f"c = '{github_token(1)}'"]
    lines += [f"d = '{github_token(3)}'  # credguard:allow"]
    (tmp_path / "a.py").write_text("\n".join(lines) + "\n")
    with server(answer) as (address, got):
        configured(poisoned, address)
        quiet = scan(tmp_path)
        assert got == []
        done = scan(tmp_path, "--verify")
    assert got == ["GET /user"] * 2
    assert f"--verify sends 2 tokens to {address}/user" in done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["verified"] for row in rows] == ["active", "inactive", "active"]
    assert rows[0]["verified_detail"] == "of mona"
    assert "verified" not in json.loads(quiet.stdout.splitlines()[0])
    for text in (done.stdout, done.stderr, quiet.stdout):
        assert dead[8:] not in text


def test_an_aws_pair_is_asked_by_get_caller_identity(simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "a.ini").write_text(
        f"[work]\naws_access_key_id = {simulator.key_id}\n"
        f"aws_secret_access_key = {simulator.secret.reveal()}\n"
    )
    done = scan(tmp_path, "--verify")
    assert "1 request signed with AWS keys" in done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["verified"] for row in rows} == {"active"}, done.stderr
    assert "user/dev" in rows[0]["verified_detail"]
    assert simulator.secret.reveal()[4:] not in done.stdout + done.stderr
    (tmp_path / "a.ini").write_text(
        f"aws_access_key_id = {samples.aws_key_id()}\n"
        f"aws_secret_access_key = {samples.aws_secret()}\n"
    )
    done = scan(tmp_path, "--verify")
    assert {json.loads(line)["verified"] for line in done.stdout.splitlines()} == {"inactive"}


@pytest.mark.parametrize("body", [b"[" * 60_000, b"<html>", b"\xff", b"[]", b"0", b'{"login": '])
def test_an_answer_that_is_no_services_is_unknown(body: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1 << 16)
                head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
                connection.sendall(head + body)

        thread = threading.Thread(target=answer)
        thread.start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        assert ask(GITHUB, address, Secret(github_token())).status == UNKNOWN
        thread.join()
