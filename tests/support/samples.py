"""Secrets built at run time: no literal one stands in this repository."""

import random
import string

_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_BASE64 = string.ascii_letters + string.digits + "+/"


def _pick(alphabet: str, length: int, seed: int) -> str:
    generator = random.Random(seed)
    return "".join(generator.choice(alphabet) for _ in range(length))


def aws_key_id(seed: int = 1, prefix: str = "AK" + "IA") -> str:
    """An access key id of the real shape."""
    return prefix + _pick(_BASE32, 16, seed)


def aws_secret(seed: int = 1) -> str:
    """A secret access key of the real shape."""
    return _pick(_BASE64, 40, seed)


def text(length: int, seed: int = 1, alphabet: str = string.ascii_letters + string.digits) -> str:
    """Random text over `alphabet`."""
    return _pick(alphabet, length, seed)
