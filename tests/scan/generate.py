"""Fills a rule's sample template: {class:n} becomes n characters of the class, {word:X} is X."""

import random
import re
import string

_CLASSES = {
    "alnum": string.ascii_letters + string.digits,
    "alpha": string.ascii_letters,
    "lower": string.ascii_lowercase + string.digits,
    "upper": string.ascii_uppercase + string.digits,
    "digit": string.digits,
    "hex": "0123456789abcdef",
    "base32": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "base64": string.ascii_letters + string.digits + "+/",
    "bech": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
}


def fill(template: str, seed: int) -> str:
    """`template` filled with characters drawn from `seed`."""
    generator = random.Random(seed)

    def one(match: re.Match[str]) -> str:
        if match[1] == "word":
            return match[2]
        return "".join(generator.choice(_CLASSES[match[1]]) for _ in range(int(match[2])))

    return re.sub(r"\{(\w+):(\w+)\}", one, template)
