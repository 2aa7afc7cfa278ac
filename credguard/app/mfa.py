"""Codes of an MFA device: given, from mfa_process, ykman or a kept seed, or from a person."""

import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable

from credguard.app.context import Context
from credguard.errors import ConfigError, CredguardError, NeedsCode
from credguard.secret import Secret
from credguard.store import mfa as table

# A code lasts for 30 s (RFC 6238) and AWS takes it once.
STEP_S = 30
_DEADLINE_S = 60.0
_LONGEST = 4096  # bytes; a code is six digits
_LOOK_S = 0.05
_DRAIN_S = 1.0  # for what an ended program left in the pipe
Ask = Callable[[str], str]


class Codes:
    """Where codes for one user come from; each is handed out once a time step."""

    def __init__(
        self,
        ctx: Context,
        profiles: list[str],
        *,
        given: Secret | None = None,
        ask: Ask | None = None,
    ) -> None:
        """`given`: a code that a person typed beforehand; `ask(serial)` asks one, None: nobody."""
        self._ctx = ctx
        self._profiles = list(profiles)
        self._given = given
        self._ask = ask

    def also(self, profiles: Iterable[str]) -> None:
        """Look for an mfa_process in these profiles too, after the ones given first."""
        self._profiles += [each for each in profiles if each not in self._profiles]

    def serial(self) -> str | None:
        """The device's serial number or ARN, from ~/.aws/config; None: none is named there.

        The profile's own mfa_serial, else that of a profile which has it as source_profile.
        """
        from credguard.awsfiles import files

        for name in self._profiles:
            if found := files.setting(name, "mfa_serial"):
                return found
        for name in files.config_profiles():
            if files.setting(name, "source_profile") in self._profiles and (
                found := files.setting(name, "mfa_serial")
            ):
                return found
        return None

    def code(self, serial: str) -> Secret:
        """A code that was not used before. Raises NeedsCode, CredguardError (a source failed)."""
        if self._given is None:
            _wait_for_a_new_one(self._ctx, serial)
        if self._given is not None:
            code, self._given = self._given, None
        else:
            code = self._from_program() or self._from_seed(serial) or self._from_person(serial)
        text = code.reveal().strip()
        if not (text.isascii() and text.isdecimal() and len(text) == 6):
            raise CredguardError(
                f"that is not a code of {serial}", hint="a code has six digits; run it again"
            )
        table.set_step(self._ctx.db, serial, int(self._ctx.now() // STEP_S))
        return Secret(text)

    def _from_program(self) -> Secret | None:
        from credguard.awsfiles import files

        for name in self._profiles:
            command = files.setting(name, "mfa_process")
            if command:
                return _run(_words(name, command), f"mfa_process of profile {name}")
        account = self._ctx.config.mfa.ykman
        if account:
            return _run(["ykman", "oath", "accounts", "code", "--single", account], "ykman")
        return None

    def _from_seed(self, serial: str) -> Secret | None:
        from credguard.app import mfa_seed

        return mfa_seed.code(self._ctx, serial) if mfa_seed.kept(self._ctx, serial) else None

    def _from_person(self, serial: str) -> Secret:
        if self._ask is None:
            raise NeedsCode(f"a code of {serial} is needed and nobody is here to give it")
        return Secret(self._ask(serial))


def from_seed(ctx: Context, serial: str) -> Secret:
    """A code by the seed in the vault, not used before. Raises CredguardError, VaultError."""
    from credguard.app import mfa_seed

    _wait_for_a_new_one(ctx, serial)
    code = mfa_seed.code(ctx, serial)
    table.set_step(ctx.db, serial, int(ctx.now() // STEP_S))
    return code


def _wait_for_a_new_one(ctx: Context, serial: str) -> None:
    # Two codes within one step are the same code, and AWS refuses it the second time.
    now = ctx.now()
    if table.step(ctx.db, serial) == int(now // STEP_S):
        threading.Event().wait(STEP_S - now % STEP_S)


def _words(profile: str, command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as exc:
        raise ConfigError(
            f"mfa_process of profile {profile} cannot be read: {exc}", hint="check its quotes"
        ) from exc


def _run(command: list[str], what: str) -> Secret:
    """What `command` prints, run without a shell; a person may have to touch a key meanwhile."""
    hint = f"run it yourself: {command[0]}"  # its arguments may hold a secret
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if sys.stderr.isatty() else subprocess.DEVNULL,
        )
    except OSError as exc:
        raise NeedsCode(f"{what} gave no code: {exc.strerror}", hint=hint) from None
    except ValueError:
        raise NeedsCode(f"{what} cannot be run: a NUL stands in it", hint="correct it") from None
    try:
        printed = _printed(process)
    finally:
        if process.poll() is None:
            process.kill()
        code = process.wait()
    if printed is None:
        raise NeedsCode(f"{what} gave no code: no answer", hint=hint)
    if len(printed) > _LONGEST:
        raise NeedsCode(f"{what} gave no code: it printed over {_LONGEST} bytes", hint=hint)
    if code != 0 or not printed.strip():
        raise NeedsCode(f"{what} gave no code (exit code {code})", hint=hint)
    return Secret(printed.strip())


def _printed(process: "subprocess.Popen[bytes]") -> bytes | None:
    """The output, cut just past _LONGEST; None: it did not end in time.

    A child that it leaves behind, such as an agent, may hold the pipe open: it is not waited for.
    """
    found = bytearray()

    def read() -> None:
        if process.stdout is None:
            return
        with process.stdout as pipe:
            while len(found) <= _LONGEST and (part := os.read(pipe.fileno(), _LONGEST + 1)):
                found.extend(part)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    end = time.monotonic() + _DEADLINE_S
    while process.poll() is None and len(found) <= _LONGEST:
        if time.monotonic() > end:
            process.kill()
            reader.join(_DRAIN_S)
            return None
        reader.join(_LOOK_S)
        if not reader.is_alive():
            threading.Event().wait(_LOOK_S)
    reader.join(_DRAIN_S)
    return bytes(found)
