"""systemd user units: the service itself, and a daily timer as a safety net for due rotations."""

import os
from collections.abc import Mapping

from credguard.atomic import write_private
from credguard.errors import CredguardError, Unsupported
from credguard.services.base import call

SERVICE = "credguard.service"
TICK = "credguard-tick.service"
TIMER = "credguard-tick.timer"

# Only what needs no user namespace: those are forbidden on some distributions.
_HARDENING = """\
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native
UMask=0077
LimitCORE=0
MemoryMax=1G
"""


def quote(text: str) -> str:
    """`text` as one word of a unit file's command or assignment line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def _assignment(name: str, value: str) -> str:
    # In Environment= a dollar is literal, unlike in ExecStart=.
    return f"Environment={quote(f'{name}={value}').replace('$$', '$')}\n"


def render(command: list[str], environment: Mapping[str, str]) -> dict[str, str]:
    """File name -> text of the three units. `command` starts with an absolute path."""
    words = " ".join(quote(word) for word in command)
    assignments = "".join(_assignment(name, value) for name, value in environment.items())
    service = (
        "[Unit]\nDescription=credguard: key rotation and secret watcher\n\n"
        f"[Service]\nType=notify\nExecStart={words} daemon run\n{assignments}"
        "Restart=on-failure\nRestartSec=30\nNice=10\n" + _HARDENING + "\n"
        "[Install]\nWantedBy=default.target\n"
    )
    tick = (
        "[Unit]\nDescription=credguard: rotate keys that are due\n\n"
        f"[Service]\nType=oneshot\nExecStart={words} daemon tick\n{assignments}"
        "TimeoutStartSec=30min\n" + _HARDENING
    )
    timer = (
        "[Unit]\nDescription=credguard: daily look for keys that are due\n\n"
        "[Timer]\nOnCalendar=daily\nRandomizedDelaySec=1h\nPersistent=yes\n\n"
        "[Install]\nWantedBy=timers.target\n"
    )
    return {SERVICE: service, TICK: tick, TIMER: timer}


def unit_dir() -> str:
    """Where this user's units live."""
    given = os.environ.get("XDG_CONFIG_HOME", "")
    base = given if os.path.isabs(given) else os.path.expanduser("~/.config")
    return os.path.join(base, "systemd", "user")


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
        systemctl = ["systemctl", "--user"]
        enable = [*systemctl, "enable", SERVICE, TIMER]
        # Not `enable --now`: one that runs already would go on with the old version.
        restart = [*systemctl, "restart", SERVICE, TIMER]
        for step in ([*systemctl, "daemon-reload"], enable, restart):
            code, said = call(step)
            if code != 0:
                raise Unsupported(
                    f"the units are written to {folder}, but the service could not be started: "
                    + (said.splitlines() or [f"{step[0]} ended with code {code}"])[-1],
                    hint="where a user manager runs: systemctl --user daemon-reload && "
                    f"systemctl --user enable --now {SERVICE} {TIMER}"
                    "; here: credguard daemon run &",
                )

    def uninstall(self) -> None:
        """See Service.uninstall."""
        folder = unit_dir()
        present = [n for n in (SERVICE, TICK, TIMER) if os.path.lexists(os.path.join(folder, n))]
        if not present:
            return
        call(["systemctl", "--user", "disable", "--now", SERVICE, TIMER])
        try:
            for name in present:
                os.unlink(os.path.join(folder, name))
        except OSError as exc:
            raise CredguardError(f"cannot remove the units in {folder}: {exc.strerror}") from exc
        call(["systemctl", "--user", "daemon-reload"])

    def status(self) -> str:
        """See Service.status."""
        if not os.path.exists(os.path.join(unit_dir(), SERVICE)):
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
