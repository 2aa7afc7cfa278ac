"""The child process of the periodic look for due rotations, and what it says."""

import os
import subprocess
import sys

_LONGEST = 64_000


class Tick:
    """A running `credguard daemon tick`. See scheduler.Child."""

    def __init__(self, command: list[str] | None = None) -> None:
        """Start it (`command`: another program, for tests). Raises OSError."""
        # -I: a folder named credguard in the working directory is not this package.
        # An own session: no passphrase is asked at the terminal behind the person's back, and a
        # Ctrl-C there reaches the daemon alone, which then ends the child in its own way.
        self._child = subprocess.Popen(
            command or [sys.executable, "-I", "-m", "credguard", "daemon", "tick"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        if self._child.stderr is None:
            raise OSError("no pipe")
        self._pipe = self._child.stderr
        os.set_blocking(self._pipe.fileno(), False)
        self._rest = b""

    def poll(self) -> int | None:
        """See Child."""
        return self._child.poll()

    def said(self) -> list[str]:
        """See Child; lines over 64,000 bytes are cut."""
        try:
            while part := os.read(self._pipe.fileno(), 65536):
                self._rest = (self._rest + part)[-_LONGEST:]
        except BlockingIOError:
            pass
        lines, end, self._rest = self._rest.rpartition(b"\n")
        if self._child.returncode is not None:
            lines, self._rest = lines + end + self._rest, b""
        return [line for line in lines.decode("utf-8", "replace").splitlines() if line.strip()]

    def terminate(self) -> None:
        """See Child."""
        self._child.terminate()

    def kill(self) -> None:
        """See Child."""
        self._child.kill()
        self._child.wait()
        self._pipe.close()

    def wait(self, timeout: float) -> int | None:
        """See Child."""
        try:
            code = self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        self._pipe.close()
        return code
