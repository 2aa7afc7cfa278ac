"""Where a passphrase comes from, the first that there is:

CREDGUARD_PASSPHRASE_FD=n (a descriptor this process inherited), CREDGUARD_PASSPHRASE_FILE, the
systemd credential credguard.passphrase, a person at the terminal.

A terminal is asked only by a process in its foreground (a background job would be stopped by the
kernel when it reads) and only for so long, so that nothing waits for ever for a person who left.
"""

import contextlib
import getpass
import os
import select
import signal
import stat
import sys
import threading
import time
from collections.abc import Iterator
from shlex import quote

from credguard.errors import Aborted, VaultError, VaultLocked, VaultTimeout
from credguard.secret import Secret

VARIABLE = "CREDGUARD_PASSPHRASE_FILE"
DESCRIPTOR = "CREDGUARD_PASSPHRASE_FD"
CREDENTIAL = "credguard.passphrase"  # systemd.exec(5), LoadCredential= and its kin
MIN_LENGTH = 8
_MAX_BYTES = 4096
_TRIES = 3
# The Go SDK gives a credential_process one minute; choosing a new passphrase takes longer.
_ASK_S, _CHOOSE_S = 55.0, 300.0
_PIPE_S = 10.0
# What came through the descriptor, which can be read only once; by its number.
_read: dict[int, Secret] = {}


def obtain(purpose: str, *, new: bool, path: str | None = None) -> Secret:
    """The passphrase of `purpose`: from `path`, else from where the module's text says.

    `new`: it is being chosen, so it is asked twice and must have 8 bytes. Raises VaultLocked
    (nothing names one and nobody is there to ask), VaultTimeout (nobody answered), VaultError (a
    file or descriptor that must not be used), Aborted.
    """
    passphrase, place = _given(path)
    if passphrase is not None:
        if new and len(passphrase) < MIN_LENGTH:
            raise VaultError(
                f"the passphrase in {place} is shorter than {MIN_LENGTH} bytes",
                hint="write a longer one, for instance from: openssl rand -base64 24",
            )
        return passphrase
    if not terminal():
        raise VaultLocked(
            f"{purpose} needs its passphrase and there is nobody to ask",
            hint=("" if new else "at a terminal: credguard unlock; without questions: ")
            + f"put it into a file of mode 0600 and name that in {VARIABLE}",
        )
    if new:
        return _ask_new(purpose)
    return ask(purpose, "")


def ask(purpose: str, hint: str) -> Secret:
    """The passphrase of `purpose`, typed; that of credguard's own vault is never taken for it.

    Raises VaultLocked with `hint` (nobody is there to ask), VaultTimeout, Aborted.
    """
    if not terminal():
        raise VaultLocked(f"{purpose} needs its passphrase and there is nobody to ask", hint=hint)
    return Secret(_prompt(f"credguard: passphrase of {purpose}: ", _ASK_S))


def _given(path: str | None) -> tuple[Secret | None, str]:
    """What a file or descriptor gives, and its name; None: neither is named."""
    number = os.environ.get(DESCRIPTOR)
    if not path and number:
        return read_descriptor(number), f"descriptor {number}"
    file = path or os.environ.get(VARIABLE)
    if not file:
        folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
        file = os.path.join(folder, CREDENTIAL)
        if not os.path.isabs(folder) or not os.path.exists(file):
            return None, ""
    return read_file(file), file


def read_descriptor(number: str) -> Secret:
    """What the inherited descriptor `number` gives up to its first line end; it is closed after.

    A second call gives the same again. Raises VaultError: not a number, not open, not inherited
    (so it is a file of our own), a terminal, or a file that others can read; VaultTimeout.
    """
    if not number.isdecimal() or not number.isascii() or len(number) > 6 or int(number) < 3:
        raise VaultError(
            f"{DESCRIPTOR}={number!r} is not the number of a descriptor from 3 on",
            hint=f"for instance: {DESCRIPTOR}=3 credguard ... 3< FILE",
        )
    descriptor = int(number)
    if descriptor in _read:
        return _read[descriptor]
    try:
        status = os.fstat(descriptor)
        ours = not os.get_inheritable(descriptor)
    except OSError:
        ours, status = True, None
    if ours or status is None:
        raise VaultError(
            f"descriptor {number}, which {DESCRIPTOR} names, was not handed to this process",
            hint=f"for instance: {DESCRIPTOR}={number} credguard ... {number}< FILE",
        )
    try:
        if os.isatty(descriptor):
            raise VaultError(
                f"descriptor {number} is a terminal", hint=f"unset {DESCRIPTOR} to be asked"
            )
        if stat.S_ISREG(status.st_mode) and sys.platform != "win32" and status.st_mode & 0o077:
            raise VaultError(
                f"the file behind descriptor {number} can be read by others",
                hint="give it mode 600",
            )
        line = _first_line(descriptor)
    finally:
        os.close(descriptor)
    if not line:
        raise VaultError(f"descriptor {number} gives no passphrase", hint="write one line into it")
    _read[descriptor] = Secret(line)
    return _read[descriptor]


def _first_line(descriptor: int) -> bytes:
    got, end = b"", time.monotonic() + _PIPE_S
    while b"\n" not in got and len(got) <= _MAX_BYTES:
        try:
            if sys.platform != "win32":
                left = max(0.0, end - time.monotonic())
                if not select.select([descriptor], [], [], left)[0]:
                    raise VaultTimeout(
                        f"descriptor {descriptor} gave no passphrase within {_PIPE_S:.0f} s",
                        hint="write the passphrase and a line end into it",
                    )
            part = os.read(descriptor, 1)  # no more than the line: the rest is not ours
        except OSError as exc:
            raise VaultError(f"cannot read descriptor {descriptor}: {exc.strerror}") from exc
        if not part:
            break
        got += part
    line = got.split(b"\n", 1)[0].removesuffix(b"\r")
    if len(line) > _MAX_BYTES:
        raise VaultError(f"the passphrase in descriptor {descriptor} is too long")
    return line


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
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise VaultError(
                f"the passphrase file {path} is not a regular file", hint="name a file"
            )
        if sys.platform != "win32" and status.st_mode & 0o077 and not _managed(path):
            raise VaultError(
                f"the passphrase file {path} can be read by others",
                hint=f"run: chmod 600 {quote(path)}",
            )
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            lines = file.read(_MAX_BYTES + 1).split(b"\n", 1)
    finally:
        os.close(descriptor)
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


def terminal() -> bool:
    """Whether a person is at a terminal whose foreground we are."""
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
