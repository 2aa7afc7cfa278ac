"""A Windows Task Scheduler task: looks for due keys at sign-in and every hour.

The watcher and the agent need what Windows has not (flock, Unix sockets with peer ids), so what
runs here is the periodic look alone, which ends again. Elements and order as in [MS-TSCH] 2.5.
"""

import os
import subprocess
from xml.sax.saxutils import escape

from credguard.atomic import write_private
from credguard.errors import CredguardError, Unsupported
from credguard.services.base import call, last_line

TASK = "credguard"
_ABSENT = 1  # schtasks ends with it for a task that does not exist


_XML = """\
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>credguard: rotate keys that are due</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
      {who}
      <Delay>PT1M</Delay>
    </LogonTrigger>
    <TimeTrigger>
      <Enabled>true</Enabled>
      <StartBoundary>2026-01-01T00:00:00</StartBoundary>
      <Repetition>
        <Interval>PT1H</Interval>
        <StopAtDurationEnd>false</StopAtDurationEnd>
      </Repetition>
      <RandomDelay>PT10M</RandomDelay>
    </TimeTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      {who}
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>true</RunOnlyIfNetworkAvailable>
    <AllowStartOnDemand>true</AllowStartOnDemand>
    <Enabled>true</Enabled>
    <Hidden>false</Hidden>
    <ExecutionTimeLimit>PT30M</ExecutionTimeLimit>
    <Priority>7</Priority>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{program}</Command>
      <Arguments>{arguments}</Arguments>
    </Exec>
  </Actions>
</Task>
"""


def render(command: list[str], user: str = "") -> str:
    """The task's XML. `user`: whose sign-in starts it and who it runs as, DOMAIN and name."""
    program, *words = command
    arguments = subprocess.list2cmdline([*words, "daemon", "tick"])
    return _XML.format(
        who=f"<UserId>{escape(user)}</UserId>" if user else "",
        program=escape(program),
        arguments=escape(arguments),
    )


class TaskScheduler:
    """The task scheduler, by schtasks.exe."""

    def __init__(self, file: str) -> None:
        """`file`: where the definition is written."""
        self._file = file

    def install(self, command: list[str]) -> None:
        """See Service.install."""
        text = self._text(command)
        try:
            os.makedirs(os.path.dirname(self._file), exist_ok=True)
            write_private(self._file, text.encode("utf-16"))
        except OSError as exc:
            raise CredguardError(f"cannot write {self._file}: {exc.strerror}") from exc
        code, said = call(["schtasks", "/Create", "/TN", TASK, "/XML", self._file, "/F"])
        if code != 0:
            raise Unsupported(
                f"{self._file} is written, but the task could not be made: "
                + last_line(said, "schtasks", code),
                hint=f'run: schtasks /Create /TN {TASK} /XML "{self._file}" /F',
            )

    def refresh(self, command: list[str]) -> bool:
        """See Service.refresh."""
        if self.status() != "scheduled":
            return False
        try:
            with open(self._file, encoding="utf-16") as file:
                there = file.read()
        except (OSError, ValueError):
            there = ""
        if there == self._text(command):
            return False
        self.install(command)
        return True

    def _text(self, command: list[str]) -> str:
        name, domain = os.environ.get("USERNAME", ""), os.environ.get("USERDOMAIN", "")
        user = f"{domain}\\{name}" if name and domain else name
        # Without a window of its own where that interpreter is there.
        windowless = os.path.join(os.path.dirname(command[0]), "pythonw.exe")
        program = windowless if os.path.exists(windowless) else command[0]
        return render([program, *command[1:]], user)

    def uninstall(self) -> None:
        """See Service.uninstall."""
        if call(["schtasks", "/Query", "/TN", TASK])[0] == 0:
            call(["schtasks", "/End", "/TN", TASK])
            code, said = call(["schtasks", "/Delete", "/TN", TASK, "/F"])
            if code != 0:
                raise CredguardError("cannot remove the task: " + last_line(said, "schtasks", code))
        try:
            os.unlink(self._file)
        except FileNotFoundError:
            pass
        except OSError as exc:
            raise CredguardError(f"cannot remove {self._file}: {exc.strerror}") from exc

    def restart(self) -> None:
        """See Service.restart: the task is run now."""
        call(["schtasks", "/End", "/TN", TASK])
        code, said = call(["schtasks", "/Run", "/TN", TASK])
        if code != 0:
            raise CredguardError(
                "the task could not be started: " + last_line(said, "schtasks", code),
                hint="run: credguard service install",
            )

    def status(self) -> str:
        """See Service.status. What schtasks says besides is in the language of the system."""
        code, _ = call(["schtasks", "/Query", "/TN", TASK])
        if code == 0:
            return "scheduled"
        return "not installed" if code == _ABSENT else "unknown"

    def details(self) -> dict[str, str]:
        """See Service.details: nothing is known."""
        return {}

    def words(self, lines: int) -> list[str]:  # noqa: ARG002 - none are kept
        """See Service.words: none are kept."""
        return []
