"""systemd user units: the service, the agent's socket, and a daily timer as a safety net.

Names of settings: systemd.exec(5), systemd.service(5), systemd.socket(5).
"""

import glob
import os
import re
from collections.abc import Mapping

from credguard import paths
from credguard.atomic import write_private
from credguard.errors import CredguardError, Unsupported
from credguard.services.base import call, last_line

SERVICE = "credguard.service"
SOCKET = "credguard.socket"
TICK = "credguard-tick.service"
TIMER = "credguard-tick.timer"
_STARTED = (SOCKET, SERVICE, TIMER)
_ASSIGNED = re.compile(r'^Environment="((?:[^"\\]|\\.)*)"$', re.MULTILINE)

# systemctl waits until the service is ready; the first start compiles the rules.
_DEADLINE_S = 90.0

# Only what needs no user namespace. From inside one /proc/PID/exe of a process outside cannot be
# read (cap_ptrace_access_check), and the log could not name the program that was handed a key.
_HARDENING = """\
NoNewPrivileges=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0077
LimitCORE=0
MemoryMax=1G
TasksMax=512
"""
# It hands out nothing, so it can have one; where there is none, systemd goes on without it.
_NAMESPACE = "ProtectSystem=full\n"


def quote(text: str) -> str:
    """`text` as one word of a unit file's command or assignment line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def _assignment(name: str, value: str) -> str:
    # In Environment= a dollar is literal, unlike in ExecStart=.
    return f"Environment={quote(f'{name}={value}').replace('$$', '$')}\n"


def render(command: list[str], environment: Mapping[str, str]) -> dict[str, str]:
    """File name -> text of the four units. `command` starts with an absolute path."""
    words = " ".join(quote(word) for word in command)
    assignments = "".join(_assignment(name, value) for name, value in environment.items())
    # The loop beats between two files, and one file may take a while on a busy machine. It is tried
    # again for ever: a full disk or a locked home passes.
    service = (
        "[Unit]\nDescription=credguard: key rotation and secret watcher\n"
        f"Wants={SOCKET}\nAfter={SOCKET}\nStartLimitIntervalSec=0\n\n"
        f"[Service]\nType=notify\nNotifyAccess=main\nExecStart={words} daemon run\n{assignments}"
        "TimeoutStartSec=5min\nWatchdogSec=5min\nRestart=on-failure\nRestartSec=10\nNice=10\n"
        + _HARDENING
        + "\n"
        f"[Install]\nWantedBy=default.target\nAlso={SOCKET}\n"
    )
    # Where paths.agent_socket() has it: %t is the user's runtime folder.
    sock = (
        "[Unit]\nDescription=credguard: the agent's socket\n\n"
        "[Socket]\nListenStream=%t/credguard/agent.sock\nFileDescriptorName=agent\n"
        "SocketMode=0600\nDirectoryMode=0700\nBacklog=1024\nRemoveOnStop=yes\n\n"
        "[Install]\nWantedBy=sockets.target\n"
    )
    tick = (
        "[Unit]\nDescription=credguard: rotate keys that are due\n\n"
        f"[Service]\nType=oneshot\nExecStart={words} daemon tick\n{assignments}"
        "TimeoutStartSec=30min\n" + _HARDENING + _NAMESPACE
    )
    timer = (
        "[Unit]\nDescription=credguard: daily look for keys that are due\n\n"
        "[Timer]\nOnCalendar=daily\nRandomizedDelaySec=1h\nPersistent=yes\n\n"
        "[Install]\nWantedBy=timers.target\n"
    )
    return {SERVICE: service, SOCKET: sock, TICK: tick, TIMER: timer}


def _assigned(text: str) -> dict[str, str]:
    """The variables of a unit that we wrote."""
    found = {}
    for word in _ASSIGNED.findall(text):
        plain = re.sub(r"\\(.)", r"\1", word).replace("%%", "%")
        name, _, value = plain.partition("=")
        found[name] = value
    return found


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def unit_dir() -> str:
    """Where this user's units live."""
    return os.path.join(paths.xdg("XDG_CONFIG_HOME", ".config"), "systemd", "user")


def _systemctl(*words: str) -> tuple[int, str]:
    return call(["systemctl", "--user", *words], _DEADLINE_S)


class Systemd:
    """systemd --user."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """`environment` is written into the units; it holds no secret."""
        self._environment = environment

    def install(self, command: list[str]) -> None:
        """See Service.install."""
        folder = unit_dir()
        try:
            os.makedirs(folder, exist_ok=True)
            for name, text in render(command, self._environment).items():
                write_private(os.path.join(folder, name), text.encode(), 0o644)
        except OSError as exc:
            raise CredguardError(f"cannot write the units in {folder}: {exc.strerror}") from exc
        # Not `enable --now`: one that runs already would go on with the old version. The socket
        # alone first: it is passed to the service, and none starts while its service runs.
        for step in (
            ["daemon-reload"],
            ["enable", *_STARTED],
            ["stop", SOCKET, SERVICE],
            ["start", SOCKET],
            ["restart", SERVICE, TIMER],
        ):
            code, said = _systemctl(*step)
            if code != 0 and not self._starts(code):
                raise Unsupported(
                    f"the units are written to {folder}, but the service could not be started: "
                    + last_line(said, "systemctl", code),
                    hint="where a user manager runs: systemctl --user daemon-reload && "
                    f"systemctl --user enable --now {' '.join(_STARTED)}"
                    "; here: credguard daemon run &",
                )

    def refresh(self, command: list[str]) -> bool:
        """See Service.refresh."""
        if not self._installed():
            return False
        folder = unit_dir()
        kept = Systemd(_assigned(_text(os.path.join(folder, SERVICE))))
        wanted = render(command, kept._environment)
        if all(_text(os.path.join(folder, name)) == text for name, text in wanted.items()):
            return False
        kept.install(command)
        return True

    def uninstall(self) -> None:
        """See Service.uninstall."""
        folder = unit_dir()
        names = (SOCKET, SERVICE, TICK, TIMER)
        present = [n for n in names if os.path.lexists(os.path.join(folder, n))]
        if not present:
            return
        _systemctl("disable", "--now", *[each for each in _STARTED if each in present])
        try:
            for name in present:
                os.unlink(os.path.join(folder, name))
            # Left by a manager that could not be asked to disable them.
            for link in glob.glob(os.path.join(glob.escape(folder), "*.wants", "credguard*")):
                if os.path.basename(link) in names and os.path.islink(link):
                    os.unlink(link)
        except OSError as exc:
            raise CredguardError(f"cannot remove the units in {folder}: {exc.strerror}") from exc
        _systemctl("daemon-reload")

    def restart(self) -> None:
        """See Service.restart."""
        if not self._installed():
            raise CredguardError(
                "the service is not installed", hint="run: credguard service install"
            )
        code, said = _systemctl("restart", SERVICE)
        if code != 0 and not self._starts(code):
            raise CredguardError(
                "the service could not be restarted: " + last_line(said, "systemctl", code),
                hint="see why: credguard service logs",
            )

    def status(self) -> str:
        """See Service.status."""
        if not self._installed():
            return "not installed"
        code, said = call(["systemctl", "--user", "is-active", SERVICE])
        if code == 0:
            return "running"
        return {
            "inactive": "stopped",
            "failed": "failed",
            "activating": "starting",
            "reloading": "running",
            "deactivating": "stopped",
        }.get(said, "unknown")

    def details(self) -> dict[str, str]:
        """See Service.details: since when, memory, restarts; socket and timer."""
        asked = "ActiveEnterTimestamp,MainPID,MemoryCurrent,NRestarts,Result"
        found = _shown(SERVICE, asked)
        if not found:
            return {}
        rows = {}
        if found.get("MainPID", "0") != "0":
            rows["process"] = found["MainPID"]
        if found.get("ActiveEnterTimestamp"):
            rows["since"] = found["ActiveEnterTimestamp"]
        if found.get("MemoryCurrent", "").isdecimal():
            rows["memory"] = f"{int(found['MemoryCurrent']) / 1e6:.0f} MB"
        if found.get("NRestarts", "0") not in ("", "0"):
            rows["restarts"] = found["NRestarts"]
        if found.get("Result", "success") not in ("", "success"):
            rows["ended with"] = found["Result"]
        rows["socket"] = _shown(SOCKET, "ActiveState").get("ActiveState", "unknown")
        timer = _shown(TIMER, "ActiveState,NextElapseUSecRealtime")
        rows["timer"] = timer.get("ActiveState", "unknown")
        if timer.get("NextElapseUSecRealtime"):
            rows["next look"] = timer["NextElapseUSecRealtime"]
        return rows

    def words(self, lines: int) -> list[str]:
        """See Service.words: from the journal."""
        code, said = call(
            ["journalctl", "--user", "--unit", SERVICE, "--lines", str(lines), "--no-pager", "-q"]
        )
        return said.splitlines() if code == 0 else []

    def _starts(self, code: int) -> bool:
        """Whether a call that had no answer in time is only one that takes long."""
        return code == 124 and self.status() == "starting"

    def _installed(self) -> bool:
        return os.path.exists(os.path.join(unit_dir(), SERVICE))


def _shown(unit: str, properties: str) -> dict[str, str]:
    code, said = call(["systemctl", "--user", "show", unit, f"--property={properties}"])
    if code != 0:
        return {}
    rows = (line.partition("=") for line in said.splitlines())
    return {name: value for name, _, value in rows}
