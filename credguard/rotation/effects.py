"""What a rotation does to the world, as the driver asks for it."""

from typing import Protocol

from credguard.rotation.model import Proof, Record, Remote, Use
from credguard.secret import Secret


class Effects(Protocol):
    """What a rotation does to the world. Each raises CredguardError and can be repeated."""

    def now(self) -> float:
        """Unix seconds, by this machine's clock."""

    def skew(self) -> float | None:
        """Seconds by which that clock is ahead of AWS's latest answer; None: no answer yet."""

    def pause(self, seconds: float) -> None:
        """Let time pass."""

    def write(self, record: Record) -> None:
        """Journal `record`; durable on return. Raises StoreError."""

    def end(self, record: Record) -> None:
        """Remove the record from the journal."""

    def listed(self, signer: str) -> dict[str, Remote]:
        """The user's keys, asked with the key `signer`. Raises InvalidKey: it is not accepted."""

    def used(self, signer: str, key_id: str) -> Use:
        """The newest use of the key that IAM knows."""

    def create(self, signer: str, transaction: str) -> tuple[str, Secret, float]:
        """Send CreateAccessKey exactly once: id, secret, creation time."""

    def set_active(self, signer: str, key_id: str, active: bool) -> None:
        """Make the key Active or Inactive."""

    def delete(self, signer: str, key_id: str) -> None:
        """Delete the key; NoSuchEntity when it is not there."""

    def prove(self, key_id: str) -> Proof:
        """One pass: STS at two endpoints and IAM take the key, and it is the same user."""

    def alive(self, key_id: str) -> bool:
        """Whether STS takes the key now, and it is the same user."""

    def known(self, key_ids: set[str]) -> frozenset[str]:
        """Those of `key_ids` whose secret the vault gives back."""

    def store(self, key_id: str, secret: Secret, created: float) -> None:
        """Put the secret into the vault, read it back, index it."""

    def forget(self, key_id: str) -> None:
        """Take the secret out of the vault and the index."""

    def pointer(self, record: Record) -> str:
        """The key that the rotated profiles hand out: the record's old or new id."""

    def switch(self, from_id: str, to_id: str) -> None:
        """Point every profile of `from_id` at `to_id`; none left to point is fine."""

    def own_use_until(self, key_id: str) -> float:
        """Until when clients may go on with a key handed out here, Unix seconds; 0.0: none may."""

    def sessions_until(self, key_id: str) -> float:
        """Until when sessions last that were got with the key here, Unix seconds; 0.0: none do."""

    def elsewhere(self, key_id: str) -> bool:
        """Whether a person said that the key is used on other machines."""
