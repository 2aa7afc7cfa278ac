"""Fingerprints: the same finding on another day, wherever its line went. Keyed, never a plain hash.

What is committed (a baseline) holds 24 bits, the key beside it: of all guesses at a value, one in
16 million fits, so a fit confirms nothing but a guess from a short list. What stays on this machine
or goes into a report made without a baseline is 128 bits under a key that never leaves it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.scan.model import Finding

COMMITTED_BITS = 24
REPORT_BITS = 128
KEY_BYTES = 16


class Fingerprints:
    """Makes fingerprints of `bits` under `key`, lower-case hex."""

    __slots__ = ("_digits", "_key")

    def __init__(self, key: bytes, bits: int) -> None:
        """`bits`: a multiple of 4."""
        self._key = key
        self._digits = bits // 4

    def of(self, finding: Finding, path: bytes) -> str:
        """Of rule, value and `path` (relative to what stays fixed, parts divided by `/`)."""
        from hmac import digest

        message = b"".join(
            len(part).to_bytes(8, "big") + part
            for part in (finding.rule_id.encode(), path, finding.value)
        )
        return digest(self._key, message, "sha256").hex()[: self._digits]
