"""The OS keyring, behind a worker process, since a keyring call may wait for a dialog for ever.

The worker (keyring_worker.py) is started on first use, answers each JSON line by one, and is killed
when an answer does not come within the deadline. The backend's class is named by our own settings;
the library's own choice, its environment variables and its configuration file are never used.
"""

import base64
import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from credguard.errors import (
    VaultCorrupt,
    VaultError,
    VaultLocked,
    VaultTimeout,
    VaultUnavailable,
)
from credguard.secret import Secret

PREFIX = "keyring:"
# A person may have to find and type the keyring's password; the Go SDK gives a credential_process
# one minute, and the line that says what happened must come before that.
DEADLINE_S = 50.0
_LARGEST = 64 << 20
# What the backends' libraries raise, in words; any other is named by its class.
_REASONS = {
    "SecretServiceNotAvailableException": "no secret service answers on D-Bus",
    "FileNotFoundError": "no D-Bus is there",
    "ConnectionRefusedError": "no D-Bus is there",
    "TimeoutError": "D-Bus does not answer",
    "DBusErrorResponse": "D-Bus refused the call",
    "InitError": "no wallet answers on D-Bus",
}
# CRED_MAX_CREDENTIAL_BLOB_SIZE is 2560 bytes, and the library stores UTF-16 (wincred.h).
WINDOWS_LARGEST = 1280
# What the stored text begins with when the secret is not plain UTF-8 text.
_BINARY = "base64:"


class OsKeyring:
    """A Vault in the OS keyring; service "credguard", user name = item."""

    def __init__(self, backend: str, *, deadline_s: float = DEADLINE_S) -> None:
        """`backend`: secretservice, kwallet, macos or windows. Nothing is started yet."""
        self.name = PREFIX + backend
        self._backend = backend
        self._deadline_s = deadline_s
        self._worker: subprocess.Popen[bytes] | None = None
        if backend == "secretservice":
            self.lock = self._lock

    def get(self, item: str) -> Secret | None:
        """See Vault. Raises VaultLocked, VaultTimeout, VaultUnavailable."""
        value = self._ask("get", item)
        return None if value is None else _decoded(value)

    def put(self, item: str, secret: Secret) -> None:
        """See Vault."""
        text = _encoded(secret)
        units = len(text.encode("utf-16-le")) // 2
        if self._backend == "windows" and units > WINDOWS_LARGEST:
            # The Locker would cut it or refuse it; whoever needs more has the file.
            raise VaultError(
                f"{item} has {units} characters; Windows Credential Locker takes {WINDOWS_LARGEST}",
                hint="keep it in the encrypted file: credguard vault migrate --to file",
            )
        self._ask("set", item, text)
        if self.get(item) != secret:
            raise VaultCorrupt(f"the keyring {self.name} gives back other bytes than were stored")

    def delete(self, item: str) -> None:
        """See Vault."""
        self._ask("delete", item)

    def names(self) -> list[str] | None:
        """See Vault: the Secret Service keeps the name as an attribute; of others none is asked."""
        found = self._ask("names", "") if self._backend == "secretservice" else None
        return None if found is None else sorted(json.loads(found))

    def collection(self, label: str) -> dict[str, Secret] | None:
        """What another program keeps in the collection `label`, by label; None: there is none.

        Secret Service only. Raises VaultError; VaultLocked when its dialog is dismissed.
        """
        found = self._ask("collection", label)
        if found is None:
            return None
        return {name: Secret(value) for name, value in json.loads(found).items()}

    def remove_from(self, collection: str, label: str) -> None:
        """Remove the items called `label` from another program's collection. Raises VaultError."""
        self._ask("collection", collection, label)

    def _lock(self) -> None:
        """Lock the collection that holds the items; the next use asks to unlock it."""
        self._ask("lock", "")
        self.close()

    def close(self) -> None:
        """End the worker; the next call starts a new one."""
        worker, self._worker = self._worker, None
        if worker is None:
            return
        for pipe in (worker.stdin, worker.stdout):
            if pipe is not None:
                pipe.close()
        worker.kill()
        worker.wait()

    def __del__(self) -> None:
        self.close()

    def _ask(self, operation: str, item: str, value: str | None = None) -> str | None:
        worker = self._worker or self._start()
        request = {"op": operation, "item": item, "value": value}
        try:
            answer = self._exchange(worker, json.dumps(request).encode() + b"\n")
        except OSError as exc:
            self.close()
            raise VaultUnavailable(f"the keyring {self.name} cannot be asked: {exc}") from exc
        if "error" in answer:
            self.close()
            raise self._error(str(answer["error"]), str(answer.get("what", "")))
        result = answer.get("value")
        return None if result is None else str(result)

    def _error(self, kind: str, what: str) -> VaultError:
        if kind == "locked":
            return VaultLocked(f"the keyring {self.name} is locked")
        if kind == "unavailable":
            reason = _REASONS.get(what, what)
            if what in ("NameError", "ImportError", "ModuleNotFoundError", "RuntimeError"):
                # How the library's backends show that what they build on is not installed.
                reason = "its Python package is not installed"
            return VaultUnavailable(f"the keyring {self.name} cannot be used here: {reason}")
        return VaultError(f"the keyring {self.name} refused ({what})")

    def _start(self) -> subprocess.Popen[bytes]:
        from credguard.vault import keyring_worker

        script = os.path.abspath(keyring_worker.__file__)
        site = os.path.dirname(os.path.dirname(os.path.dirname(script)))
        variables = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("KEYRING_", "PYTHON_KEYRING", "PYTHON"))
        }
        try:
            with _ctrl_c_blocked():
                # Without -S: the backends' own packages find their data through site-packages.
                self._worker = subprocess.Popen(
                    [sys.executable, "-I", script, self._backend, site],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=variables,
                    bufsize=0,
                )
        except OSError as exc:
            raise VaultUnavailable(f"cannot start {sys.executable}: {exc.strerror}") from exc
        return self._worker

    def _exchange(self, worker: subprocess.Popen[bytes], line: bytes) -> dict[str, Any]:
        if worker.stdin is None or worker.stdout is None:
            raise OSError("no pipe")
        worker.stdin.write(line)
        answer = b""
        end = time.monotonic() + self._deadline_s
        with selectors.DefaultSelector() as selector:
            selector.register(worker.stdout, selectors.EVENT_READ)
            while not answer.endswith(b"\n"):
                if not selector.select(max(0.0, end - time.monotonic())):
                    self.close()
                    raise VaultTimeout(
                        f"the keyring {self.name} did not answer within {self._deadline_s:.0f} s"
                    )
                part = os.read(worker.stdout.fileno(), 65536)
                answer += part
                if not part or len(answer) > _LARGEST:
                    self.close()
                    raise VaultUnavailable(f"the keyring {self.name} ended without an answer")
        return dict(json.loads(answer))


@contextlib.contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """What is started meanwhile never takes SIGINT: a child inherits the mask.

    A terminal sends Ctrl-C to the whole group, and it must not end a write of a new key. A group of
    its own would keep the worker out of reach of those who end a group.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _encoded(secret: Secret) -> str:
    try:
        text = secret.reveal()
    except UnicodeDecodeError:
        text = _BINARY
    if text.startswith(_BINARY) or "\0" in text:
        return _BINARY + base64.b64encode(secret.reveal_bytes()).decode("ascii")
    return text


def _decoded(value: str) -> Secret:
    if not value.startswith(_BINARY):
        return Secret(value)
    try:
        return Secret(base64.b64decode(value.removeprefix(_BINARY), validate=True))
    except ValueError:
        raise VaultCorrupt("an item in the keyring is damaged") from None
