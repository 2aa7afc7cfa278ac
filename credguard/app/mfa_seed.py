"""Use case: the seed of a virtual MFA device, kept in the vault by those who choose to.

Off until a person adds one. Key and second factor then lie in one place: whoever opens the vault
has both, and MFA still helps only against a key that leaked without it.
"""

import base64
import binascii
import hashlib
import re
import urllib.parse
from shlex import quote

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from credguard.app import secrets
from credguard.app.context import Context
from credguard.errors import CredguardError
from credguard.secret import Secret
from credguard.store import secrets as table
from credguard.vault.base import secret_item

# RFC 4226 4: at least 128 bits, but some issuers give 80. AWS gives 320.
_LEAST_BYTES = 10
_DIGITS, _STEP_S = 6, 30
_LONGEST_SERIAL = 256  # IAM's API, EnableMFADevice


def name_of(serial: str) -> str:
    """The secret's name under which the seed of the device `serial` is kept."""
    readable = re.sub(r"[^A-Za-z0-9._/-]", "-", serial.removeprefix("arn:"))[:90]
    return f"mfa/{readable}-{hashlib.sha256(serial.encode()).hexdigest()[:8]}"


def add(ctx: Context, serial: str, given: Secret) -> None:
    """Keep the seed `given`: base32 as AWS shows it, or an otpauth:// address.

    Replaces an earlier one. Raises CredguardError (no seed), VaultError.
    """
    if not 0 < len(serial) <= _LONGEST_SERIAL or not serial.isprintable():
        raise CredguardError("that is not the serial number or ARN of a device")
    seed = _seed(given)
    secrets.add(ctx, name_of(serial), Secret(base64.b32encode(seed).decode().rstrip("=")))


def remove(ctx: Context, serial: str) -> None:
    """Take the seed of `serial` out of the vault. Raises CredguardError (none), VaultError."""
    if not kept(ctx, serial):
        raise _none(serial)
    secrets.remove(ctx, name_of(serial))


def kept(ctx: Context, serial: str) -> bool:
    """Whether a seed of `serial` is in the vault, by the index; the vault is not opened."""
    return name_of(serial) in table.names(ctx.db)


def code(ctx: Context, serial: str) -> Secret:
    """The six digits of now. Raises CredguardError (no seed of it, or damaged), VaultError."""
    held = ctx.vault.get(secret_item(name_of(serial))) if kept(ctx, serial) else None
    if held is None:
        raise _none(serial)
    # AWS's virtual devices: RFC 6238 with SHA-1, 30 s, six digits.
    sha1 = SHA1()  # noqa: S303 - the device's own
    made = TOTP(_seed(held), _DIGITS, sha1, _STEP_S, enforce_key_length=False)
    return Secret(made.generate(int(ctx.now())).decode())


def _none(serial: str) -> CredguardError:
    return CredguardError(
        f"the vault holds no seed of {serial}", hint=f"keep one: credguard mfa add {quote(serial)}"
    )


def _seed(given: Secret) -> bytes:
    text = given.reveal().strip()
    if text.lower().startswith("otpauth:"):
        address = urllib.parse.urlsplit(text)
        asked = dict(urllib.parse.parse_qsl(address.query))
        other = (
            address.netloc.lower() != "totp"
            or asked.get("algorithm", "SHA1").upper() != "SHA1"
            or asked.get("digits", str(_DIGITS)) != str(_DIGITS)
            or asked.get("period", str(_STEP_S)) != str(_STEP_S)
        )
        if other:
            raise CredguardError("AWS takes codes of SHA-1, six digits, 30 s; this makes others")
        text = asked.get("secret", "")
    text = re.sub(r"[\s-]", "", text).upper().rstrip("=")
    try:
        seed = base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error:
        seed = b""
    if len(seed) < _LEAST_BYTES:
        raise CredguardError(
            "that is no seed of an MFA device",
            hint="in the console choose Show secret key: base32 letters, or an otpauth:// address",
        )
    return seed
