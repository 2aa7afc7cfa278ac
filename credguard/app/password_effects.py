"""The effects of a change of the console password on the real world: IAM, the vault, the store."""

import secrets as random
import threading
from collections.abc import Callable

from credguard.app.context import Context
from credguard.app.mfa import Codes
from credguard.app.signing import Signer, T
from credguard.errors import VaultError
from credguard.rotation import password as core
from credguard.rotation.password import Record
from credguard.secret import Secret
from credguard.store import events, passwords, profiles
from credguard.store.db import transaction
from credguard.vault.base import password_item

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.aws.model import Credentials


class RealEffects:
    """Effects for the user of `profile`; the account's policy is asked when a password is made."""

    def __init__(self, ctx: Context, profile: profiles.Profile, codes: Codes | None = None) -> None:
        """Nothing is opened or asked yet. `codes`: for a policy that asks for MFA."""
        self._ctx = ctx
        self._profile = profile
        self._identity = profile.key.identity
        self._signer = Signer(ctx, profile.key, codes)

    def _iam(self, call: "Callable[[Credentials], T]") -> T:
        return self._signer.call(self._profile.key.key_id, call)

    def now(self) -> float:
        """See Effects."""
        return self._ctx.now()

    def pause(self, seconds: float) -> None:
        """See Effects."""
        threading.Event().wait(seconds)

    def write(self, record: Record) -> None:
        """See Effects."""
        with transaction(self._ctx.db):
            self._write(record)

    def _write(self, record: Record) -> None:
        now, db = self.now(), self._ctx.db
        before = passwords.changes(db).get(self._identity, {})
        passwords.write_change(db, self._identity, record.to_json(), now)
        told = (before.get("state"), before.get("target"))
        if told != (record.state, record.target):
            kind = f"password.{record.state}"
            events.record(db, now, kind, self._identity, generation=record.target)

    def end(self, record: Record) -> None:
        """See Effects."""
        with transaction(self._ctx.db):
            passwords.end_change(self._ctx.db, record.identity)
            events.record(self._ctx.db, self.now(), "password.ended", record.identity)

    def _item(self, generation: int) -> str:
        return password_item(self._identity, generation)

    def has_console_password(self) -> bool | None:
        """Whether the user may sign in at the console; None: IAM does not say."""
        from credguard.aws import password as aws

        return self._iam(lambda c: aws.has_login_profile(c, self._profile.key.user_name))

    def user_name(self) -> str:
        """What IAM calls the user now. Raises AwsError, VaultError."""
        from credguard.aws import sts

        key = self._profile.key
        who = self._iam(sts.caller_identity)
        same = who.user_id == key.user_id and who.account == key.account
        return who.user_name or key.user_name if same else key.user_name

    def put(self, generation: int, value: Secret) -> None:
        """Store what a person gave."""
        with self._ctx.writing():
            self._ctx.vault.put(self._item(generation), value)

    def held(self, generations: frozenset[int]) -> frozenset[int]:
        """See Effects."""
        vault = self._ctx.vault
        return frozenset(n for n in generations if vault.get(self._item(n)) is not None)

    def store(self, generation: int) -> None:
        """See Effects."""
        from credguard.aws import password as aws

        minimum = self._iam(aws.minimum_length)
        self.put(generation, core.generate(minimum, random.randbelow))

    def change(self, old: int, new: int) -> None:
        """See Effects."""
        from credguard.aws import password as aws

        before, after = self._value(old), self._value(new)
        name = self._profile.key.user_name
        self._iam(lambda creds: aws.change_password(creds, name, before, after))

    def _value(self, generation: int) -> Secret:
        value = self._ctx.vault.get(self._item(generation))
        if value is None:
            raise VaultError(f"the vault holds no {self._item(generation)}")
        return value

    def switch(self, record: Record) -> None:
        """See Effects."""
        with transaction(self._ctx.db):
            passwords.point(self._ctx.db, self._identity, record.target, self.now())
            self._write(record)

    def forget(self, generation: int) -> None:
        """See Effects."""
        self._ctx.vault.delete(self._item(generation))
