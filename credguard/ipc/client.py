"""One request to the agent and its answer, under a deadline. Imports next to nothing: hot path."""

import os
import stat
import time

from credguard import paths
from credguard.errors import CredguardError
from credguard.ipc import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket

# The Go SDK gives a credential_process one minute, and what happened must be said before that. The
# agent itself answers within 55 s.
DEADLINE_S = 57.0
# A cached answer takes a millisecond. One that takes longer than this may come from an agent that
# is stopped: it is asked whether it lives.
_PATIENCE_S = 3.0
_PING_S = 2.0
# A service manager's socket takes requests while the service that answers them starts; a busy
# machine needs some seconds for that, one whose service ends again and again never gets there.
_STARTING_S = 15.0
_PAUSE_S = 0.02
_LOST_TRIES = 20


class NoAgent(CredguardError):
    """Nobody listens, or not one that may be asked."""

    hint = "start one: credguard agent run; or with the service: credguard service install"


class AgentLost(NoAgent):
    """The agent ended, or closed the connection, before it answered."""

    hint = "run it again"


class AgentSilent(NoAgent):
    """The agent did not answer within the deadline."""

    hint = "see: credguard agent status; start it again: credguard agent stop"


def ask(body: bytes, *, deadline_s: float = DEADLINE_S) -> tuple[int, bytes]:
    """What the answer is (see wire) and its bytes, to the request `body`.

    Raises NoAgent (none is there), AgentLost, AgentSilent. Safe to repeat, but for a code.
    """
    end = time.monotonic() + deadline_s
    path = paths.agent_socket()
    tries = 0
    while True:
        try:
            return _once(path, body, end)
        except AgentLost:
            # A full agent closes what is too much for it.
            tries += 1
            pause = _PAUSE_S * tries
            if tries >= _LOST_TRIES or time.monotonic() + pause >= end:
                raise
            time.sleep(pause)


def _once(path: str, body: bytes, end: float) -> tuple[int, bytes]:
    sock = _connect(path, end)
    try:
        try:
            sock.settimeout(_left(end))
            sock.sendall(wire.framed(body))
        except TimeoutError:
            raise AgentSilent(f"the agent at {path} takes no request") from None
        except OSError:
            raise AgentLost(f"the agent at {path} ended before it answered") from None
        return _answer(sock, path, end)
    finally:
        sock.close()


def _answer(sock: "socket", path: str, end: float) -> tuple[int, bytes]:
    got = b""
    wanted = wire.HEAD
    began = time.monotonic()
    ping_at = began + _PATIENCE_S
    while len(got) < wanted:
        now = time.monotonic()
        if now >= end:
            raise AgentSilent(f"the agent at {path} did not answer in time")
        if now >= ping_at:
            pause = 4 * _PATIENCE_S
            if not alive(path):
                if now - began >= _STARTING_S or _held():
                    raise AgentSilent(f"the agent at {path} does not answer")
                pause = 0.0
            ping_at = time.monotonic() + pause
        sock.settimeout(max(0.001, min(end, ping_at) - now))
        try:
            part = sock.recv(wanted - len(got))
        except TimeoutError:
            continue
        except OSError:
            part = b""
        if not part:
            raise AgentLost(f"the agent at {path} ended before it answered")
        got += part
        if wanted == wire.HEAD == len(got):
            try:
                wanted += wire.length(got)
            except wire.Malformed:
                raise NoAgent(f"what listens at {path} is no agent") from None
    return got[wire.HEAD], got[wire.HEAD + 1 :]


def alive(path: str) -> bool:
    """Whether the agent at `path` answers a ping within two seconds."""
    end = time.monotonic() + _PING_S
    try:
        sock = _connect(path, end)
    except NoAgent:
        return False
    try:
        sock.settimeout(_left(end))
        sock.sendall(wire.framed(wire.request("ping")))
        return len(sock.recv(wire.HEAD)) == wire.HEAD
    except OSError:
        return False
    finally:
        sock.close()


def _held() -> bool:
    """Whether an agent runs, as its lock tells; if not, who listens only starts one."""
    from credguard.atomic import held  # brings more along than a hand-out needs

    return held(paths.lock_file("agent")) is not False


def _connect(path: str, end: float) -> "socket":
    """A connection to our own user's agent. Raises NoAgent, AgentSilent."""
    try:
        import _socket

        family = _socket.AF_UNIX
    except (ImportError, AttributeError):
        raise NoAgent("this platform has no Unix sockets") from None
    _check(path)
    while True:
        sock = _socket.socket(family, _socket.SOCK_STREAM)
        try:
            sock.settimeout(_left(end))
            sock.connect(path)
            _check_peer(sock, path)
        except BlockingIOError:
            # More wait to be accepted than the system queues.
            sock.close()
            if time.monotonic() + _PAUSE_S >= end:
                raise AgentSilent(f"the agent at {path} takes no connection") from None
            time.sleep(_PAUSE_S)
            continue
        except TimeoutError:
            sock.close()
            raise AgentSilent(f"the agent at {path} takes no connection") from None
        except OSError as exc:
            sock.close()
            raise NoAgent(f"no agent listens at {path}: {exc.strerror or exc}") from None
        except NoAgent:
            sock.close()
            raise
        return sock


def _check(path: str) -> None:
    """Only a socket of ours in a folder of ours: another user's would be given our requests."""
    try:
        folder = os.lstat(os.path.dirname(path))
        here = os.lstat(path)
    except OSError as exc:
        raise NoAgent(f"no agent listens at {path}: {exc.strerror}") from None
    ours = os.getuid()
    if not stat.S_ISDIR(folder.st_mode) or folder.st_uid != ours or folder.st_mode & 0o077:
        raise NoAgent(
            f"the folder of {path} is not ours alone",
            hint=f"look at it: ls -ld {os.path.dirname(path)}",
        )
    if not stat.S_ISSOCK(here.st_mode) or here.st_uid != ours:
        raise NoAgent(f"{path} is not a socket of ours", hint=f"look at it: ls -l {path}")


def _check_peer(sock: "socket", path: str) -> None:
    from credguard.ipc import peer

    if peer.identity(sock)[0] != os.getuid():
        raise NoAgent(f"another user listens at {path}", hint=f"look at it: ls -l {path}")


def _left(end: float) -> float:
    return max(0.001, end - time.monotonic())
