"""Credentials that a vendor publishes: of emulators, test accounts and documents.

They open nothing that is not open to all, and stand in thousands of projects. Kept as digests, so
that no scanner reports this file.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_DIGEST = 8  # bytes: that another value of a scan has one of these is less likely than 1 in 2^40
_PUBLISHED = frozenset(
    bytes.fromhex(each)
    for each in (
        # firebase/firebase-android-sdk: keys of its tests and samples
        "a667918ad80f14e8", "1eb23f4ff31fee4a", "4278860ad7c8919f", "7fa6fe73624d5bcb",
        "e8e6b794c8c91613", "81b4f6c06b09cbed", "1dbab3955ee24509", "71733bf44ea4212a",
        "6ada812c0c203722", "04720f8c5b48eb54", "e4576406f972acf1", "2331a06e46b6014b",
        "afd2f205ef556be9", "5a2e3466d7aa6d95", "b0d0f6e9ac73ad77",
        # https://learn.microsoft.com/azure/storage/common/storage-use-azurite: its account
        "20e88191d76dc156",
        # https://learn.microsoft.com/azure/cosmos-db/emulator: the key of every emulator
        "76449d3eb6d5ca57",
        # https://developers.google.com/recaptcha/docs/faq: the keys for automated tests
        "c006eb4284f1825b",
        # https://docs.stripe.com/keys: the test key of Stripe's documents
        "826e0fd9a88ef5e1",
    )
)  # fmt: skip


def any_published(values: Iterable[bytes]) -> bool:
    """Whether one of `values` is such a credential; 100 ns a value."""
    from _blake2 import blake2b
    from functools import partial
    from operator import methodcaller

    digests = map(methodcaller("digest"), map(partial(blake2b, digest_size=_DIGEST), values))
    return not _PUBLISHED.isdisjoint(digests)


def published(value: bytes) -> bool:
    """Whether `value` is a credential that its vendor made public."""
    from _blake2 import blake2b  # what hashlib gives, without its import

    return blake2b(value, digest_size=_DIGEST).digest() in _PUBLISHED
