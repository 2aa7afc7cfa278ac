"""The agent in a thread of the test, and as a process of its own; scripted children."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from credguard import paths
from credguard.daemon import children
from credguard.daemon.agent import Agent, Limits
from credguard.ipc import client, listener
from credguard.ipc.server import Handler, Server
from tests.support.daemon import until

ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def serving(make: Callable[[Server], Handler], *, uid: int | None = None) -> Iterator[Server]:
    """A server at the agent's socket, in a thread; ended at the end, and it must end well."""
    sock = listener.listen(paths.agent_socket())
    server = Server(sock, uid=uid)
    handler = make(server)
    raised: list[BaseException] = []

    def serve() -> None:
        try:
            server.serve(handler)
            if isinstance(handler, Agent):
                handler.close()
        except BaseException as error:  # noqa: BLE001 - it is raised by the test itself
            raised.append(error)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(30)
        listener.remove(paths.agent_socket())
        sock.close()
        assert not thread.is_alive()
        assert raised == []


def agent(
    mode: str = "service", *, idle: float | None = None, deadline: float = 30, **clocks: object
) -> Callable[[Server], Agent]:
    limits = Limits(idle, 3600, deadline)
    return lambda server: Agent(server, limits, mode=mode, **clocks)  # type: ignore[arg-type]


@pytest.fixture
def process() -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Start `credguard agent run` and wait until it answers."""
    started = []

    def start() -> subprocess.Popen[bytes]:
        made = subprocess.Popen(
            [sys.executable, "-P", "-m", "credguard", "agent", "run"], stderr=subprocess.PIPE
        )
        started.append(made)
        until(lambda: client.alive(paths.agent_socket()))
        return made

    yield start
    for each in started:
        each.send_signal(signal.SIGCONT)
        each.kill()
        each.communicate()


class Child:
    """A scripted child process. Each start adds a line to `starts`; `code` then says the answer.

    `code` is Python with `request`, `answer(**head)` and `work` (this folder) at hand.
    """

    PRELUDE = """
import json, os, sys, time
work = {work!r}
request = json.loads(sys.stdin.buffer.read())
with open(os.path.join(work, "starts"), "a") as file:
    file.write(json.dumps(request) + chr(10))
def answer(kind=0, body=b"", **head):
    base = dict(kind=kind, line="", note="", expiration=time.time() + 3600, key_id="KEY",
                source_key=None, identity="", long_term=False)
    base.update(head, length=len(body))
    os.write(1, json.dumps(base).encode() + b"\\n" + body)
"""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.script = work / "child.py"

    def does(self, code: str) -> None:
        whole = self.PRELUDE.format(work=str(self.work)) + code
        new = self.work / "new"
        new.write_text(whole)
        new.replace(self.script)

    def starts(self) -> list[str]:
        file = self.work / "starts"
        return file.read_text().splitlines() if file.exists() else []

    def gate(self) -> None:
        """`does("open(work + '/gate').read()...")` waits until `release()`."""
        os.mkfifo(self.work / "gate")

    def release(self) -> None:
        (self.work / "gate").write_text("go")


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Child:
    made = Child(tmp_path)
    monkeypatch.setattr(children, "ENTRY", str(made.script))
    made.does("answer(body=b'it')")
    return made
