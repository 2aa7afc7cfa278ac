"""Codes of an MFA device: given, from the profile's mfa_process, from ykman, or from a person."""

import shlex
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable

from credguard.app.context import Context
from credguard.errors import ConfigError, CredguardError, NeedsCode
from credguard.secret import Secret
from credguard.store import mfa as table

# A code lasts for 30 s (RFC 6238) and AWS takes it once.
STEP_S = 30
_DEADLINE_S = 60.0
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
        self._wait_for_a_new_one(self._ctx.db, serial)
        if self._given is not None:
            code, self._given = self._given, None
        else:
            code = self._from_program() or self._from_person(serial)
        text = code.reveal().strip()
        if not (text.isascii() and text.isdecimal() and len(text) == 6):
            raise CredguardError(
                f"that is not a code of {serial}", hint="a code has six digits; run it again"
            )
        table.set_step(self._ctx.db, serial, int(self._ctx.now() // STEP_S))
        return Secret(text)

    def _wait_for_a_new_one(self, db: sqlite3.Connection, serial: str) -> None:
        # Two codes within one step are the same code, and AWS refuses it the second time.
        now = self._ctx.now()
        if table.step(db, serial) == int(now // STEP_S) and self._given is None:
            threading.Event().wait(STEP_S - now % STEP_S)

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

    def _from_person(self, serial: str) -> Secret:
        if self._ask is None:
            raise NeedsCode(f"a code of {serial} is needed and nobody is here to give it")
        return Secret(self._ask(serial))


def _words(profile: str, command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as exc:
        raise ConfigError(
            f"mfa_process of profile {profile} cannot be read: {exc}", hint="check its quotes"
        ) from exc


def _run(command: list[str], what: str) -> Secret:
    """What `command` prints, run without a shell; a person may have to touch a key meanwhile."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if sys.stderr.isatty() else subprocess.DEVNULL,
            timeout=_DEADLINE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        said = "no answer" if isinstance(exc, subprocess.TimeoutExpired) else exc.strerror
        raise NeedsCode(
            f"{what} gave no code: {said}", hint=f"run it yourself: {command[0]}"
        ) from (None)
    if done.returncode != 0 or not done.stdout.strip():
        raise NeedsCode(f"{what} gave no code (exit code {done.returncode})")
    return Secret(done.stdout.strip())
