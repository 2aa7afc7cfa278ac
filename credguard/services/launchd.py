"""A macOS LaunchAgent."""

import os
import plistlib
from collections.abc import Mapping
from xml.parsers.expat import ExpatError

from credguard.atomic import write_private
from credguard.errors import CredguardError, Unsupported
from credguard.services.base import call, last_line

LABEL = "io.credguard.agent"


def render(command: list[str], environment: Mapping[str, str], log: str) -> bytes:
    """The property list. `log`: where the process's own output goes."""
    return plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": [*command, "daemon", "run"],
            "EnvironmentVariables": dict(environment),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": 30,
            "ProcessType": "Background",
            "Umask": 0o077,
            "HardResourceLimits": {"Core": 0},
            "StandardOutPath": log,
            "StandardErrorPath": log,
        }
    )


def plist_file() -> str:
    """Where the agent's definition lives."""
    return os.path.expanduser(f"~/Library/LaunchAgents/{LABEL}.plist")


class Launchd:
    """launchd, in the user's gui domain."""

    def __init__(self, environment: Mapping[str, str], log: str) -> None:
        """`environment` holds no secret; `log` takes the process's own output."""
        self._environment = environment
        self._log = log

    def install(self, command: list[str]) -> None:
        """See Service.install."""
        file = plist_file()
        try:
            os.makedirs(os.path.dirname(file), exist_ok=True)
            write_private(file, render(command, self._environment, self._log), 0o644)
        except OSError as exc:
            raise CredguardError(f"cannot write {file}: {exc.strerror}") from exc
        domain = f"gui/{os.getuid()}"
        call(["launchctl", "bootout", f"{domain}/{LABEL}"])
        code, said = call(["launchctl", "bootstrap", domain, file])
        if code != 0:
            raise Unsupported(
                f"{file} is written, but the service could not be started: "
                + last_line(said, "launchctl", code),
                hint=f"in a desktop session: launchctl bootstrap {domain} {file}",
            )

    def refresh(self, command: list[str]) -> bool:
        """See Service.refresh."""
        try:
            with open(plist_file(), "rb") as file:
                there = plistlib.load(file)
        except FileNotFoundError:
            return False
        except (OSError, ValueError, ExpatError):
            there = None  # damaged: written anew
        if not isinstance(there, dict):
            self.install(command)
            return True
        kept = Launchd(there.get("EnvironmentVariables", {}), self._log)
        if there == plistlib.loads(render(command, kept._environment, self._log)):
            return False
        kept.install(command)
        return True

    def uninstall(self) -> None:
        """See Service.uninstall."""
        file = plist_file()
        if not os.path.lexists(file):
            return
        call(["launchctl", "bootout", f"gui/{os.getuid()}/{LABEL}"])
        try:
            os.unlink(file)
        except OSError as exc:
            raise CredguardError(f"cannot remove {file}: {exc.strerror}") from exc

    def status(self) -> str:
        """See Service.status."""
        if not os.path.exists(plist_file()):
            return "not installed"
        code, said = call(["launchctl", "print", f"gui/{os.getuid()}/{LABEL}"])
        if code == 0:
            return "running" if "state = running" in said else "stopped"
        return "unknown" if code in (124, 126, 127) else "stopped"

    def restart(self) -> None:
        """See Service.restart."""
        if not os.path.exists(plist_file()):
            raise CredguardError(
                "the service is not installed", hint="run: credguard service install"
            )
        code, said = call(["launchctl", "kickstart", "-k", f"gui/{os.getuid()}/{LABEL}"])
        if code != 0:
            raise CredguardError(
                "the service could not be restarted: " + last_line(said, "launchctl", code),
                hint="see why: credguard service logs",
            )

    def details(self) -> dict[str, str]:
        """See Service.details: the process, and how the last one ended."""
        code, said = call(["launchctl", "print", f"gui/{os.getuid()}/{LABEL}"])
        if code != 0:
            return {}
        wanted = {"pid": "process", "runs": "starts", "last exit code": "last exit code"}
        rows: dict[str, str] = {}
        for line in said.splitlines():
            name, equals, value = line.strip().partition(" = ")
            if equals and name in wanted:
                rows.setdefault(wanted[name], value)
        return rows

    def words(self, lines: int) -> list[str]:
        """See Service.words: from the file that takes the process's own output."""
        try:
            with open(self._log, encoding="utf-8", errors="replace") as file:
                return file.read().splitlines()[-lines:]
        except OSError:
            return []
