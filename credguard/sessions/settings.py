"""One profile's settings, each checked as it is read. Pure."""

import re
from collections.abc import Mapping

from credguard.errors import ConfigError
from credguard.sessions.model import SessionToken

FILE = "~/.aws/config"
# AssumeRole and GetSessionToken, STS API reference; a role may allow less.
SHORTEST_S, LONGEST_S = 900, 43_200
# A code is asked for once a working day; AWS's own default for a user.
MFA_SESSION_S = 43_200
PLAIN_SESSION_S = 3600

_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\x21-\x7e]{1,577}\Z")

Settings = Mapping[str, str]


def is_role(settings: Settings) -> bool:
    """Whether it assumes a role by a source_profile or a credential_source."""
    # An empty role_arn is a role_arn, and is refused as one; so does botocore.
    return "role_arn" in settings and "web_identity_token_file" not in settings


def is_sso(settings: Settings) -> bool:
    """Whether it is a profile of IAM Identity Center."""
    return "sso_account_id" in settings or "sso_role_name" in settings


def role_arn(name: str, settings: Settings) -> str:
    """The role's ARN. Raises ConfigError when it is none."""
    arn = settings["role_arn"]
    if not _ROLE_ARN.match(arn):
        raise ConfigError(
            f"role_arn of profile {name} is not the ARN of a role",
            hint="it looks like arn:aws:iam::123456789012:role/NAME",
        )
    return arn


def duration(name: str, settings: Settings) -> int | None:
    """duration_seconds; None: not set. Raises ConfigError when it is out of range."""
    text = settings.get("duration_seconds")
    if text is None:
        return None
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    if not SHORTEST_S <= number <= LONGEST_S:
        raise ConfigError(
            f"duration_seconds of profile {name} is not a number from {SHORTEST_S} to {LONGEST_S}",
            hint=f"correct it in {FILE}",
        )
    return number


def flag(name: str, settings: Settings) -> bool | None:
    """credguard_session; None: not set. Raises ConfigError when it is neither true nor false."""
    text = settings.get("credguard_session")
    if text is None:
        return None
    if text.lower() not in {"true", "false"}:
        raise ConfigError(
            f"credguard_session of profile {name} is {text!r}", hint="write true or false"
        )
    return text.lower() == "true"


def session(name: str, settings: Settings) -> SessionToken | None:
    """The session that a long-term profile hands out; None: the key as it is."""
    serial = settings.get("mfa_serial") or None
    wanted = flag(name, settings)
    if not (wanted if wanted is not None else serial is not None):
        return None
    default = MFA_SESSION_S if serial is not None else PLAIN_SESSION_S
    return SessionToken(serial, duration(name, settings) or default)
