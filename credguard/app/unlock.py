"""Use case: open the vault for a while, close it again, whatever its backend is."""

import contextlib
import os
from dataclasses import dataclass

from credguard import paths
from credguard.app.context import Context
from credguard.errors import Unsupported, VaultError
from credguard.ipc import calls, start
from credguard.ipc.client import NoAgent
from credguard.secret import Secret


@dataclass(frozen=True, slots=True)
class Done:
    """`what` happened, for a person; `note`: what that does not cover, or empty."""

    what: str
    note: str = ""


def unlock(ctx: Context, timeout_s: int | None = None) -> Done:
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
    start.start()
    calls.unlock(passphrase, timeout_s)
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


def lock(ctx: Context) -> Done:
    """Close the vault: the agent forgets everything, and the backend is locked where it can be.

    Raises VaultError, Unsupported (the backend offers no lock), CredguardError. The agent has
    forgotten by then.
    """
    note = ""
    with contextlib.suppress(NoAgent):  # then there is nothing to forget
        note = calls.lock()
    backend = ctx.config.vault.backend
    if backend in ("", "file"):
        return Done("the agent has forgotten the passphrase and all sessions", note)
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
