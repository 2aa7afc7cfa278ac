"""Starts an agent for whoever needs one now; hot path, so without subprocess."""

import os
import sys
import time

from credguard import paths
from credguard.errors import StoreError
from credguard.ipc import client

# The agent listens within a fraction of a second; with 200 callers on two busy cores it took 20.
_DEADLINE_S = 40.0
_PAUSE_S = 0.02
_LONGEST = 4096
_SEE = "see why: credguard agent run"
# Never into the agent: it outlives the asker, and hands out by profile only.
_KEPT_OUT = (
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN",
    "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "CREDGUARD_EXEC", "CREDGUARD_PASSPHRASE_FD",
)  # fmt: skip


def start() -> None:
    """Return when an agent listens: one that is there, or one started, detached from us.

    However many ask at once, one starts it. Raises NoAgent, AgentSilent, StoreError.
    """
    import fcntl

    end = time.monotonic() + _DEADLINE_S
    path = paths.agent_socket()
    lock = paths.lock_file("agent-start")
    paths.private_dir(paths.state_dir())
    try:
        held = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise StoreError(f"cannot open {lock}: {exc.strerror}") from exc
    try:
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if client.alive(path):
                    return
                if time.monotonic() >= end:
                    raise client.AgentSilent("no agent could be started in time") from None
                time.sleep(_PAUSE_S)
        if not client.alive(path):
            problem = _spawn(end)
            if problem:
                what, _, hint = problem.partition("; ")
                raise client.NoAgent(f"no agent could be started: {what}", hint=hint or _SEE)
            if not client.alive(path):
                raise client.NoAgent(f"no agent could be started at {path}", hint=_SEE)
    finally:
        os.close(held)


def _spawn(end: float) -> str:
    """Start one, and wait until it listens, ends, or the time is over.

    Gives why it cannot, "what; hint"; empty: it did not say so.
    """
    import select

    entry = os.path.join(os.path.dirname(os.path.dirname(__file__)), "daemon", "entry.py")
    read, write = os.pipe()
    try:
        variables = {name: os.environ[name] for name in os.environ if name not in _KEPT_OUT}
        try:
            os.set_inheritable(write, True)
            os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-S", entry, "agent", str(write)],
                variables,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                ],
            )
        except OSError as exc:
            raise client.NoAgent(f"cannot start {sys.executable}: {exc.strerror}") from exc
        finally:
            os.close(write)
        said, _, _ = select.select([read], [], [], max(0.0, end - time.monotonic()))
        return os.read(read, _LONGEST).decode("utf-8", "replace") if said else ""
    finally:
        os.close(read)
