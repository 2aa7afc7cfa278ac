"""Checks of what runs in the background: the daemon, its service, the agent on its socket."""

import contextlib
import json
import os
import plistlib
import re
import shlex
import socket
import stat
import struct
import sys
from dataclasses import dataclass

from credguard import __version__, atomic, paths
from credguard.app import service
from credguard.app.context import Context
from credguard.app.doctor import state
from credguard.app.doctor.model import Check, fail, ok, unknown, warn
from credguard.app.status import daemon_state
from credguard.errors import CredguardError
from credguard.report.overview import UNKNOWN
from credguard.services import launchd, systemd
from credguard.services.select import environment
from credguard.store import profiles, schedule, watches

_TICK_LATE_S = 2 * 86400
_ANSWER_S = 2.0
_LARGEST = 64 << 10
_INSTALL = "run: credguard service install"
_EXEC = re.compile(r'^ExecStart="((?:[^"\\]|\\.)*)"', re.MULTILINE)
_ENVIRONMENT = re.compile(r'^Environment="([A-Za-z_][A-Za-z0-9_]*)=', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Service:
    """`status`: see Service.status; `daemon`: running, stopped or UNKNOWN.

    `program`: what the installed definition starts, None: none is installed; `gone`: it is not
    there; `differs`: which parts are not as this installation would write them now. `needed`: there
    is something for it to do. `last_tick`: Unix seconds; None: never.
    """

    status: str
    daemon: str
    program: str | None = None
    gone: bool = False
    differs: tuple[str, ...] = ()
    needed: bool = False
    last_tick: float | None = None
    now: float = 0.0


def service_facts(ctx: Context) -> Service:
    """Asks the platform's manager, which has 20 s."""
    try:
        status = service.status()
    except CredguardError:
        status = "unknown"
    program, differs = _definition()
    needed, tick = False, None
    if state.there():
        connection = state.store(ctx)
        needed = bool(profiles.profiles(connection) or watches.roots(connection))
        tick = schedule.get(connection, "tick").last_run
    gone = program is not None and not os.access(program, os.X_OK)
    return Service(status, daemon_state(), program, gone, differs, needed, tick, ctx.now())


def _definition() -> tuple[str | None, tuple[str, ...]]:
    """The program that the installed definition starts, and what differs from ours."""
    if sys.platform == "darwin":
        return _agent_definition()
    folder = systemd.unit_dir()
    wanted = systemd.render(service.command(), environment())
    here = {name: _text(os.path.join(folder, name)) for name in wanted}
    text = here[systemd.SERVICE]
    if text is None:
        return None, ()
    match = _EXEC.search(text)
    program = ""
    if match:
        plain = re.sub(r"\\(.)", r"\1", match[1])
        program = plain.replace("%%", "%").replace("$$", "$")
    differs = [name for name, each in here.items() if each is None]
    for name, value in wanted.items():
        there = here[name]
        if there is not None and there != value:
            differs += _parts(there, value, name)
    return program, tuple(dict.fromkeys(differs))


def _parts(there: str, wanted: str, name: str) -> list[str]:
    variables = set(_ENVIRONMENT.findall(there)) ^ set(_ENVIRONMENT.findall(wanted))
    if _EXEC.findall(there) != _EXEC.findall(wanted):
        return ["the program"]
    return sorted(variables) or [name]


def _agent_definition() -> tuple[str | None, tuple[str, ...]]:
    try:
        with open(launchd.plist_file(), "rb") as file:
            there = plistlib.load(file)
    except (OSError, ValueError, plistlib.InvalidFileException):
        return None, ()
    data = launchd.render(service.command(), environment(), paths.log_file() + ".out")
    wanted = plistlib.loads(data)
    differs = tuple(key for key in wanted if there.get(key) != wanted[key])
    arguments = there.get("ProgramArguments") or [""]
    return str(arguments[0]), differs


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return None


def running(facts: Service) -> list[Check]:
    """Whether something rotates keys and watches folders."""
    if facts.daemon == "running":
        late = facts.last_tick is not None and facts.now - facts.last_tick > _TICK_LATE_S
        if late:
            said = "it runs, but has not looked for due keys for two days"
            return [warn(said, f"{_INSTALL}\nand see its log: {paths.log_file()}")]
        return [ok("the background service runs")]
    if facts.status == "scheduled":
        return [ok("a scheduled task rotates what is due; folders are not watched on this system")]
    if facts.program is not None and not facts.gone:
        if facts.status == "unknown" or facts.daemon == UNKNOWN:
            return [unknown("whether the service runs: its manager does not answer", _by_hand())]
        said = f"the service is installed and {facts.status}"
        why = f"why it ended: journalctl --user -u {systemd.SERVICE} -n 20"
        return [fail(said, f"{_INSTALL}\n{why}")]
    if facts.program is None and facts.needed:
        said = "no background service: keys are not rotated by themselves, and nothing is watched"
        return [warn(said, _INSTALL)]
    return []


def _by_hand() -> str:
    return "run: credguard service status\nwithout a manager: credguard daemon run &"


def definition(facts: Service) -> list[Check]:
    """Whether the installed service starts this installation, as it is set up now."""
    if facts.program is None:
        return []
    if facts.gone:
        return [fail(f"the service starts {facts.program}, which is gone", _INSTALL)]
    if facts.differs:
        parts = ", ".join(facts.differs)
        said = f"the installed service differs from what this credguard writes: {parts}"
        return [warn(said, _INSTALL)]
    return [ok("starts this installation")]


@dataclass(frozen=True, slots=True)
class Agent:
    """`answer`: none (no socket), refused, silent, ok, refuses (another wire version), foreign, or
    manager: the service manager listens there, and starts the service for whoever asks.

    `held`: somebody holds agent.lock, None: not told; `pid`: as that file says; `version`: the
    agent's own word. `folder_open`, `socket_open`: others could get in.
    """

    path: str
    answer: str
    held: bool | None = False
    pid: int | None = None
    version: str | None = None
    folder_open: bool = False
    socket_open: bool = False


def agent_facts(_ctx: Context) -> Agent:
    """Knocks at the agent's socket: one ping, 2 s."""
    path = paths.agent_socket()
    lock = paths.lock_file("agent")
    held = atomic.held(lock)
    pid = _pid(lock) if held else None
    try:
        status = os.lstat(path)
        folder = os.stat(os.path.dirname(path))
    except OSError:
        return Agent(path, "none", held, pid)
    ours = sys.platform == "win32" or status.st_uid == folder.st_uid == os.getuid()
    if not ours or not stat.S_ISSOCK(status.st_mode):
        return Agent(path, "foreign", held, pid)
    answer, version = ("manager", None) if _only_manager(path, held) else _ping(path)
    open_ = (bool(folder.st_mode & 0o077), bool(status.st_mode & 0o077))
    return Agent(path, answer, held, pid, version, *open_)


def _only_manager(path: str, held: bool | None) -> bool:
    """Whether systemd listens at `path` for a service that does not run; asked, it would start it.

    proc(5), /proc/net/unix: the flags of a socket that listens are 00010000.
    """
    if held is not False or not os.path.exists(os.path.join(systemd.unit_dir(), systemd.SOCKET)):
        return False
    try:
        with open("/proc/net/unix", encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:
        return False
    return any(each.endswith(f" {path}") and each.split()[3] == "00010000" for each in lines)


def _pid(path: str) -> int | None:
    """The process id that the agent wrote into its lock."""
    try:
        with open(path, "rb") as file:
            text = file.read(32).strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _ping(path: str) -> tuple[str, str | None]:
    request = json.dumps({"v": 1, "op": "ping", "state": paths.state_dir()}).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(_ANSWER_S)
        try:
            client.connect(path)
        except OSError:
            return "refused", None
        try:
            client.sendall(struct.pack(">I", len(request)) + request)
            size = struct.unpack(">I", _exactly(client, 4))[0]
            if not 1 <= size <= _LARGEST:
                return "refuses", None
            body = _exactly(client, size)
        except (OSError, EOFError):
            return "silent", None
    version = None
    with contextlib.suppress(ValueError, AttributeError):
        version = json.loads(body[1:]).get("version")
    return ("ok" if body[0] == 0 else "refuses"), version if isinstance(version, str) else None


def _exactly(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = client.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def agent(facts: Agent) -> list[Check]:
    """Whether one agent of this version serves the socket, or none does."""
    path = shlex.quote(facts.path)
    end = f"run: kill {facts.pid}" if facts.pid else f"see who it is: fuser -v {path}; then end it"
    if facts.answer == "foreign":
        return [fail(f"{facts.path} is not a socket of yours", f"run: rm -f {path}")]
    if facts.answer == "manager":
        return [ok("the service's socket listens; the service is started when it is needed")]
    if facts.answer == "none":
        if facts.held:
            said = f"an agent (process {facts.pid}) runs without its socket {facts.path}"
            return [fail(said, end)]
        return [ok("no agent is running; one is started when it is needed")]
    found = []
    if facts.folder_open:
        folder = os.path.dirname(facts.path)
        found.append(fail(f"others can enter {folder}", f"run: chmod 700 {shlex.quote(folder)}"))
    stale = facts.answer == "refused" and not facts.held
    if facts.socket_open and not stale:
        found.append(fail(f"others can reach {facts.path}", f"run: chmod 600 {path}"))
    if stale:
        said = f"{facts.path} is left from an agent that is gone"
        found.append(warn(said, f"run: rm -f {path}"))
    elif facts.answer in ("refused", "silent"):
        found.append(fail(f"the agent does not answer on {facts.path}", end))
    elif facts.held is False:
        said = f"a program that is not the agent, or a second agent, listens on {facts.path}"
        found.append(fail(said, end))
    elif facts.answer == "refuses" or facts.version not in (None, __version__):
        version = facts.version or "another version"
        found.append(warn(f"the agent is of {version}, this is {__version__}", end))
    return found or [ok("one agent answers")]
