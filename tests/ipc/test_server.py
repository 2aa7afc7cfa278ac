"""Whatever a client does, the next one is answered, and each answer has a deadline."""

import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from credguard import paths
from credguard.ipc import client, server, wire
from credguard.ipc.message import Request
from credguard.ipc.server import Reply, Server
from tests.support import samples
from tests.support.agent import serving
from tests.support.daemon import until

PING = wire.framed(wire.request("ping"))


class Echo:
    """Answers at once; `creds` waits until `release` and then gives the profile."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.held: list[tuple[Request, Reply]] = []
        self.releasing = False

    def handle(self, request: Request, reply: Reply) -> None:
        if request.op == "creds":
            self.held.append((request, reply))
        elif request.op == "stop":
            raise ValueError(samples.aws_secret())
        elif request.op == "status":
            reply.send(wire.OK, b"x" * 60_000)
        else:
            reply.send(wire.OK, b"pong")

    def turn(self) -> float | None:
        if self.releasing:
            for request, reply in self.held:
                reply.send(wire.OK, request.profile.encode())
            self.held.clear()
            return None
        return 0.01


@pytest.fixture
def echo() -> Iterator[Echo]:
    with serving(Echo) as served:
        yield served._handler  # type: ignore[misc]


def connect() -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(30)
    sock.connect(paths.agent_socket())
    return sock


def said(sock: socket.socket) -> bytes:
    """All that comes until the other end closes."""
    whole = b""
    try:
        while part := sock.recv(65536):
            whole += part
    except ConnectionResetError:
        pass
    return whole


def well() -> bool:
    return client.ask(wire.request("ping")) == (wire.OK, b"pong")


GARBAGE = [
    b"GET / HTTP/1.1\r\n\r\n",
    bytes(4),
    b"\xff\xff\xff\xff",
    (wire.LARGEST + 1).to_bytes(4, "big"),
    wire.framed(b"nonsense"),
    wire.framed(b"[" * 60_000),
    wire.framed(b"\xff\xfe{}"),
    PING + b"x",
    PING + PING,
]


@pytest.mark.parametrize("data", GARBAGE)
def test_garbage_gets_one_line_or_nothing(echo: Echo, data: bytes) -> None:
    with connect() as sock:
        sock.sendall(data)
        answer = said(sock)
    if answer:
        assert answer[4] == wire.ERROR
        assert b"\n" not in answer[5:]
        assert wire.length(answer) == len(answer) - 4
    assert well()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.binary(min_size=1, max_size=2000), max_size=4), st.booleans())
def test_no_bytes_end_it(echo: Echo, parts: list[bytes], half: bool) -> None:
    with connect() as sock:
        try:
            for part in parts:
                sock.sendall(part)
            if half:
                sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
    assert well()


def test_a_request_may_come_byte_by_byte(echo: Echo) -> None:
    with connect() as sock:
        for byte in PING:
            sock.sendall(bytes([byte]))
        assert said(sock)[5:] == b"pong"


def test_one_that_sends_nothing_is_closed_after_the_deadline(
    echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "DEADLINE_S", 0.05)
    for data in (b"", PING[:3], PING[:-1]):
        with connect() as sock:
            sock.sendall(data)
            assert said(sock) == b""
    assert well()


def test_one_that_does_not_take_its_answer_is_closed(
    echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "DEADLINE_S", 0.05)
    with connect() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        sock.sendall(wire.framed(wire.request("status")))
        until(lambda: not echo.server._connections)
    assert well()


def test_ten_thousand_connections(echo: Echo) -> None:
    held: list[socket.socket] = []
    for number in range(10_000):
        sock = connect()
        held.append(sock)
        if len(held) > 200:
            held.pop(0).close()
        if number % 1000 == 0:
            assert well()
    assert len(echo.server._connections) <= server.MOST_BUSY + 1
    assert well()
    for sock in held:
        sock.close()


def test_those_that_wait_do_not_keep_others_out_and_are_bounded(echo: Echo) -> None:
    waiting = []
    for number in range(server.MOST_WAITING):
        sock = connect()
        sock.sendall(wire.framed(wire.request("creds", profile=f"p{number}")))
        waiting.append(sock)
    until(lambda: len(echo.held) == server.MOST_WAITING)
    with connect() as more:
        assert said(more) == b""
    waiting.pop().close()
    until(lambda: len(echo.server._connections) < server.MOST_WAITING)
    assert well()
    echo.releasing = True
    for number, sock in enumerate(waiting):
        with sock:
            assert said(sock)[5:] == f"p{number}".encode()


def test_one_that_left_is_not_wanted_any_more(echo: Echo) -> None:
    with connect() as sock:
        sock.sendall(wire.framed(wire.request("creds", profile="p")))
        until(lambda: bool(echo.held))
        assert echo.held[0][1].wanted()
        assert echo.held[0][1].pid == os.getpid()
    until(lambda: not echo.held[0][1].wanted())


def test_a_bug_in_it_is_one_line_without_the_value(echo: Echo) -> None:
    kind, text = client.ask(wire.request("stop"))
    assert kind == wire.ERROR
    assert text.startswith(b"a bug: ValueError at ")
    assert samples.aws_secret().encode() not in text
    assert well()


def test_without_descriptors_it_pauses_and_goes_on(
    echo: Echo, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Full:
        failed = 0

        def accept(self) -> object:
            self.failed += 1
            raise OSError(24, "Too many open files")

        def fileno(self) -> int:
            return real.fileno()

    real, full = echo.server._listener, Full()
    monkeypatch.setattr(logging.getLogger("credguard"), "propagate", True)
    monkeypatch.setattr(echo.server, "_listener", full)
    with connect() as sock:
        sock.sendall(PING)
        until(lambda: full.failed > 0)
        monkeypatch.setattr(echo.server, "_listener", real)
        assert said(sock)[5:] == b"pong"
    assert full.failed < 50
    assert "Too many open files" in caplog.text


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_gets_nothing(echo: Echo) -> None:
    path = Path(paths.agent_socket())
    folders = [each for each in path.parents if each.stat().st_mode & 0o077 == 0]
    for each in folders:
        each.chmod(0o711)
    path.chmod(0o666)
    code = (
        "import os, socket, sys\n"
        "os.setresuid(65534, 65534, 65534)\n"
        "sock = socket.socket(socket.AF_UNIX)\n"
        "sock.settimeout(30)\n"
        f"sock.connect({str(path)!r})\n"
        "try:\n"
        f"    sock.sendall({PING!r})\n"
        "    print(sock.recv(100))\n"
        "except (BrokenPipeError, ConnectionResetError):\n"
        "    print(b'')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "b''"
    for each in folders:
        each.chmod(0o700)
    path.chmod(0o600)
    assert well()


def test_a_client_waits_for_a_full_agent(echo: Echo) -> None:
    """Two hundred at once, each answered: what is closed for being too much is asked again."""
    echo.releasing = True
    answers: list[bytes] = []

    def ask(number: int) -> None:
        answers.append(client.ask(wire.request("creds", profile=f"p{number}"))[1])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == sorted(f"p{number}".encode() for number in range(200))
