"""The vault seam: what every backend offers, and how items are named."""

from typing import Protocol

from credguard.secret import Secret

CANARY = "canary/"
"""What the items begin with that a vault is tried with."""


class Vault(Protocol):
    """Named secrets at rest. The store keeps the index, since not every OS keyring has a list."""

    @property
    def name(self) -> str:
        """The backend as `vault.backend` names it."""

    def get(self, item: str) -> Secret | None:
        """The secret of `item`; None: no such item. Raises VaultError when it cannot be told."""

    def put(self, item: str, secret: Secret) -> None:
        """Store `secret` under `item`, read it back and compare. Safe to repeat.

        Raises VaultError; then the item holds its earlier value, the new one, or none.
        """

    def delete(self, item: str) -> None:
        """Remove `item`; absent is not an error. Raises VaultError."""

    def names(self) -> list[str] | None:
        """The items it holds, sorted; None: it has no list. Raises VaultError.

        Only for what is to be found again: a name that a backend had to shorten is left out.
        """


def key_item(partition: str, account: str, key_id: str) -> str:
    """The item of one IAM access key; a new key never overwrites an old one's."""
    return f"key/{partition}/{account}/{key_id}"


def secret_item(name: str) -> str:
    """The item of a secret that a person stored by name."""
    return f"secret/{name}"


def profile_item(name: str) -> str:
    """The item that tells which key a profile hands out, should the state database be lost."""
    return f"profile/{name}"


def ssh_item(name: str) -> str:
    """The item of an SSH key's passphrase."""
    return f"ssh/{name}"


def ssh_key_item(name: str) -> str:
    """The item of an SSH private key that lies in no file."""
    return f"ssh-key/{name}"


def password_item(identity: str, generation: int) -> str:
    """The item of one console password; a new one never overwrites one that may be in force."""
    return f"password/{identity}/{generation}"


def check(vault: Vault) -> None:
    """Write, read and remove a canary item. Raises VaultError when any of it fails."""
    import secrets as random

    from credguard.errors import VaultCorrupt

    item = CANARY + random.token_hex(8)
    canary = Secret(random.token_urlsafe(16))
    vault.put(item, canary)
    try:
        if vault.get(item) != canary:
            raise VaultCorrupt(f"the vault {vault.name} gives back other bytes than were stored")
    finally:
        vault.delete(item)
