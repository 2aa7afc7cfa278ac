"""ssh-agent, through OpenSSH's own ssh-add: the key goes in by its standard input."""

import os
import subprocess

from credguard.errors import CredguardError
from credguard.secret import Secret
from credguard.ssh.openssh import DEADLINE_S, run

_NO_AGENT = 2  # ssh-add(1): exit status 2 when it is unable to contact the agent


class AgentUnavailable(CredguardError):
    """No ssh-agent can be asked here."""

    hint = 'start one: eval "$(credguard ssh agent)"; then run it again'


def check() -> None:
    """Raise AgentUnavailable when no agent answers, Unsupported without OpenSSH."""
    if not os.environ.get("SSH_AUTH_SOCK"):
        raise AgentUnavailable("no ssh-agent runs for this shell (SSH_AUTH_SOCK is not set)")
    if not answers(os.environ["SSH_AUTH_SOCK"]):
        raise AgentUnavailable("ssh-agent does not answer at SSH_AUTH_SOCK")


def answers(socket: str) -> bool:
    """Whether an agent answers at the path `socket`. Raises Unsupported without OpenSSH."""
    # With no key in it, -l ends with 1.
    try:
        return _ssh_add(["-l"], b"", socket).returncode != _NO_AGENT
    except AgentUnavailable:
        return False


def add(
    private: Secret, name: str, seconds: int, *, confirm: bool = False, socket: str | None = None
) -> None:
    """Hand over `private`, an unencrypted OpenSSH key, for `seconds` (0: no end).

    `name` is for the messages; `confirm`: each use is asked about; `socket` None: SSH_AUTH_SOCK's.
    Raises AgentUnavailable, CredguardError (the agent refused, such as a locked one).
    """
    lifetime = ["-t", str(seconds)] if seconds else []
    asked = ["-c"] if confirm else []
    done = _ssh_add([*lifetime, *asked, "-"], private.reveal_bytes(), socket)
    _taken(done, name)


def add_file(path: str, name: str, seconds: int, environment: dict[str, str]) -> None:
    """Hand over the key file at `path`; `environment` has the helper that gives its passphrase.

    For keys of a security key, which only OpenSSH reads. Raises as `add`.
    """
    lifetime = ["-t", str(seconds)] if seconds else []
    _taken(run(["ssh-add", *lifetime, path], environment=environment), name)


def _taken(done: subprocess.CompletedProcess[bytes], name: str) -> None:
    if done.returncode == _NO_AGENT:
        raise AgentUnavailable("ssh-agent does not answer at SSH_AUTH_SOCK")
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise CredguardError(
            f"ssh-agent did not take the key {name}: " + (said[-1] if said else "no reason given"),
            hint="a locked agent is unlocked by: ssh-add -X",
        )


def remove(public_file: str) -> bool:
    """Take the key whose public half is in `public_file` out of the agent.

    False: it was not in it, or there is no agent. Raises Unsupported without OpenSSH.
    """
    if not os.environ.get("SSH_AUTH_SOCK"):
        return False
    try:
        return _ssh_add(["-d", public_file], b"").returncode == 0
    except AgentUnavailable:
        return False


def _ssh_add(
    arguments: list[str], given: bytes, socket: str | None = None
) -> subprocess.CompletedProcess[bytes]:
    environment = {} if socket is None else {"SSH_AUTH_SOCK": socket}
    try:
        return run(["ssh-add", *arguments], given=given, environment=environment)
    except TimeoutError:
        raise AgentUnavailable(f"ssh-agent did not answer within {DEADLINE_S:.0f} s") from None
