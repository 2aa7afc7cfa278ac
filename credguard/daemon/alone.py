"""How the agent is run: alone (started by whoever needs one), or in a thread of the service."""

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator

from credguard import paths
from credguard.atomic import locked
from credguard.config import Config, seconds
from credguard.daemon.agent import Agent, Limits, line
from credguard.errors import Busy, CredguardError, StoreError
from credguard.hardening import private_process
from credguard.ipc import calls, listener
from credguard.ipc.server import Server, bug

_LOG = logging.getLogger("credguard.daemon.agent")
_TAKEOVER_S = 5.0
# `credguard doctor` looks by taking the lock shared for an instant: not to be taken for an agent.
_GLANCE_S = 0.5
_AGAIN_S = 60.0
_PATIENCE_S = 10.0
_RUNNING = "an agent runs already"


class _Starter:
    """Whoever started us and waits at the other end of a pipe; it is told once, or never."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def told(self, problem: bytes = b"") -> None:
        """End its wait: we listen, or cannot since `problem`."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):  # it gave up
                os.write(descriptor, problem)
            os.close(descriptor)


def run(config: Config, *, listens: Callable[[], None] = lambda: None) -> None:
    """Serve alone until SIGTERM, SIGINT, op stop, or `agent.idle` without use.

    `listens()` is called when it does. Raises Busy (one runs already), StoreError, Unsupported.
    Killed at any instant it leaves a socket that the next one replaces.
    """
    private_process()
    with _held(_GLANCE_S):
        limits = Limits(seconds(config.agent.idle), seconds(config.agent.auto_lock))
        with _listening(limits, "alone") as (server, agent):
            listens()
            handlers = {
                number: signal.signal(number, lambda *_: server.stop())
                for number in (signal.SIGTERM, signal.SIGINT)
            }
            previous = signal.set_wakeup_fd(server.wakeup, warn_on_full_buffer=False)
            try:
                server.serve(agent)
            finally:
                signal.set_wakeup_fd(previous)
                for number, handler in handlers.items():
                    signal.signal(number, handler)


def run_detached(ready: int | None) -> None:
    """Serve alone, detached from whoever started us; errors go to it and to the log.

    `ready`: a pipe that is closed when we listen; before, one line may say why we cannot.
    """
    from credguard import config, logs

    with contextlib.suppress(OSError):
        os.setsid()
    os.chdir("/")
    # What the starter left open (a tool's pipe) must not stay open for as long as we live.
    highest = os.sysconf("SC_OPEN_MAX")
    os.closerange(3, ready if ready is not None else highest)
    if ready is not None:
        os.closerange(ready + 1, highest)
        os.set_inheritable(ready, False)
    as_json = False
    with contextlib.suppress(CredguardError):  # said below, to the starter too
        as_json = config.load().log.json
    logs.to_file(as_json=as_json)
    starter = _Starter(ready)
    try:
        run(config.load(), listens=starter.told)
    except _Running:
        return
    except CredguardError as error:
        starter.told(line(error))
        _LOG.error("the agent cannot start: %s; %s", error, error.hint)
        raise SystemExit(error.exit_code) from None


class AgentThread:
    """The agent in the background service: takes over from one that runs alone, and stays."""

    def __init__(self, config: Config) -> None:
        """`start()` starts it."""
        self._passed: socket.socket | None = None
        self._limits = Limits(None, seconds(config.agent.auto_lock))
        self._stopping = threading.Event()
        self._server: Server | None = None
        self._listens = threading.Event()
        self._thread = threading.Thread(target=self._run, name="agent", daemon=True)

    def start(self, wait_s: float, passed: socket.socket | None = None) -> None:
        """Start; returns when it listens, or after `wait_s` seconds.

        `passed`: the service manager's listening socket, which is used instead of an own one.
        """
        self._passed = passed
        private_process()
        self._thread.start()
        self._listens.wait(wait_s)

    def stop(self) -> None:
        """End it, if it was started; waits some seconds at most."""
        self._stopping.set()
        server = self._server
        if server is not None:
            server.stop()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._serve()
            except CredguardError as error:
                _LOG.error("the agent cannot run: %s; %s; again in a minute", error, error.hint)
            except Exception as error:  # noqa: BLE001 - a thread's boundary: the service goes on
                _LOG.error("the agent ended: %s; again in a minute", bug(error))
            self._listens.set()  # nobody waits for one that cannot
            self._stopping.wait(_AGAIN_S)

    def _serve(self) -> None:
        try:
            with _held(_GLANCE_S):
                self._serve_held()
        except _Running:
            if self._passed is None:
                with contextlib.suppress(CredguardError):
                    calls.stop()
            else:  # its socket's name leads to ours by now: it cannot be asked
                _end_holder()
            with _held(_TAKEOVER_S):
                self._serve_held()

    def _serve_held(self) -> None:
        with _listening(self._limits, "service", self._passed) as (server, agent):
            self._server = server
            try:
                _LOG.info("the agent listens at %s", paths.agent_socket())
                self._listens.set()
                if not self._stopping.is_set():
                    server.serve(agent)
            finally:
                self._server = None


class _Running(Busy):
    """Another agent holds the lock."""

    hint = "see: credguard agent status"


@contextlib.contextmanager
def _held(wait_s: float) -> Iterator[None]:
    """The lock of the one agent of this state folder. Raises _Running, StoreError."""
    paths.private_dir(paths.state_dir())
    path = paths.lock_file("agent")
    entered = False
    try:
        with locked(path, wait_s, _RUNNING):
            entered = True
            # For `credguard doctor`; a full disk is no reason to hand out nothing.
            with contextlib.suppress(OSError), open(path, "w", encoding="ascii") as note:
                note.write(f"{os.getpid()}\n")
            yield
    except Busy as exc:
        if entered:
            raise
        raise _Running(_RUNNING) from exc
    except OSError as exc:
        if entered:
            raise
        raise StoreError(f"cannot lock {path}: {exc.strerror}") from exc


def _end_holder() -> None:
    """Ask the agent that holds the lock to end; it wrote its process id there."""
    try:
        with open(paths.lock_file("agent"), encoding="ascii") as note:
            pid = int(note.read())
        # Whoever only looks at the lock for an instant writes nothing: the id may be an old one.
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            if b"credguard" in file.read():
                os.kill(pid, signal.SIGTERM)
    except (OSError, ValueError) as exc:
        _LOG.info("who holds the agent's lock is not known: %s", exc)


@contextlib.contextmanager
def _listening(
    limits: Limits, mode: str, passed: socket.socket | None = None
) -> Iterator[tuple[Server, Agent]]:
    """`passed`: is used, and stays open and in its place, since it is the service manager's."""
    path = paths.agent_socket()
    if passed is not None:
        server = Server(passed)
        agent = Agent(server, limits, mode=mode)
        try:
            yield server, agent
        finally:
            agent.close()
        return
    sock = listener.listen(path)
    made = listener.identity(path)
    try:
        server = Server(sock)
        agent = Agent(server, limits, mode=mode)
        try:
            yield server, agent
        finally:
            agent.close()
    finally:
        # First the name: who comes now starts another one instead of waiting here.
        if listener.identity(path) == made:  # else a service manager listens there by now
            listener.remove(path)
        sock.close()
