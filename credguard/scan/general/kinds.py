"""The general rules as data: what a finding is called that no vendor's format tells."""

from __future__ import annotations

# id, title, severity
GENERAL_RULES: tuple[tuple[str, str, str], ...] = (
    ("generic-password", "Password under a telling name", "high"),
    ("generic-secret", "Secret under a telling name", "high"),
    ("generic-token", "Token under a telling name", "high"),
    ("generic-api-key", "Key under a telling name", "high"),
    ("generic-nonce", "Nonce, salt or seed", "low"),
    ("generic-credential", "Value that looks like a credential", "medium"),
    ("url-credentials", "Password in a URL", "high"),
    ("http-auth-header", "Credential in an HTTP header", "high"),
    ("basic-auth", "User name and password in a Basic header", "high"),
    ("command-line-password", "Password on a command line", "high"),
    ("secret-bytes", "Secret as an array of numbers", "medium"),
)
IDS = {rule[0]: index for index, rule in enumerate(GENERAL_RULES)}

_BY_NAME = {
    "password": "generic-password", "secret": "generic-secret", "token": "generic-token",
    "nkey": "generic-token", "apikey": "generic-api-key", "cryptkey": "generic-api-key",
    "nonce": "generic-nonce", "salt": "generic-nonce", "seed": "generic-nonce",
}  # fmt: skip
_BY_KIND = {
    "url": "url-credentials", "curl": "command-line-password", "short": "command-line-password",
    "bytes": "secret-bytes", "header": "http-auth-header",
}  # fmt: skip


def rule_of(kind: str, name_kind: str, scheme: bytes) -> int:
    """The index in `GENERAL_RULES` for a candidate of the probe `kind`, by what its name says."""
    rule = _BY_KIND.get(kind)
    if rule == "http-auth-header" and scheme == b"basic":
        rule = "basic-auth"
    return IDS[rule or _BY_NAME.get(name_kind, "generic-credential")]
