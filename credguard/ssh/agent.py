"""ssh-agent, through OpenSSH's own ssh-add: the key goes in by its standard input."""

import os
import subprocess
import tempfile

from credguard.errors import CredguardError
from credguard.keypairs.public import same_key
from credguard.secret import Secret
from credguard.ssh import keys
from credguard.ssh.openssh import DEADLINE_S, NoEnd, run

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


def held(socket: str) -> list[str]:
    """The public lines of the keys in the agent at `socket`; none where it does not answer."""
    return _ssh_add(["-L"], b"", socket).stdout.decode("utf-8", "replace").splitlines()


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


def remove(line: str, socket: str) -> bool:
    """Take the key of the public `line` out of the agent at `socket`; False: it is not in it.

    Raises AgentUnavailable (no answer), CredguardError (it may still be in it), Unsupported.
    """
    removed = _removed(line, socket)
    listed = _ssh_add(["-L"], b"", socket)
    if listed.returncode == _NO_AGENT:
        return removed
    lines = listed.stdout.decode("utf-8", "replace").splitlines()
    if any(same_key(each, line) for each in lines):
        raise CredguardError("ssh-agent keeps the key", hint="empty it: ssh-add -D")
    if not removed and listed.returncode != 0:
        # A locked agent says that it has none. It takes none either.
        probe = keys.new_key()
        add(keys.plain(probe), "to see whether it is locked", 1, socket=socket)
        _removed(keys.public_line(probe, ""), socket)
    return removed


def _removed(line: str, socket: str) -> bool:
    with tempfile.NamedTemporaryFile("w", prefix="credguard-", suffix=".pub") as file:
        file.write(line + "\n")
        file.flush()
        return _ssh_add(["-d", file.name], b"", socket).returncode == 0


def _ssh_add(
    arguments: list[str], given: bytes, socket: str | None = None
) -> subprocess.CompletedProcess[bytes]:
    environment = {} if socket is None else {"SSH_AUTH_SOCK": socket}
    try:
        return run(["ssh-add", *arguments], given=given, environment=environment)
    except NoEnd:
        raise AgentUnavailable(f"ssh-agent did not answer within {DEADLINE_S:.0f} s") from None
