"""Use case: the credentials of a profile, from the agent where one runs, else in this process."""

import calendar
import json
import sys
import time

from credguard.app import sessions
from credguard.app.context import Context
from credguard.app.mfa import Ask, Codes
from credguard.app.sessions import Handed
from credguard.aws.model import Credentials
from credguard.errors import CredguardError, NeedsCode, VaultLocked
from credguard.ipc import calls
from credguard.ipc.client import NoAgent
from credguard.secret import Secret
from credguard.store import handouts


def credentials_for(
    ctx: Context, profile: str, *, how: str, code: Secret | None = None, ask: Ask | None = None
) -> Handed:
    """What `profile` hands out now; the hand-out is recorded as `how`, or a line says why not.

    `code`: an MFA code given beforehand; `ask(serial)` asks a person for one, None: nobody.
    Raises UnknownProfile, NeedsCode, VaultError, CredguardError.
    """
    found = _from_agent(profile, how, code, ask)
    if found is not None:
        return found
    found = sessions.obtain(ctx, profile, Codes(ctx, [profile], given=code, ask=ask))
    key_id = found.key_id_of_long_term or found.credentials.key_id
    end = None if found.credentials.token is None else found.expiration
    handouts.note(ctx.db, profile, key_id, how, sys.stderr.write, session_end=end)
    return found


def _from_agent(profile: str, how: str, code: Secret | None, ask: Ask | None) -> Handed | None:
    """None: no agent runs, or this process must unlock the vault itself."""
    try:
        try:
            answer = calls.credentials(profile, how, code=code)
        except NeedsCode:
            if ask is None or code is not None:
                raise
            answer = calls.credentials(profile, how, code=Secret(ask(_serial(profile))))
    except (NoAgent, VaultLocked):
        return None
    return _read(answer.body, answer.note)


def _serial(profile: str) -> str:
    from credguard.awsfiles import files

    return files.setting(profile, "mfa_serial") or f"profile {profile}"


def _read(body: Secret, note: str) -> Handed:
    """What the agent answered: the JSON that credential_process prints. Raises CredguardError."""
    try:
        given = json.loads(body.reveal())
        token = given.get("SessionToken")
        credentials = Credentials(
            given["AccessKeyId"],
            Secret(given["SecretAccessKey"]),
            None if token is None else Secret(token),
        )
        end = calendar.timegm(time.strptime(given["Expiration"], "%Y-%m-%dT%H:%M:%SZ"))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CredguardError(
            "the agent's answer cannot be read", hint="start it again: credguard agent stop"
        ) from None
    return Handed(credentials, end, given.get("AccountId"), "agent", False, None, note)
