"""The agent: answers requests from memory, and lets one child at a time fetch what it lacks.

However many ask for a profile at once, one child works and all get its answer. Nothing here waits;
only the store's own short waits for another writer are taken.
"""

import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from credguard import __version__, paths
from credguard.daemon.cache import Cache, Entry, Name, World
from credguard.daemon.children import Child
from credguard.daemon.ledger import Ledger
from credguard.daemon.unlocked import LOOK_S, Unlocked
from credguard.errors import CredguardError
from credguard.ipc import wire
from credguard.ipc.message import Request
from credguard.ipc.server import Reply, Server

_LOG = logging.getLogger("credguard.daemon.agent")

# The asker gives up after 57 s, the Go SDK after 60; a person may have to unlock a keyring.
DEADLINE_S = 55.0
_MOST_CHILDREN = 4
_MOST_ROUNDS = 3
_TELL_S = 60.0
_LARGEST = 32 << 10


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds. `idle`: without use, after which an agent that runs alone ends; None: never."""

    idle: float | None
    auto_lock: float
    deadline: float = DEADLINE_S


@dataclass(slots=True)
class _Flight:
    """One fetch. `attended`: somebody waits for it, so that a code's source may be asked."""

    name: Name
    waiting: list[tuple[Request, Reply]]
    attended: bool
    ends: float
    code: str = ""
    rounds: int = 0
    stale: bool = False
    world: World | None = None
    child: Child | None = field(default=None, repr=False)


class Agent:
    """The handler of an ipc.server.Server. Its thread only."""

    def __init__(
        self,
        server: Server,
        limits: Limits,
        *,
        mode: str,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`mode`: "alone" or "service"; the first ends by itself and on request."""
        self._server = server
        self._limits = limits
        self._mode = mode
        self._wall = wall
        self._monotonic = monotonic
        self._cache = Cache()
        self._flights: dict[Name, _Flight] = {}
        self._ledger = Ledger()
        self._unlocked = Unlocked(limits.auto_lock)
        self._started = wall()
        self._used = monotonic()
        self._version = installed()
        self._told: dict[str, float] = {}
        self._fetches = 0

    def close(self) -> None:
        """End the children, forget everything."""
        for flight in self._flights.values():
            if flight.child is not None:
                flight.child.end()
        self._flights.clear()
        self._unlocked.forget()
        self._cache.drop()
        self._ledger.close()

    def handle(self, request: Request, reply: Reply) -> None:
        """See ipc.server.Handler."""
        if request.state and request.state != paths.state_dir():
            reply.send(
                wire.ELSEWHERE,
                b"the agent serves another home; set XDG_RUNTIME_DIR to a folder of this one",
            )
            return
        if request.op != "ping":
            self._used = self._monotonic()
        self._look()
        if request.op == "creds":
            self._creds(request, reply)
            return
        answer = b""
        if request.op == "ping":
            answer = json.dumps({"version": __version__}).encode()
        elif request.op == "status":
            answer = json.dumps(self._status()).encode()
        elif request.op == "unlock" and request.passphrase is not None:
            self._unlocked.keep(
                request.passphrase, self._wall(), self._monotonic(), request.timeout_s
            )
        elif request.op == "lock":
            self._lock("asked to")
            self._cache.drop()
            answer = opens_again().encode()
        elif request.op == "drop":
            self._drop(request.identity)
        elif request.op == "stop":
            if self._mode != "alone":
                reply.send(
                    wire.ERROR,
                    b"this agent is part of the background service; stop that with its manager",
                )
                return
            self._server.stop()
        reply.send(wire.OK, answer)

    def turn(self) -> float | None:
        """See ipc.server.Handler."""
        self._look()
        now = self._monotonic()
        for flight in list(self._flights.values()):
            if now >= flight.ends:
                self._over(flight)
                self._start_some()
        waits = [flight.ends - now for flight in self._flights.values()]
        first_end = self._cache.purge(self._wall())
        if first_end is not None:
            waits.append(first_end - self._wall())
        if self._unlocked:
            waits.append(LOOK_S)
        if self._limits.idle is not None and not self._flights:
            left = self._used + self._limits.idle - now
            if left <= 0 or installed() != self._version:
                _LOG.info("the agent ends: not used, or another version was installed")
                self._server.stop()
            waits.append(left)
        return max(0.0, min(waits)) + 0.01 if waits else None

    # Locking

    def _look(self) -> None:
        why = self._unlocked.expired(self._wall(), self._monotonic())
        if why:
            self._lock(why)

    def _lock(self, why: str) -> None:
        _LOG.info("locked: %s", why)
        self._unlocked.forget()
        self._cache.drop_long_term()
        for flight in self._flights.values():
            flight.stale = True

    def _drop(self, identity: str) -> None:
        self._cache.drop(identity)
        for flight in self._flights.values():
            flight.stale = True

    def _status(self) -> dict[str, object]:
        return {
            "pid": os.getpid(),
            "mode": self._mode,
            "version": __version__,
            "started": self._started,
            "fetches": self._fetches,
            "unlocked": bool(self._unlocked),
            "held": self._cache.shown(),
            "fetching": sorted(profile for _, profile in self._flights),
        }

    # Credentials

    def _creds(self, request: Request, reply: Reply) -> None:
        name = (request.config or paths.aws_config_file(), request.profile)
        try:
            world = self._ledger.world(name[0])
        except CredguardError as error:
            reply.send(wire.ERROR, line(error))
            return
        now = self._wall()
        entry = self._cache.get(name, world, request.min_ttl, now)
        if entry is not None:
            self._deliver([(request, reply)], entry)
            if entry.refresh_at is not None and now >= entry.refresh_at:
                self._join(name, None)
            return
        self._join(name, (request, reply))

    def _join(self, name: Name, waiter: tuple[Request, Reply] | None) -> None:
        flight = self._flights.get(name)
        if flight is None:
            ends = self._monotonic() + self._limits.deadline
            flight = _Flight(name, [], waiter is not None, ends)
            self._flights[name] = flight
            if waiter is not None and waiter[0].code is not None:
                flight.code = waiter[0].code.reveal()
        if waiter is not None:
            flight.waiting.append(waiter)
        self._start_some()

    def _start_some(self) -> None:
        running = sum(flight.child is not None for flight in self._flights.values())
        for flight in list(self._flights.values()):
            if flight.child is None and running < _MOST_CHILDREN:
                self._start(flight)
                running += flight.child is not None

    def _start(self, flight: _Flight) -> None:
        config, profile = flight.name
        ttl = max([request.min_ttl for request, _ in flight.waiting], default=0)
        request: dict[str, object] = {
            "profile": profile,
            "min_ttl": ttl,
            "code": flight.code if flight.attended else "-",
        }
        flight.stale = False
        try:
            flight.world = self._ledger.world(config)
            secret = self._unlocked.use(self._monotonic()) if self._unlocked else bytearray()
            flight.child = Child(request, config, secret)
            self._fetches += 1
        except CredguardError as error:
            self._finish(flight, wire.ERROR, line(error))
            return
        self._server.watch(flight.child.output, lambda: self._ready(flight))

    def _ready(self, flight: _Flight) -> None:
        child = flight.child
        if child is None or not child.read():
            return
        answer = child.answer()
        self._end_child(flight)
        if answer is None:
            text = "what fetches credentials ended without an answer; see: credguard doctor"
            answer = {"kind": wire.ERROR, "line": text}, b""
        head, body = answer
        kind = head["kind"]
        if kind == wire.NEEDS_CODE:
            self._needs_code(flight, head["line"].encode())
        elif kind not in (wire.OK, wire.NOTED):
            self._finish(flight, kind, head["line"].encode())
        else:
            self._landed(flight, head, body)
        self._start_some()

    def _landed(self, flight: _Flight, head: dict[str, object], body: bytes) -> None:
        """Keep and hand out what was fetched; anew when the world changed meanwhile."""
        if len(body) + len(str(head["note"])) > _LARGEST:
            self._finish(flight, wire.ERROR, b"the credentials are larger than 32 KiB")
            return
        entry = self._entry(flight, head, body)
        try:
            changed = not entry.fits(flight.name[1], self._ledger.world(flight.name[0]))
        except CredguardError as error:
            self._finish(flight, wire.ERROR, line(error))
            return
        flight.rounds += 1
        if (changed or flight.stale) and flight.rounds < _MOST_ROUNDS and not flight.code:
            return  # it is started again with those that wait for it
        del self._flights[flight.name]
        if not changed and not flight.stale:
            self._cache.put(flight.name, entry)
        self._deliver(flight.waiting, entry)

    def _entry(self, flight: _Flight, head: dict[str, object], body: bytes) -> Entry:
        now = self._wall()
        end = float(str(head["expiration"]))
        world = flight.world or World((), {})
        return Entry(
            body=body,
            note=str(head["note"]),
            made=now,
            expiration=end,
            key_id=str(head["key_id"]),
            source_key=None if head["source_key"] is None else str(head["source_key"]),
            identity=str(head["identity"]),
            long_term=head["long_term"] is True,
            pointer=world.pointers.get(flight.name[1]),
            files=world.files,
            refresh_at=now + (end - now) / 2,
        )

    def _needs_code(self, flight: _Flight, what: bytes) -> None:
        """Tell those without a code; one that has one has it tried."""
        again = []
        if not flight.attended:  # those who came meanwhile have not had a source asked for them
            again = flight.waiting
        elif not flight.code:
            again = [waiter for waiter in flight.waiting if waiter[0].code is not None]
        flight.waiting = [waiter for waiter in flight.waiting if waiter not in again]
        self._finish(flight, wire.NEEDS_CODE, what)
        for waiter in sorted(again, key=lambda waiter: waiter[0].code is None):
            self._join(flight.name, waiter)

    def _over(self, flight: _Flight) -> None:
        self._end_child(flight)
        text = (
            f"the credentials of profile {flight.name[1]} were not there within"
            f" {self._limits.deadline:.0f} s; look for a waiting unlock dialog, then run it again"
        )
        self._finish(flight, wire.ERROR, text.encode())

    def _end_child(self, flight: _Flight) -> None:
        child, flight.child = flight.child, None
        if child is not None:
            self._server.unwatch(child.output)
            child.end()

    def _finish(self, flight: _Flight, kind: int, what: bytes) -> None:
        """End a flight that brought nothing."""
        if self._flights.get(flight.name) is flight:
            del self._flights[flight.name]
        self._cache.postpone(flight.name, self._wall(), for_good=kind == wire.NEEDS_CODE)
        if kind != wire.NEEDS_CODE:
            self._log(f"profile {flight.name[1]}: {what.decode('utf-8', 'replace')}")
        for _, reply in flight.waiting:
            reply.send(kind, what)

    def _deliver(self, waiting: list[tuple[Request, Reply]], entry: Entry) -> None:
        askers = [(request, reply) for request, reply in waiting if reply.wanted()]
        rows = [(request.profile, request.how, reply.pid) for request, reply in askers]
        session_end = None if entry.long_term else entry.expiration
        problem = self._ledger.note(rows, entry.source_key or entry.key_id, session_end)
        if problem:
            self._log(f"{problem}; the key is handed out all the same")
        kind, head = wire.OK, b""
        if entry.note:
            kind, head = wire.NOTED, entry.note.encode() + b"\n"
        for _, reply in askers:
            reply.send(kind, head + entry.body)

    def _log(self, what: str) -> None:
        """Log `what`, the same text at most once a minute."""
        now = self._monotonic()
        self._told = {text: at for text, at in self._told.items() if now - at < _TELL_S}
        if what not in self._told:
            self._told[what] = now
            _LOG.warning("%s", what)


def installed() -> str:
    """The environment that our own path leads to; install.sh points it at another one."""
    import sys

    return os.path.realpath(sys.executable)


def opens_again() -> str:
    """Why a lock does not last: this process was started with a passphrase of its own; or empty."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if os.environ.get("CREDGUARD_PASSPHRASE_FILE"):
        source = "CREDGUARD_PASSPHRASE_FILE"
    elif folder and os.path.exists(os.path.join(folder, "credguard.passphrase")):
        source = "the systemd credential credguard.passphrase"
    else:
        return ""
    return f"the agent was started with {source} and opens the vault again by that when it is asked"


def line(error: CredguardError) -> bytes:
    """An error as one line."""
    text = f"{error}; {error.hint}" if error.hint else str(error)
    return " ".join(text.split()).encode("utf-8", "replace")
