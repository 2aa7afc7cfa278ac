"""What shows that a value was made up, mistyped or cut, though it looks like a secret."""

from __future__ import annotations

import re

from credguard.scan.general import names
from credguard.scan.published import published
from credguard.scan.values import broken, made_up, mistyped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.scan.general.extract import Candidate

# Words of a name that say that its value is no real one.
_UNREAL = frozenset(
    ("non", "not", "invalid", "wrong", "fake", "dummy", "bogus", "bad", "nonexistent")
)
# Of tokens those that name a place in a list, or tell that a request was sent twice.
_PLACES = frozenset(("next", "continuation", "pagination", "cursor", "cancellation", "idempotency"))
_HEX_NUMBER = re.compile(rb"0x[0-9A-Fa-f]+\Z")
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html
_AWS_SECRET = re.compile(rb"[A-Za-z0-9/+]{40}\Z")
# `PASS: name of a test`, unless an account is told just above.
_ACCOUNT = re.compile(rb"(?i)user|login|mail|account|host")
_BESIDE_PROSE = ("comment-line", "comment", "text", "text-line", "code")
_GOES_ON = re.compile(rb"[ \t]{1,2}[a-z]{2,}")
# What prose says after the name of an option: "the --password option is".
_OF_OPTIONS = frozenset(b"option options flag flags argument arguments and or is are to".split())
_VERSION = re.compile(rb"[0-9]{1,3}(?:\.[0-9]{1,5})+[-+]?(?:[0-9]{1,3}(?:\.[0-9]{1,5})*)?\Z")
_LONGEST = 400  # a longer value is no token that somebody typed


def signs(data: bytes, each: Candidate) -> tuple[str, ...]:
    """The signs of forgery that `each` of `data` has, as signals; with any it is LOW at most."""
    value = each.value
    if value.endswith(b"...") or data[each.end : each.end + 3] == b"...":
        return ("forged:elided",)
    if published(value):
        return ("forged:published",)
    if _of_prose(data, each):
        return ("forged:prose",)
    kind, parts = names.judge(each.name)[0], names.words(each.name)
    if kind in ("token", "apikey", "cred") and (
        not _UNREAL.isdisjoint(parts)
        or (kind == "cred" and parts[-1:] == ("id",))
        or _names_a_place(parts)
    ):
        return ("forged:name",)
    if kind == "password":  # people make those up as they like
        if _HEX_NUMBER.match(value):
            return ("forged:number",)
        if _VERSION.match(value):
            return ("forged:version",)
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


def _names_a_place(parts: tuple[str, ...]) -> bool:
    """`NextToken`, `pageToken`, `ClientRequestToken`: what opens nothing."""
    return (
        len(parts) > 1
        and parts[-1] == "token"
        and (
            parts[-2] in _PLACES
            or parts == ("page", "token")
            or parts[-3:-1] == ("client", "request")
        )
    )


def _of_prose(data: bytes, each: Candidate) -> bool:
    """A word that a sentence goes on after, or what a test's log tells the verdict of."""
    if each.kind == "option":
        return each.value in _OF_OPTIONS
    if each.kind not in _BESIDE_PROSE:
        return False
    if each.value.isalpha() and each.value.islower() and _GOES_ON.match(data, each.end):
        return True
    return (
        each.name == b"PASS"
        and each.op == b":"
        and _ACCOUNT.search(data, max(0, each.start - 160), each.start) is None
    )
