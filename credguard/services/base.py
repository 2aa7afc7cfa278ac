"""The service seam: what every platform's manager of user services offers."""

import subprocess
from typing import Protocol

_DEADLINE_S = 20.0


class Service(Protocol):
    """The background service under the platform's own manager, for this user only."""

    def install(self, command: list[str]) -> None:
        """Write the definition that runs `command` and start it now and at every login.

        Safe to repeat. Raises Unsupported when the files are written but no manager answers (the
        hint is what to type), CredguardError when they cannot be written.
        """

    def refresh(self, command: list[str]) -> bool:
        """Bring an installed definition to what this version writes, its settings kept.

        True when it was not so, and the service was started anew. Raises as install.
        """

    def uninstall(self) -> None:
        """Stop the service and remove its files; absent is not an error."""

    def restart(self) -> None:
        """Stop the service and start it again. Raises CredguardError: not installed, or refused."""

    def status(self) -> str:
        """`running`, `scheduled`, `starting`, `stopped`, `failed`, `not installed` or `unknown`.

        `scheduled`: it is started at its times and ends again.
        """

    def details(self) -> dict[str, str]:
        """What the manager knows besides, in the order to show it; empty: nothing."""

    def words(self, lines: int) -> list[str]:
        """The last `lines` lines of what the process and its manager said; empty: not kept."""


def call(command: list[str], deadline_s: float = _DEADLINE_S) -> tuple[int, str]:
    """Run a manager's tool: exit code and what it said (127: not there, 124: no answer in time)."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=deadline_s,
            check=False,
        )
    except FileNotFoundError:
        return 127, f"{command[0]} is not installed"
    except subprocess.TimeoutExpired:
        return 124, f"{command[0]} did not answer"
    except OSError as exc:
        return 126, str(exc)
    return done.returncode, (done.stdout + done.stderr).strip()


def last_line(said: str, command: str, code: int) -> str:
    """The last line of what a tool said, or that it said nothing."""
    return (said.splitlines() or [f"{command} ended with code {code}"])[-1]
