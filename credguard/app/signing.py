"""What signs a person's IAM calls: the long-term key, or one session that had MFA, for one run."""

from collections.abc import Callable
from typing import TypeVar

from credguard.app.context import Context
from credguard.app.mfa import Codes
from credguard.errors import CredguardError, InvalidKey, NotPermitted, VaultError
from credguard.store import profiles
from credguard.vault.base import key_item

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.aws.model import Credentials

_SESSION_S = 3600
T = TypeVar("T")


class Signer:
    """Signs the IAM calls of one user. Nothing is opened or asked before it is needed.

    Where a policy refuses the long-term key and an MFA device is known, one session is made and
    used for the whole run, so that a person gives one code.
    """

    def __init__(self, ctx: Context, user: profiles.Key, codes: Codes | None) -> None:
        """`user`: any key of the user; `codes` None: no session is ever made."""
        self._ctx = ctx
        self._user = user
        self._codes = codes
        self._held: dict[str, Credentials] = {}
        self._session: Credentials | None = None

    def credentials(self, key_id: str) -> "Credentials":
        """The long-term key. Raises VaultError. Read once a run."""
        from credguard.aws.model import Credentials

        held = self._held.get(key_id)
        if held is None:
            item = key_item(self._user.partition, self._user.account, key_id)
            secret = self._ctx.vault.get(item)
            if secret is None:
                raise VaultError(
                    f"the vault holds no secret for key {key_id}",
                    hint="restore a backup: credguard vault restore FILE",
                )
            held = self._held[key_id] = Credentials(key_id, secret, None, self._user.partition)
        return held

    def forget(self, key_id: str) -> None:
        """The key's secret is going: do not use it any more."""
        self._held.pop(key_id, None)

    def call(self, key_id: str, call: "Callable[[Credentials], T]", *, once: bool = False) -> T:
        """What `call` gives with the key `key_id`, or with a session made from it.

        `once`: it is made one time only; after a refusal see `renew`. Raises what `call` raises,
        NeedsCode, VaultError.
        """
        if self._session is not None:
            try:
                return call(self._session)
            except InvalidKey:
                self._session = None  # it ends with the key it was made from
                if once:
                    raise
        try:
            return call(self.credentials(key_id))
        except NotPermitted:
            session = None if once else self._renewed(key_id)
            if session is None:
                raise
            return call(session)

    def renew(self, key_id: str) -> bool:
        """Make a session that had MFA; False: one is held already, or no device is known.

        Raises NeedsCode and others.
        """
        return self._session is None and self._renewed(key_id) is not None

    def _renewed(self, key_id: str) -> "Credentials | None":
        serial = self._codes.serial() if self._codes is not None else None
        if self._codes is None or serial is None:
            return None
        self._session = self._with_mfa(self._codes, key_id, serial)
        return self._session

    def _with_mfa(self, codes: Codes, key_id: str, serial: str) -> "Credentials":
        from credguard.aws import sts

        code = codes.code(serial)
        try:
            return sts.session_token(self.credentials(key_id), serial, code, _SESSION_S)
        except NotPermitted:
            raise CredguardError(
                f"AWS refused the code of {serial}",
                hint="wait for the next code, then run it again",
            ) from None
