"""What shows that a value was made up, mistyped or cut, though it looks like a secret."""

from __future__ import annotations

import re

from credguard.scan.general import names
from credguard.scan.values import broken, made_up, mistyped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.scan.general.extract import Candidate

# Words of a name that say that its value is no real one.
_UNREAL = frozenset(
    ("non", "not", "invalid", "wrong", "fake", "dummy", "bogus", "bad", "nonexistent")
)
_HEX_NUMBER = re.compile(rb"0x[0-9A-Fa-f]+\Z")
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html
_AWS_SECRET = re.compile(rb"[A-Za-z0-9/+]{40}\Z")
_LONGEST = 400  # a longer value is no token that somebody typed


def signs(data: bytes, each: Candidate) -> tuple[str, ...]:
    """The signs of forgery that `each` of `data` has, as signals; with any it is LOW at most."""
    value = each.value
    if value.endswith(b"...") or data[each.end : each.end + 3] == b"...":
        return ("forged:elided",)
    kind, parts = names.judge(each.name)[0], names.words(each.name)
    if kind in ("token", "apikey", "cred") and (
        not _UNREAL.isdisjoint(parts) or (kind == "cred" and parts[-1:] == ("id",))
    ):
        return ("forged:name",)
    if kind == "password":  # people make those up as they like
        if _HEX_NUMBER.match(value):
            return ("forged:number",)
        return ("forged:expression",) if value.startswith(b".$") else ()
    if len(value) > _LONGEST or each.kind in ("url", "bytes"):
        return ()
    if mistyped(value) or broken(value):
        return ("forged:torn",)
    if made_up(value):
        return ("forged:sequence",)
    if "aws" in parts and "secret" in parts and _AWS_SECRET.match(value) is None:
        return ("forged:aws",)
    return ()
