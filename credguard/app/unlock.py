"""Use case: open the vault for a while, close it again, whatever its backend is."""

import base64
import json
import os
import socket
import struct
import sys
from dataclasses import dataclass
from typing import Protocol

from credguard import paths
from credguard.app.context import Context
from credguard.errors import CredguardError, Unsupported, VaultError
from credguard.secret import Secret


class Agent(Protocol):
    """What is asked of the agent; every call raises CredguardError when none can be had."""

    def unlock(self, passphrase: Secret, timeout_s: int | None) -> None:
        """Keep `passphrase` for `timeout_s` seconds of not being used; None: as configured."""

    def lock(self) -> None:
        """Forget the passphrase and every session. No agent: nothing to forget, no error."""


@dataclass(frozen=True, slots=True)
class Done:
    """`what` happened, for a person; `note`: what that does not cover, or empty."""

    what: str
    note: str = ""


def unlock(ctx: Context, agent: Agent, timeout_s: int | None = None) -> Done:
    """Open the vault, so that the next commands ask nothing.

    The encrypted file: its passphrase, proven first, goes to the agent. Any other: a canary item
    goes in and out, which makes the keyring or gpg-agent ask by its own dialog. Raises VaultError,
    Unsupported (`timeout_s` where the backend keeps its own time), CredguardError.
    """
    backend = ctx.config.vault.backend
    if backend != "file":
        if timeout_s is not None:
            raise Unsupported(
                f"the vault {backend} keeps its own time",
                hint=_OWN_TIME.get(backend, "set it in the keyring's own settings"),
            )
        from credguard.vault.base import check

        check(ctx.vault)
        return Done(f"the vault {backend} is open")
    passphrase = _proven()
    agent.unlock(passphrase, timeout_s)
    return Done("the vault is open: the agent has its passphrase")


_OWN_TIME = {"pass": "in gpg-agent.conf: default-cache-ttl and max-cache-ttl, in seconds"}


def _proven() -> Secret:
    """The passphrase, after it opened the file. Raises VaultError."""
    from credguard.vault.encfile import EncryptedFile
    from credguard.vault.passphrase import obtain

    path = paths.vault_file()
    if not os.path.exists(path):
        raise VaultError(f"there is no vault {path} yet", hint="run: credguard init")
    passphrase = obtain("the vault", new=False)
    file = EncryptedFile(path, lambda _new: passphrase)
    try:
        file.items()
    finally:
        file.forget()
    return passphrase


def lock(ctx: Context, agent: Agent) -> Done:
    """Close the vault: the agent forgets everything, and the backend is locked where it can be.

    Raises VaultError, Unsupported (the backend offers no lock), CredguardError. The agent has
    forgotten by then.
    """
    agent.lock()
    backend = ctx.config.vault.backend
    if backend in ("", "file"):
        return Done("the agent has forgotten the passphrase and all sessions")
    lock_backend = getattr(ctx.vault, "lock", None)
    if lock_backend is None:
        raise Unsupported(f"the vault {backend} offers no lock", hint=_BY_HAND.get(backend, ""))
    lock_backend()
    return Done(f"the vault {backend} is locked", _NOTES.get(backend, ""))


_BY_HAND = {
    "keyring:kwallet": "close the wallet in KWalletManager",
    "keyring:macos": "run: security lock-keychain",
    "keyring:windows": "lock the session: Win+L; Windows offers no lock of its own",
}
_NOTES = {
    "keyring:secretservice": "the whole login keyring is locked, for other programs too",
    "pass": "gpg-agent forgot every passphrase, not only this one",
}


class SocketAgent:
    """The running agent, over its Unix socket: one frame each way (four bytes of length, JSON)."""

    def unlock(self, passphrase: Secret, timeout_s: int | None) -> None:
        """See Agent. Raises CredguardError: no agent, or it refused."""
        fields: dict[str, str | int] = {
            "passphrase_b64": base64.b64encode(passphrase.reveal_bytes()).decode("ascii")
        }
        if timeout_s is not None:
            fields["timeout_s"] = timeout_s
        if not _ask("unlock", fields):
            raise CredguardError(
                "no agent runs that could keep the passphrase",
                hint="start the service: credguard service install; or name a passphrase file in"
                " CREDGUARD_PASSPHRASE_FILE",
            )

    def lock(self) -> None:
        """See Agent."""
        _ask("lock", {})


_DEADLINE_S = 5.0
_LARGEST = 64 << 10


def agent_socket() -> str:
    """Where the agent listens."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if sys.platform != "darwin" and os.path.isabs(runtime):
        return os.path.join(runtime, "credguard", "agent.sock")
    return os.path.join(paths.state_dir(), "run", "agent.sock")


def _ask(operation: str, fields: dict[str, str | int]) -> bool:
    """Send one request; False: no agent listens. Raises CredguardError: it refused, or is mute."""
    path = agent_socket()
    body = json.dumps({"v": 1, "op": operation, "state": paths.state_dir(), **fields}).encode()
    if not hasattr(socket, "AF_UNIX") or not _ours(path):
        return False
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(_DEADLINE_S)
        try:
            link.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError as exc:
            raise CredguardError(f"cannot reach the agent at {path}: {exc.strerror}") from exc
        if hasattr(socket, "SO_PEERCRED"):
            peer = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            if struct.unpack("3i", peer)[1] != os.getuid():
                raise CredguardError(f"another user listens at {path}")
        try:
            link.sendall(len(body).to_bytes(4, "big") + body)
            answer = _received(link)
        except OSError as exc:
            raise CredguardError(
                f"the agent at {path} does not answer", hint="see: credguard status"
            ) from exc
    if answer[:1] != b"\0":
        what, _, hint = answer[1:].decode("utf-8", "replace").partition("; ")
        raise CredguardError(what or "the agent refused", hint=hint)
    return True


def _ours(path: str) -> bool:
    """Whether the socket is ours alone: a passphrase goes through it. Raises CredguardError."""
    try:
        folder = os.lstat(os.path.dirname(path))
        here = os.lstat(path)
    except FileNotFoundError:
        return False
    except OSError as exc:
        raise CredguardError(f"cannot look at {path}: {exc.strerror}") from exc
    if folder.st_uid != os.getuid() or here.st_uid != os.getuid() or folder.st_mode & 0o077:
        raise CredguardError(
            f"{path} is not ours alone", hint=f"look at it: ls -ld {os.path.dirname(path)}"
        )
    return True


def _received(link: socket.socket) -> bytes:
    got = b""
    wanted = 4
    while len(got) < wanted:
        part = link.recv(wanted - len(got))
        if not part:
            raise ConnectionResetError
        got += part
        if len(got) == 4 == wanted:
            wanted += int.from_bytes(got, "big")
            if not 4 < wanted <= _LARGEST + 4:
                raise ConnectionResetError
    return got[4:]
