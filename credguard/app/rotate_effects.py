"""Rotation's effects on the real world: IAM and STS, the vault, the store."""

import contextlib
import threading
from dataclasses import replace
from shlex import quote

from credguard.app import key_marks, notes, renames
from credguard.app.context import Context
from credguard.app.mfa import Codes
from credguard.app.signing import Signer
from credguard.errors import (
    AwsError,
    BadSignature,
    CredguardError,
    InvalidKey,
    NetworkDown,
    NoSuchEntity,
    NotPermitted,
    RotationRefused,
    VaultError,
)
from credguard.ipc import calls as agent
from credguard.rotation.model import UNKNOWN_USE, Mode, Proof, Record, Remote, Use
from credguard.secret import Secret
from credguard.store import events, handouts, journal, profiles
from credguard.store.db import transaction
from credguard.vault.base import key_item

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.aws.model import Identity

_ANSWERS_MISSING = 3
# A record that differs in none of these is no news.
_TOLD = ("state", "new_id", "stray_id", "why")


class RealEffects:
    """Effects for one user, for one run. `user`: any key of that user, for its names and ids."""

    def __init__(self, ctx: Context, user: profiles.Key, codes: Codes | None = None) -> None:
        """Nothing is opened or asked yet."""
        self._ctx = ctx
        self._user = user
        self._signer = Signer(ctx, user, codes)
        self._unanswered = 0

    @property
    def user(self) -> profiles.Key:
        """The user, under the name that IAM knows now."""
        return self._user

    def now(self) -> float:
        """See Effects."""
        return self._ctx.now()

    def skew(self) -> float | None:
        """See Effects."""
        from credguard.aws.clients import server_skew

        return server_skew()

    def pause(self, seconds: float) -> None:
        """See Effects."""
        threading.Event().wait(seconds)

    def write(self, record: Record) -> None:
        """See Effects. An event tells what is new in it."""
        now = self.now()
        record = replace(record, identity=self._user.identity)
        before = journal.read(self._ctx.db, record.identity) or {}
        kind = f"rotation.{record.state}"
        if before.get("state") == record.state and record.why:
            kind = "rotation.waits" if record.until else "rotation.asks"
        told = all(before.get(name) == getattr(record, name) for name in _TOLD)
        with transaction(self._ctx.db):
            journal.write(self._ctx.db, record.identity, record.to_json(), now)
            if told:
                return
            events.record(
                self._ctx.db,
                now,
                kind,
                record.identity,
                old_id=record.old_id,
                new_id=record.new_id,
                stray_id=record.stray_id,
                why=record.why,
                transaction=record.transaction,
            )

    def end(self, record: Record) -> None:
        """See Effects. A leaked key that is handed out still is marked, for the next run."""
        key_id = self.pointer(record)
        old_leaked = record.mode is Mode.EMERGENCY and key_id == record.old_id
        with transaction(self._ctx.db):
            stopped = key_marks.kind_of(self._ctx, key_id) == key_marks.LOCKED_OUT
            if (old_leaked or record.mode is Mode.CLEAR) and not stopped:
                key_marks.mark(self._ctx, key_id, key_marks.LEAKED)
            journal.remove(self._ctx.db, self._user.identity)
            events.record(
                self._ctx.db,
                self.now(),
                "rotation.ended",
                self._user.identity,
                old_id=record.old_id,
                new_id=record.new_id,
            )

    def _item(self, key_id: str) -> str:
        return key_item(self._user.partition, self._user.account, key_id)

    def identity(self, signer: str) -> "Identity":
        """Who AWS says the key is. Raises InvalidKey, NetworkDown, AwsError."""
        from credguard.aws import sts
        from credguard.aws.model import main_region

        region = main_region(self._user.partition)
        return sts.caller_identity(self._signer.credentials(signer), region=region)

    def listed(self, signer: str) -> dict[str, Remote]:
        """See Effects. A user that was renamed is followed."""
        from credguard.aws import iam

        try:
            found = self._signer.call(
                signer, lambda c: iam.list_access_keys(c, self._user.user_name)
            )
        except NoSuchEntity:
            self._follow_rename(signer)
            found = self._signer.call(
                signer, lambda c: iam.list_access_keys(c, self._user.user_name)
            )
        known = {key.key_id: key.created for key in profiles.keys(self._ctx.db)}
        for each in found:
            if each.key_id in known and known[each.key_id] is None:
                profiles.set_created(self._ctx.db, each.key_id, each.created)
        return {each.key_id: Remote(each.status == "Active", each.created) for each in found}

    def _follow_rename(self, signer: str) -> None:
        """IAM's unique id of a user outlives its name. Raises RotationRefused: another user."""
        who = self.identity(signer)
        if who.user_id != self._user.user_id or who.user_name in (None, self._user.user_name):
            raise RotationRefused(f"key {signer} belongs to {who.arn}, not {self._user.identity}")
        self._user = renames.follow(self._ctx, self._user, who.user_name)

    def used(self, signer: str, key_id: str) -> Use:
        """See Effects."""
        from credguard.aws import iam

        try:
            last = self._signer.call(signer, lambda c: iam.access_key_last_used(c, key_id))
        except NotPermitted:
            return UNKNOWN_USE
        return Use(last.at, last.service, last.region)

    def create(self, signer: str, transaction: str) -> tuple[str, Secret, float]:
        """See Effects."""
        from credguard.aws import iam

        name = self._user.user_name
        new = self._signer.call(
            signer, lambda c: iam.create_access_key(c, name, transaction), once=True
        )
        return new.key_id, new.secret, new.created

    def renew_session(self, signer: str) -> bool:
        """Whether a session that had MFA could be made for what was refused without one."""
        return self._signer.renew(signer)

    def set_active(self, signer: str, key_id: str, active: bool) -> None:
        """See Effects."""
        from credguard.aws import iam

        if not active:
            self._spare(signer, key_id)
        name = self._user.user_name
        self._signer.call(signer, lambda c: iam.set_access_key_status(c, name, key_id, active))

    def simulated(self, signer: str) -> bool | None:
        """Whether IAM's simulator allows iam:CreateAccessKey; None: it may not be asked."""
        from credguard.aws import iam

        try:
            arn = self.identity(signer).arn
            return self._signer.call(signer, lambda c: iam.simulate(c, arn, "iam:CreateAccessKey"))
        except AwsError:
            return None

    def delete(self, signer: str, key_id: str) -> None:
        """See Effects."""
        from credguard.aws import iam

        self._spare(signer, key_id)
        self._signer.call(signer, lambda c: iam.delete_access_key(c, self._user.user_name, key_id))

    def _spare(self, signer: str, key_id: str) -> None:
        # The last look before a key is stopped: profiles of one user may point at two keys. Only
        # a lock-out, which a key signs for itself, stops what is handed out.
        users = [each.name for each in profiles.profiles(self._ctx.db) if each.key.key_id == key_id]
        if users and signer != key_id:
            raise RotationRefused(
                f"{key_id} is still handed out by {', '.join(users)}, so it was not stopped",
                hint=f"run: credguard remove {quote(users[0])}, or give that profile the other key",
            )

    def prove(self, key_id: str) -> Proof:
        """See Effects. Another user's key is refused for good (RotationRefused).

        A refusal by policy proves the key too: IAM says AccessDenied only to a key it knows.
        Raises NetworkDown after three passes in a row without an answer.
        """
        from credguard.aws import iam, sts
        from credguard.aws.model import proof_regions

        credentials = self._signer.credentials(key_id)
        try:
            for region in proof_regions(self._user.partition):
                self._same_user(key_id, sts.caller_identity(credentials, region=region))
            iam.list_access_keys(credentials, self._user.user_name)
        except NotPermitted:
            pass
        except BadSignature:
            return Proof.BAD_SECRET
        except NetworkDown:
            self._unanswered += 1
            if self._unanswered == _ANSWERS_MISSING:
                raise
            return Proof.NOT_YET
        except AwsError:
            return Proof.NOT_YET
        self._unanswered = 0
        return Proof.ACCEPTED

    def alive(self, key_id: str) -> bool:
        """See Effects."""
        try:
            self._same_user(key_id, self.identity(key_id))
        except InvalidKey:
            return False
        return True

    def _same_user(self, key_id: str, who: "Identity") -> None:
        if who.user_id != self._user.user_id or who.account != self._user.account:
            raise RotationRefused(f"key {key_id} belongs to another user: {who.arn}")

    def known(self, key_ids: set[str]) -> frozenset[str]:
        """See Effects."""
        return frozenset(
            each for each in key_ids if self._ctx.vault.get(self._item(each)) is not None
        )

    def store(self, key_id: str, secret: Secret, created: float) -> None:
        """See Effects."""
        self._ctx.vault.put(self._item(key_id), secret)
        self._index(key_id, created)

    def _index(self, key_id: str, created: float | None) -> None:
        key = replace(self._user, key_id=key_id, created=created, origin="rotation")
        profiles.add_key(self._ctx.db, key, self.now())

    def forget(self, key_id: str) -> None:
        """See Effects."""
        self._signer.forget(key_id)
        # The way to find the keys again must not name one whose secret is gone.
        notes.note_all(self._ctx)
        self._ctx.vault.delete(self._item(key_id))
        if self.elsewhere(key_id):
            for each in profiles.profiles(self._ctx.db):
                if each.key.identity == self._user.identity:
                    profiles.set_elsewhere(self._ctx.db, each.key.key_id, elsewhere=False)
        profiles.forget_key(self._ctx.db, key_id)

    def pointer(self, record: Record) -> str:
        """See Effects. The old id as long as any profile hands it out."""
        handed_out = {each.key.key_id for each in profiles.profiles(self._ctx.db)}
        if record.old_id in handed_out or record.new_id not in handed_out:
            return record.old_id
        return record.new_id or record.old_id

    def switch(self, from_id: str, to_id: str) -> None:
        """See Effects."""
        if to_id not in {each.key_id for each in profiles.keys(self._ctx.db)}:
            self._index(to_id, None)  # stored, but a crash came before its index entry
        profiles.switch(self._ctx.db, from_id, to_id)
        key_marks.settle(self._ctx)
        # The agent sees by itself that the pointer moved; this only empties its memory at once.
        with contextlib.suppress(CredguardError):
            agent.drop(self._user.identity)
        with contextlib.suppress(VaultError):  # noted before the old key's secret goes, at last
            notes.note_all(self._ctx)

    def own_use_until(self, key_id: str) -> float:
        """See Effects. A tool keeps what it was handed for as long as the answer said."""
        last = handouts.last(self._ctx.db, key_id)
        return 0.0 if last is None else last + handouts.LIFETIME_S

    def sessions_until(self, key_id: str) -> float:
        """See Effects."""
        return handouts.sessions_until(self._ctx.db, key_id)

    def elsewhere(self, key_id: str) -> bool:
        """See Effects. Keys that a rotation made were never anywhere else."""
        origin = {key.key_id: key.origin for key in profiles.keys(self._ctx.db)}
        if origin.get(key_id, "rotation") == "rotation":
            return False
        return any(
            each.used_elsewhere
            for each in profiles.profiles(self._ctx.db)
            if each.key.identity == self._user.identity
        )
