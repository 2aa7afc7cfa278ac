"""ssh-agent, through OpenSSH's own ssh-add: the key goes in by its standard input."""

import os
import subprocess

from credguard.errors import CredguardError, Unsupported
from credguard.secret import Secret

_DEADLINE_S = 20.0
_NO_AGENT = 2  # ssh-add(1): exit status 2 when it is unable to contact the agent


class AgentUnavailable(CredguardError):
    """No ssh-agent can be asked here."""

    hint = 'start one: eval "$(ssh-agent)"; then run it again'


def check() -> None:
    """Raise AgentUnavailable when no agent answers, Unsupported without OpenSSH."""
    if not os.environ.get("SSH_AUTH_SOCK"):
        raise AgentUnavailable("no ssh-agent runs for this shell (SSH_AUTH_SOCK is not set)")
    # With no key in it, -l ends with 1.
    if _ssh_add(["-l"], b"").returncode == _NO_AGENT:
        raise AgentUnavailable("ssh-agent does not answer at SSH_AUTH_SOCK")


def add(private: Secret, name: str, seconds: int) -> None:
    """Hand over `private`, an unencrypted OpenSSH key, for `seconds` (0: no end).

    `name` is for the messages. Raises AgentUnavailable, CredguardError (the agent refused, such as
    a locked one).
    """
    lifetime = ["-t", str(seconds)] if seconds else []
    done = _ssh_add([*lifetime, "-"], private.reveal_bytes())
    if done.returncode == _NO_AGENT:
        raise AgentUnavailable("ssh-agent does not answer at SSH_AUTH_SOCK")
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise CredguardError(
            f"ssh-agent did not take the key {name}: " + (said[-1] if said else "no reason given"),
            hint="a locked agent is unlocked by: ssh-add -X",
        )


def _ssh_add(arguments: list[str], given: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["ssh-add", *arguments],
            input=given,
            capture_output=True,
            timeout=_DEADLINE_S,
            check=False,
        )
    except FileNotFoundError:
        raise Unsupported(
            "ssh-add is not installed", hint="install OpenSSH (Debian, Ubuntu: openssh-client)"
        ) from None
    except subprocess.TimeoutExpired:
        # from None: the exception holds the input.
        raise AgentUnavailable("ssh-agent did not answer within 20 s") from None
    except OSError as exc:
        raise CredguardError(f"cannot run ssh-add: {exc.strerror}") from None
