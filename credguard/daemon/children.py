"""The short-lived process that gets credentials: boto3 and keyring never enter the agent."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from typing import Any

from credguard import errors

_LARGEST = 128 << 10
# What would beat the profile that is asked for, see botocore's order of providers.
# The last one: a descriptor that only its first owner has.
_KEPT_OUT = (
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN",
    "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "CREDGUARD_EXEC", "CREDGUARD_PASSPHRASE_FD",
)  # fmt: skip
PASSPHRASE = "CREDGUARD_PASSPHRASE_FD"  # noqa: S105 - a variable's name
ENTRY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "entry.py")


class Child:
    """One running child; `output` can be watched. Secrets go through its pipes only."""

    def __init__(self, request: dict[str, object], config: str, passphrase: bytearray) -> None:
        """Start it. `config`: the asker's ~/.aws/config; `passphrase`: empty: none is known.

        Raises CredguardError when it cannot be started.
        """
        variables = {name: os.environ[name] for name in os.environ if name not in _KEPT_OUT}
        if config:
            variables["AWS_CONFIG_FILE"] = config
        descriptors: tuple[int, ...] = ()
        self._answer = bytearray()
        try:
            if passphrase:
                read, write = os.pipe()
                descriptors = (read,)
                try:
                    os.write(write, passphrase)  # 4096 bytes at most: a pipe holds them
                finally:
                    os.close(write)
                variables[PASSPHRASE] = str(read)
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", ENTRY, "child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=variables,
                pass_fds=descriptors,
                bufsize=0,
                cwd="/",
                # Without a terminal to ask at, and with its own helpers in one group to be ended.
                start_new_session=True,
            )
        except OSError as exc:
            raise errors.CredguardError(f"cannot start {sys.executable}: {exc.strerror}") from exc
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        if self._process.stdin is None or self._process.stdout is None:
            raise errors.CredguardError(f"cannot talk to {sys.executable}")
        self.output = self._process.stdout.fileno()
        os.set_blocking(self.output, False)
        with self._process.stdin as stdin, contextlib.suppress(BrokenPipeError):
            stdin.write(json.dumps(request).encode())

    def read(self) -> bool:
        """Take what came; True at its end."""
        try:
            part = os.read(self.output, _LARGEST)
        except BlockingIOError:
            return False
        self._answer += part
        return not part or len(self._answer) > _LARGEST

    def answer(self) -> tuple[dict[str, Any], bytes] | None:
        """What it said, and the bytes to hand out; None: it died before it was done."""
        head, _, body = bytes(self._answer).partition(b"\n")
        try:
            found = json.loads(head)
            return (found, body) if found["length"] == len(body) else None
        except (ValueError, TypeError, KeyError):
            return None

    def end(self) -> None:
        """Kill it and what it started, and forget what it said."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process.wait()
        self._answer[:] = bytes(len(self._answer))
        self._answer.clear()
