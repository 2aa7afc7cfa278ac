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
_BLOCK = 64  # bytes of a block of SHA-256


class Fingerprints:
    """Makes fingerprints of `bits` under `key`, lower-case hex."""

    __slots__ = ("_begun", "_digits", "_inner", "_outer")

    def __init__(self, key: bytes, bits: int) -> None:
        """`bits`: a multiple of 4."""
        from hashlib import sha256

        self._digits = bits // 4
        # HMAC-SHA-256 (RFC 2104), by hand: both of its hashes begin with a block made of the key
        # alone, so each finding goes on from there, in a third of what a call of `hmac` takes.
        block = (sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
        self._inner = sha256(bytes(each ^ 0x36 for each in block))
        self._outer = sha256(bytes(each ^ 0x5C for each in block))
        self._begun = ("", b"", self._inner)  # the last rule and path, and the hash of both

    def of(self, finding: Finding, path: bytes) -> str:
        """Of rule, value and `path` (relative to what stays fixed, parts divided by `/`)."""
        rule, value = finding.rule_id, finding.value
        begun = self._begun
        if begun[0] != rule or begun[1] != path:
            both = self._inner.copy()
            for part in (rule.encode(), path):
                both.update(len(part).to_bytes(8, "big") + part)
            begun = self._begun = (rule, path, both)
        inner, outer = begun[2].copy(), self._outer.copy()
        inner.update(len(value).to_bytes(8, "big") + value)
        outer.update(inner.digest())
        return outer.hexdigest()[: self._digits]
