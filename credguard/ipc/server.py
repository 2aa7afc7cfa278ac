"""The agent's event loop: connections under caps and deadlines, and the pipes of its children.

One thread, nothing in it waits. A connection of another user is closed unread. At most 64 are
being read or written at once; of more the oldest is closed, so that a client which sends nothing
keeps nobody out. At most 512 wait for an answer; beyond that new ones are closed.
"""

import logging
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from credguard.ipc import peer, wire
from credguard.ipc.message import Request, decode

_LOG = logging.getLogger("credguard.ipc.server")

MOST_BUSY = 64
MOST_WAITING = 512
# For a whole request, and for taking a whole answer: either takes a local process microseconds.
DEADLINE_S = 2.0
_ACCEPT_AT_ONCE = 64
_PAUSE_S = 0.1
_LOG_EVERY_S = 60.0


class Reply:
    """Where one request's answer goes. `pid`: of the asker; None: not known."""

    def __init__(self, server: "Server", number: int, pid: int | None) -> None:
        """Made by the server for each request."""
        self._server = server
        self._number = number
        self.pid = pid

    def wanted(self) -> bool:
        """Whether the asker still waits."""
        return self._server.waits(self._number)

    def send(self, kind: int, body: bytes = b"") -> None:
        """Answer; nothing happens when the asker is gone or was answered."""
        self._server.answer(self._number, kind, body)


class Handler(Protocol):
    """What the server serves. Nothing in it may wait."""

    def handle(self, request: Request, reply: Reply) -> None:
        """Answer `request`, now or later. May raise anything: it becomes an error line."""

    def turn(self) -> float | None:
        """Do what is due; the seconds until it wants to be called again, None: no need."""


@dataclass(slots=True)
class _Connection:
    sock: socket.socket
    pid: int | None
    ends: float
    buffer: bytearray
    waiting: bool = False
    out: bytes = b""


class Server:
    """Serves a listening socket until `stop()`, which any thread or signal handler may call."""

    def __init__(
        self,
        listener: socket.socket,
        *,
        uid: int | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`uid`: whose requests are answered, by default ours."""
        self._listener = listener
        self._uid = os.getuid() if uid is None else uid
        self._monotonic = monotonic
        self._selector = selectors.DefaultSelector()
        self._connections: dict[int, _Connection] = {}
        self._busy: dict[int, None] = {}  # being read or written, oldest first
        self._next = 0
        self._stopping = threading.Event()
        self._resume_at: float | None = None
        self._logged: dict[str, float] = {}
        # Sockets, since one that is closed can be told from a file that got its number later.
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._selector.register(self._wake_read, selectors.EVENT_READ, self._woken)
        self._selector.register(listener, selectors.EVENT_READ, self._accept)

    @property
    def wakeup(self) -> int:
        """The descriptor that ends a wait, for signal.set_wakeup_fd."""
        return self._wake_write.fileno()

    def stop(self) -> None:
        """End `serve` soon."""
        self._stopping.set()
        with suppress(OSError):  # full: it wakes anyway
            self._wake_write.send(b"s")

    def watch(self, descriptor: int, ready: Callable[[], None]) -> None:
        """Call `ready` whenever `descriptor` can be read."""
        self._selector.register(descriptor, selectors.EVENT_READ, ready)

    def unwatch(self, descriptor: int) -> None:
        """No longer watch it; before it is closed."""
        self._selector.unregister(descriptor)

    def serve(self, handler: Handler) -> None:
        """Loop until `stop()`; closes everything but the listener, which is the caller's."""
        self._handler = handler
        try:
            while not self._stopping.is_set():
                again = handler.turn()
                if self._stopping.is_set():
                    break
                for key, _ in self._selector.select(self._timeout(again)):
                    key.data()
                self._expire()
        finally:
            for number in list(self._connections):
                self._close(number)
            self._selector.close()
            self._wake_read.close()
            self._wake_write.close()

    def waits(self, number: int) -> bool:
        """Whether connection `number` waits for its answer."""
        connection = self._connections.get(number)
        return connection is not None and connection.waiting

    def answer(self, number: int, kind: int, body: bytes) -> None:
        """Send an answer to connection `number`, if it still waits."""
        connection = self._connections.get(number)
        if connection is None or not connection.waiting:
            return
        connection.out = wire.framed(bytes([kind]) + body)
        connection.waiting = False
        connection.ends = self._monotonic() + DEADLINE_S
        self._make_room()
        self._busy[number] = None
        self._write(number)

    def _timeout(self, again: float | None) -> float | None:
        times = [] if again is None else [again]
        now = self._monotonic()
        if self._busy:
            first = next(iter(self._busy))
            times.append(self._connections[first].ends - now)
        if self._resume_at is not None:
            times.append(self._resume_at - now)
        return max(0.0, min(times)) if times else None

    def _expire(self) -> None:
        now = self._monotonic()
        for number in list(self._busy):
            if self._connections[number].ends > now:
                break  # they stand in the order of their deadlines
            self._close(number)
        if self._resume_at is not None and now >= self._resume_at:
            self._resume_at = None
            self._selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def _woken(self) -> None:
        with suppress(BlockingIOError):
            self._wake_read.recv(512)

    def _accept(self) -> None:
        for _ in range(_ACCEPT_AT_ONCE):
            try:
                sock, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return
            except OSError as exc:
                # No descriptor or memory is left: it would be ready again at once, for ever.
                self._say(f"cannot accept a connection: {exc.strerror}")
                self._make_room(everything=True)
                self._selector.unregister(self._listener)
                self._resume_at = self._monotonic() + _PAUSE_S
                return
            self._take(sock)

    def _take(self, sock: socket.socket) -> None:
        try:
            uid, pid = peer.identity(sock)
        except OSError:
            uid, pid = -1, None
        if uid != self._uid:
            self._say(f"a connection of user {uid}, process {pid}, was refused")
            sock.close()
            return
        if len(self._connections) - len(self._busy) >= MOST_WAITING:
            self._say(f"over {MOST_WAITING} requests wait; the rest is refused")
            sock.close()
            return
        sock.setblocking(False)
        self._make_room()
        number = self._next
        self._next += 1
        ends = self._monotonic() + DEADLINE_S
        self._connections[number] = _Connection(sock, pid, ends, bytearray())
        self._busy[number] = None
        self._selector.register(sock, selectors.EVENT_READ, lambda: self._read(number))
        self._read(number)  # as a rule all of it came with the connection

    def _make_room(self, *, everything: bool = False) -> None:
        while len(self._busy) >= (1 if everything else MOST_BUSY):
            self._close(next(iter(self._busy)))

    def _read(self, number: int) -> None:
        connection = self._connections.get(number)
        if connection is None:
            return
        try:
            part = connection.sock.recv(wire.HEAD + wire.LARGEST)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            part = b""
        if not part or connection.waiting or connection.out:
            self._close(number)  # gone, or more than the one request
            return
        connection.buffer += part
        if len(connection.buffer) < wire.HEAD:
            return
        try:
            missing = wire.HEAD + wire.length(connection.buffer) - len(connection.buffer)
        except wire.Malformed as exc:
            self._refuse(number, str(exc))
            return
        if missing > 0:
            return
        if missing < 0:
            self._refuse(number, "more came than the one request")
            return
        self._request(number, connection)

    def _request(self, number: int, connection: _Connection) -> None:
        del self._busy[number]
        connection.waiting = True
        try:
            request = decode(memoryview(connection.buffer)[wire.HEAD :].tobytes())
        except wire.Malformed as exc:
            self.answer(number, wire.ERROR, f"{exc}".encode())
            return
        finally:
            connection.buffer[:] = bytes(len(connection.buffer))
            connection.buffer.clear()
        try:
            self._handler.handle(request, Reply(self, number, connection.pid))
        except Exception as error:  # noqa: BLE001 - the boundary: one request must not end the rest
            self.answer(number, wire.ERROR, bug(error).encode())

    def _refuse(self, number: int, what: str) -> None:
        connection = self._connections[number]
        connection.buffer.clear()
        del self._busy[number]
        connection.waiting = True
        self.answer(number, wire.ERROR, what.encode())

    def _write(self, number: int) -> None:
        connection = self._connections[number]
        try:
            sent = connection.sock.send(connection.out)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self._close(number)
            return
        connection.out = connection.out[sent:]
        if not connection.out:
            self._close(number)
            return
        self._selector.modify(
            connection.sock, selectors.EVENT_WRITE, lambda: self._write_again(number)
        )

    def _write_again(self, number: int) -> None:
        if number in self._connections:
            self._write(number)

    def _close(self, number: int) -> None:
        connection = self._connections.pop(number)
        self._busy.pop(number, None)
        self._selector.unregister(connection.sock)
        connection.sock.close()

    def _say(self, what: str) -> None:
        """Log at most once a minute, whatever somebody does to us."""
        now = self._monotonic()
        kind = what.split(" ", 3)[1]
        if now - self._logged.get(kind, now - _LOG_EVERY_S) >= _LOG_EVERY_S:
            self._logged[kind] = now
            _LOG.warning("%s", what)


def bug(error: BaseException) -> str:
    """What is told of an error that nobody expected: its class and place, never its text."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else "?"
    return f"a bug: {type(error).__name__} at {place}; please report it"
