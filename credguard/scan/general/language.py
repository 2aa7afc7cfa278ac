"""Whether letters form words: a letter model and a list of common words, both stored as data."""

from __future__ import annotations

import re
from functools import lru_cache

_LETTERS = re.compile(rb"[A-Za-z]+")
_PARTS = re.compile(rb"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LONGEST = 12
_SAMPLE = 80  # so many bytes of a value are measured


@lru_cache(maxsize=1)
def _model() -> tuple[bytes, frozenset[bytes]]:
    from base64 import b85decode
    from zlib import decompress

    from credguard.scan.general.words import COMMON, TRIGRAMS

    packed = decompress(b85decode(TRIGRAMS))
    table = bytearray()
    for byte in packed:
        table.append(byte >> 4)
        table.append(byte & 15)
    return bytes(table), frozenset(COMMON.encode().split())


@lru_cache(maxsize=4096)
def measure(value: bytes) -> tuple[str, str, int]:
    """How unlike words its letters follow each other ("none", or 0 to 9), the share of its bytes
    in common words ("0" to "5"), and how many words those are.
    """  # fmt: skip
    head = value[:_SAMPLE]
    table, common = _model()
    total = count = 0
    for run in _LETTERS.findall(head):
        low = [byte - 97 for byte in run.lower()]
        for at in range(len(low) - 2):
            total += table[(low[at] * 26 + low[at + 1]) * 26 + low[at + 2]]
        count += max(0, len(low) - 2)
    likely = "none" if count < 2 else str(min(9, total // count))
    covered = words = 0
    for part in _PARTS.findall(head):
        size, number = _cover(part.lower(), common)
        covered += size
        words += number
    return likely, str(int(5 * covered / max(1, len(head)))), words


def _cover(run: bytes, common: frozenset[bytes]) -> tuple[int, int]:
    """Bytes of `run` in words of the list, the longest first at each place; and their number."""
    covered = words = at = 0
    size = len(run)
    while at + 3 <= size:
        for end in range(min(size, at + _LONGEST), at + 2, -1):
            if run[at:end] in common and (end - at > 3 or end - at == size):
                covered += end - at
                words += 1
                at = end
                break
        else:
            at += 1
    return covered, words
