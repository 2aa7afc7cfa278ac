"""An HTTP server on the loopback that asks one function for each answer, and may send it badly."""

import contextlib
import http.server
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from tests.support import wire
from tests.support.wire import Answer, Request


@dataclass(frozen=True)
class Reply:
    """`answer`: None closes the connection. `body`, `length`: sent instead of what is right."""

    answer: Answer | None
    body: bytes | None = None
    length: int | None = None


class LoopbackServer(http.server.ThreadingHTTPServer):
    """Serves in threads from the start until stop(). `date`: Unix seconds for the Date header."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, handle: Callable[[Request], Reply], date: Callable[[], float]) -> None:
        self.handle = handle
        self.date = date
        self._failed: list[Exception] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, name="loopback"
        )
        self._thread.start()

    def stop(self) -> None:
        """Join every thread, close every socket. Raises what went wrong inside meanwhile."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        if self._failed:
            raise ExceptionGroup("in the loopback server", self._failed)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        # A client that gives up or is killed is no failure of the server's.
        if isinstance(error, Exception) and not isinstance(error, ConnectionError):
            self._failed.append(error)


class _Handler(http.server.BaseHTTPRequestHandler):
    """One request a connection, so that nothing is left open."""

    protocol_version = "HTTP/1.1"
    timeout = 10
    server: LoopbackServer

    def _do(self) -> None:
        self.close_connection = True
        expected = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(expected)
        if len(body) < expected:  # the client died while it spoke
            return
        request = wire.request_of(self.command, self.path, self.headers, body)
        reply = self.server.handle(request)
        if reply.answer is None:
            return
        sent = reply.answer.body if reply.body is None else reply.body
        self.send_response_only(reply.answer.status)
        self.send_header("Date", formatdate(self.server.date(), usegmt=True))
        for name, value in reply.answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(sent) if reply.length is None else reply.length))
        self.send_header("Connection", "close")
        with contextlib.suppress(ConnectionError):
            self.end_headers()
            self.wfile.write(sent)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _do  # noqa: N815

    def log_message(self, *args: Any) -> None:
        pass
