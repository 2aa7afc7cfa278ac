"""What systemd and the service say to each other: readiness, signs of life, the agent's socket.

Without systemd nothing here does anything. Protocols: sd_notify(3), sd_watchdog_enabled(3),
sd_listen_fds(3).
"""

import logging
import os
import socket
from collections.abc import Callable

from credguard import paths
from credguard.errors import CredguardError
from credguard.ipc import listener

_LOG = logging.getLogger("credguard.daemon")
_FIRST = 3  # SD_LISTEN_FDS_START


def tell(state: str) -> None:
    """Tell systemd `state`, where it asked (Type=notify). Best effort."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.connect(address)
            sock.sendall(state.encode())
    except OSError as exc:
        _LOG.warning("systemd could not be told %s: %s", state, exc.strerror)


class Heart:
    """Signs of life. One that beats no more within WatchdogSec= is ended and started anew."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Reads WATCHDOG_USEC and WATCHDOG_PID; silent where they do not ask this process."""
        self._monotonic = monotonic
        self._every: float | None = None
        self._last: float | None = None
        usec = os.environ.get("WATCHDOG_USEC", "")
        if usec.isdecimal() and os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(
            os.getpid()
        ):
            self._every = int(usec) / 1e6 / 4

    def beat(self) -> None:
        """To be called whenever something got done; tells systemd four times within its limit."""
        if self._every is None:
            return
        now = self._monotonic()
        if self._last is None or now - self._last >= self._every:
            self._last = now
            tell("WATCHDOG=1")


def agent_socket() -> socket.socket | None:
    """The agent's socket that systemd passed, ready to be served; None: the agent makes its own."""
    passed = passed_socket()
    if passed is None:
        return None
    try:
        listener.adopt(passed, paths.agent_socket())
    except CredguardError as error:
        _LOG.error("%s; %s", error, error.hint)
        passed.close()
        return None
    return passed


def passed_socket() -> socket.socket | None:
    """The socket called `agent` that systemd passed to this process; None: it passed none.

    It stays open in the process that this one becomes by exec after `keep()`, and in no child.
    """
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    count = os.environ.get("LISTEN_FDS", "")
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    if not count.isdecimal() or len(names) != int(count) or "agent" not in names:
        return None
    descriptor = _FIRST + names.index("agent")
    try:
        os.set_inheritable(descriptor, False)
        return socket.socket(fileno=descriptor)
    except OSError as exc:
        _LOG.warning("the socket that systemd passed cannot be used: %s", exc.strerror)
        return None


def keep(passed: socket.socket | None) -> None:
    """Let the passed socket stay open over an exec of this same process, which asks for it anew."""
    if passed is not None:
        os.set_inheritable(passed.fileno(), True)
