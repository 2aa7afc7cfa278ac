"""Where a passphrase comes from: CREDGUARD_PASSPHRASE_FILE, or a person at the terminal.

A terminal is asked only by a process in its foreground (a background job would be stopped by the
kernel when it reads) and only for so long, so that nothing waits for ever for a person who left.
"""

import contextlib
import getpass
import os
import signal
import stat
import sys
import threading
from collections.abc import Iterator

from credguard.errors import Aborted, VaultError, VaultLocked, VaultTimeout
from credguard.secret import Secret

VARIABLE = "CREDGUARD_PASSPHRASE_FILE"
MIN_LENGTH = 8
_MAX_BYTES = 4096
_TRIES = 3
# The Go SDK gives a credential_process one minute; choosing a new passphrase takes longer.
_ASK_S, _CHOOSE_S = 55.0, 300.0


def obtain(purpose: str, *, new: bool, path: str | None = None) -> Secret:
    """The passphrase of `purpose`: from `path`, else CREDGUARD_PASSPHRASE_FILE, else asked.

    `new`: it is being chosen, so it is asked twice and must have 8 bytes. Raises VaultLocked (no
    file named and nobody to ask), VaultTimeout (asked, and nobody answered), VaultError (a file
    that must not be used), Aborted.
    """
    file = path or os.environ.get(VARIABLE)
    if file:
        passphrase = read_file(file)
        if new and len(passphrase) < MIN_LENGTH:
            raise VaultError(
                f"the passphrase in {file} is shorter than {MIN_LENGTH} bytes",
                hint="write a longer one, for instance from: openssl rand -base64 24",
            )
        return passphrase
    if not _terminal():
        raise VaultLocked(
            f"{purpose} needs its passphrase and there is nobody to ask",
            hint=f"put it into a file of mode 0600 and name that in {VARIABLE}",
        )
    if new:
        return _ask_new(purpose)
    return Secret(_prompt(f"credguard: passphrase of {purpose}: ", _ASK_S))


def read_file(path: str) -> Secret:
    """The first line of `path`, its line end cut off.

    Raises VaultError: not a readable regular file, empty, or readable by group or others while it
    is not below $CREDENTIALS_DIRECTORY or /run/secrets (whose modes their managers set).
    """
    try:
        # Non-blocking, so that a FIFO is refused instead of waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    except OSError as exc:
        raise VaultError(
            f"cannot read the passphrase file {path}: {exc.strerror}", hint=f"check {VARIABLE}"
        ) from exc
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise VaultError(
                f"the passphrase file {path} is not a regular file", hint="name a file"
            )
        if sys.platform != "win32" and status.st_mode & 0o077 and not _managed(path):
            raise VaultError(
                f"the passphrase file {path} can be read by others", hint=f"run: chmod 600 {path}"
            )
        lines = file.read(_MAX_BYTES + 1).split(b"\n", 1)
    line = lines[0].removesuffix(b"\r")
    if not line:
        raise VaultError(f"the passphrase file {path} is empty", hint="write one line into it")
    if len(line) > _MAX_BYTES:
        raise VaultError(f"the passphrase file {path} is too long", hint="name the right file")
    return Secret(line)


def _managed(path: str) -> bool:
    real = os.path.realpath(path)
    folders = ["/run/secrets"]
    given = os.environ.get("CREDENTIALS_DIRECTORY", "")
    if os.path.isabs(given):
        folders.append(os.path.realpath(given))
    return any(real.startswith(folder.rstrip("/") + "/") for folder in folders if folder != "/")


def _terminal() -> bool:
    if sys.platform == "win32":
        return sys.stdin is not None and sys.stdin.isatty()
    try:
        descriptor = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _prompt(text: str, limit_s: float) -> str:
    try:
        with _limit(limit_s):
            return getpass.getpass(text)
    except EOFError:
        raise Aborted("no passphrase was given") from None


@contextlib.contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """Raise VaultTimeout inside after `seconds`; getpass then gives the terminal its echo back."""
    on_main = threading.current_thread() is threading.main_thread()
    if sys.platform == "win32" or not on_main:
        yield  # No alarm there, and in the service no terminal either.
        return

    def ring(_number: int, _frame: object) -> None:
        raise VaultTimeout(
            f"no passphrase was typed within {seconds:.0f} s",
            hint=f"run it again, or set {VARIABLE}",
        )

    earlier = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)


def _ask_new(purpose: str) -> Secret:
    for _ in range(_TRIES):
        first = Secret(
            _prompt(
                f"credguard: new passphrase of {purpose} (at least {MIN_LENGTH} characters): ",
                _CHOOSE_S,
            )
        )
        if len(first) < MIN_LENGTH:
            print("  too short", file=sys.stderr)  # noqa: T201 - part of the question
            continue
        if first == Secret(_prompt("The same again: ", _CHOOSE_S)):
            return first
        print("  the two differ", file=sys.stderr)  # noqa: T201 - part of the question
    raise Aborted("no passphrase was chosen")
