"""Rotation's effects on the real world: IAM and STS, the vault, the store."""

import threading

from credguard.app.context import Context
from credguard.errors import (
    InvalidKey,
    NetworkDown,
    NotPermitted,
    RotationRefused,
    Throttled,
    VaultError,
)
from credguard.rotation.model import Record, Remote
from credguard.secret import Secret
from credguard.store import events, journal, profiles
from credguard.store.db import transaction
from credguard.vault.base import key_item

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.aws.model import Credentials


class RealEffects:
    """Effects for one user. `user`: any key of that user, for its names and ids."""

    def __init__(self, ctx: Context, user: profiles.Key) -> None:
        """Nothing is opened or asked yet."""
        self._ctx = ctx
        self._user = user

    def now(self) -> float:
        """See Effects."""
        return self._ctx.now()

    def pause(self, seconds: float) -> None:
        """See Effects."""
        threading.Event().wait(seconds)

    def write(self, record: Record) -> None:
        """See Effects."""
        now = self.now()
        with transaction(self._ctx.db):
            journal.write(self._ctx.db, record.identity, record.to_json(), now)
            events.record(
                self._ctx.db,
                now,
                f"rotation.{record.state}",
                record.identity,
                old_id=record.old_id,
                new_id=record.new_id,
                stray_id=record.stray_id,
            )

    def end(self, record: Record) -> None:
        """See Effects."""
        with transaction(self._ctx.db):
            journal.remove(self._ctx.db, record.identity)
            events.record(self._ctx.db, self.now(), "rotation.ended", record.identity)

    def _item(self, key_id: str) -> str:
        return key_item(self._user.partition, self._user.account, key_id)

    def _credentials(self, key_id: str) -> "Credentials":
        from credguard.aws.model import Credentials

        secret = self._ctx.vault.get(self._item(key_id))
        if secret is None:
            raise VaultError(
                f"the vault holds no secret for key {key_id}",
                hint="restore a backup: credguard vault restore FILE",
            )
        return Credentials(key_id, secret, None, self._user.partition)

    def listed(self, signer: str) -> dict[str, Remote]:
        """See Effects."""
        from credguard.aws import iam

        found = iam.list_access_keys(self._credentials(signer), self._user.user_name)
        return {each.key_id: Remote(each.status == "Active", each.created) for each in found}

    def last_used(self, signer: str, key_id: str) -> float | None:
        """See Effects."""
        from credguard.aws import iam

        try:
            return iam.access_key_last_used(self._credentials(signer), key_id).at
        except NotPermitted:
            return None

    def create(self, signer: str, transaction: str) -> tuple[str, Secret, float]:
        """See Effects."""
        from credguard.aws import iam

        new = iam.create_access_key(self._credentials(signer), self._user.user_name, transaction)
        return new.key_id, new.secret, new.created

    def set_active(self, signer: str, key_id: str, active: bool) -> None:
        """See Effects."""
        from credguard.aws import iam

        iam.set_access_key_status(self._credentials(signer), self._user.user_name, key_id, active)

    def delete(self, signer: str, key_id: str) -> None:
        """See Effects."""
        from credguard.aws import iam

        iam.delete_access_key(self._credentials(signer), self._user.user_name, key_id)

    def prove(self, key_id: str) -> bool:
        """See Effects. Another user's key is refused for good (RotationRefused)."""
        from credguard.aws import iam, sts

        credentials = self._credentials(key_id)
        try:
            identity = sts.caller_identity(credentials)
            iam.list_access_keys(credentials, self._user.user_name)
        except (InvalidKey, NotPermitted, NetworkDown, Throttled):
            return False
        if identity.user_id != self._user.user_id or identity.account != self._user.account:
            raise RotationRefused(f"key {key_id} belongs to another user: {identity.arn}")
        return True

    def known(self, key_ids: set[str]) -> frozenset[str]:
        """See Effects."""
        return frozenset(
            each for each in key_ids if self._ctx.vault.get(self._item(each)) is not None
        )

    def store(self, key_id: str, secret: Secret, created: float) -> None:
        """See Effects."""
        self._ctx.vault.put(self._item(key_id), secret)
        user = self._user
        key = profiles.Key(
            key_id, user.partition, user.account, user.user_name, user.user_id, created, "rotation"
        )
        profiles.add_key(self._ctx.db, key, self.now())

    def forget(self, key_id: str) -> None:
        """See Effects."""
        self._ctx.vault.delete(self._item(key_id))
        profiles.forget_key(self._ctx.db, key_id)

    def pointer(self, record: Record) -> str:
        """See Effects. The old id as long as any profile hands it out."""
        handed_out = {each.key.key_id for each in profiles.profiles(self._ctx.db)}
        if record.old_id in handed_out or record.new_id not in handed_out:
            return record.old_id
        return record.new_id or record.old_id

    def switch(self, old_id: str, new_id: str) -> None:
        """See Effects."""
        known = {each.key_id: each for each in profiles.keys(self._ctx.db)}
        if new_id not in known:  # adopted: stored, but a crash came before its index entry
            user = self._user
            key = profiles.Key(
                new_id, user.partition, user.account, user.user_name, user.user_id, None, "rotation"
            )
            profiles.add_key(self._ctx.db, key, self.now())
        profiles.switch(self._ctx.db, old_id, new_id)
