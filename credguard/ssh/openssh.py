"""OpenSSH's programs, each under a deadline, and what this machine's can do."""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from credguard.errors import CredguardError, Unsupported

DEADLINE_S = 20.0
_VERSION = re.compile(rb"OpenSSH_(?:for_Windows_)?(\d+)\.(\d+)")
# SSH_ASKPASS_REQUIRE came with 8.4 (its release notes); before it a helper is not asked where there
# is a terminal.
_ASKPASS_SINCE = (8, 4)
_LONGEST_PUBLIC = 16 << 10


class NoEnd(CredguardError):
    """A program of OpenSSH did not end in time; it was killed."""

    hint = "see whether it waits for something: run it by hand"


def run(
    command: list[str],
    *,
    given: bytes = b"",
    environment: dict[str, str] | None = None,
    whole: bool = False,
    deadline_s: float = DEADLINE_S,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program of OpenSSH. `given`: its standard input; `environment`: besides our own.

    `whole`: it gets nothing of our own. Raises Unsupported (not installed), NoEnd, CredguardError.
    """
    try:
        return subprocess.run(
            command,
            input=given,
            capture_output=True,
            timeout=deadline_s,
            check=False,
            env={**({} if whole else os.environ), **(environment or {})},
        )
    except FileNotFoundError:
        raise Unsupported(
            f"{command[0]} is not installed",
            hint="install OpenSSH (Debian, Ubuntu: openssh-client)",
        ) from None
    except subprocess.TimeoutExpired:
        # from None: the exception holds the input.
        raise NoEnd(f"{command[0]} did not end within {deadline_s:.0f} s") from None
    except OSError as exc:
        raise CredguardError(f"cannot run {command[0]}: {exc.strerror}") from None


def version() -> tuple[int, int] | None:
    """OpenSSH's version here; None: it does not say. Raises Unsupported (not installed)."""
    done = run(["ssh", "-V"])
    match = _VERSION.search(done.stderr + done.stdout)
    return None if match is None else (int(match[1]), int(match[2]))


def check_askpass() -> None:
    """Raise Unsupported where OpenSSH is too old to ask a helper at a terminal."""
    found = version()
    if found is not None and found < _ASKPASS_SINCE:
        raise Unsupported(
            f"OpenSSH {found[0]}.{found[1]} asks no helper at a terminal (SSH_ASKPASS_REQUIRE)",
            hint="use OpenSSH 8.4 or newer; or hand the key over beforehand: credguard ssh add",
        )


def settings_for(
    host: str, config: str | None, environment: dict[str, str] | None = None
) -> dict[str, list[str]]:
    """What `ssh -G` says of `host`, by lower-case keyword. `config`: -F; None: ssh's own files.

    `environment`: besides our own. Raises CredguardError: the configuration is not valid.
    """
    chosen = [] if config is None else ["-F", config]
    done = run(["ssh", *chosen, "-G", host], environment=environment)
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise CredguardError(
            "ssh does not take its configuration: " + (said[0] if said else "no reason given"),
            hint="see: ssh -G " + host,
        )
    found: dict[str, list[str]] = {}
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        word, _, value = line.partition(" ")
        found.setdefault(word.lower(), []).append(value)
    return found


def make_security_key(path: str, kind: str, comment: str, environment: dict[str, str]) -> str:
    """Have ssh-keygen make a key of the security key that is plugged in; gives the public line.

    `environment` has the helper that gives the passphrase. The person has a minute to touch the
    key. Raises CredguardError; then no file is left. ssh-keygen makes the file with mode 0600.
    """
    command = ["ssh-keygen", "-q", "-t", kind, "-C", comment, "-f", path]
    try:
        done = run(command, environment=environment, deadline_s=90.0)
    except NoEnd:
        raise CredguardError(
            "nobody touched the security key within 90 s", hint="run it again, and touch it"
        ) from None
    if done.returncode != 0 or not os.path.exists(path):
        said = (done.stderr + done.stdout).decode("utf-8", "replace").strip().splitlines()
        raise CredguardError(
            "ssh-keygen made no key: " + (said[-1] if said else "no reason given"),
            hint="plug a FIDO2 security key in, then run it again",
        )
    with open(path + ".pub", encoding="utf-8") as file:
        return file.read(_LONGEST_PUBLIC).strip()


@contextmanager
def own_agent(folder: str) -> Iterator[str]:
    """An ssh-agent of our own, with its socket in `folder`; it ends with the block.

    For a key that must lie in no file. Gives the socket's path. Should this process be killed, the
    agent ends within ten seconds: it runs for a command that waits for us (ssh-agent(1)). Raises
    Unsupported, CredguardError.
    """
    path = os.path.join(folder, "agent")
    waits = 'echo "$SSH_AGENT_PID"; exec cat >/dev/null'
    try:
        process = subprocess.Popen(
            ["ssh-agent", "-a", path, "sh", "-c", waits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C is for ssh
        )
    except FileNotFoundError:
        raise Unsupported(
            "ssh-agent is not installed", hint="install OpenSSH (Debian, Ubuntu: openssh-client)"
        ) from None
    with process:  # closes its pipes, and waits for it
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        said = process.stdout.readline().strip()
        if not said.isdigit():
            raise CredguardError(f"no ssh-agent could be started at {path}")
        try:
            yield path
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(said), signal.SIGTERM)
