"""When a key is to be replaced, and whose turn it is now."""

import hashlib

from credguard import config as settings
from credguard.app import key_marks
from credguard.app.context import Context
from credguard.store import journal, profiles

# Early only, so that the age limit is never passed; by identity, so that a team does not crowd.
_EARLIEST = 0.1


def due_at(ctx: Context, key: profiles.Key) -> float | None:
    """When `key` is to be replaced, Unix seconds; None: IAM's creation time is not known."""
    if key.created is None:
        return None
    age = settings.seconds(ctx.config.rotation.max_age)
    share = hashlib.sha256(key.identity.encode()).digest()[0] / 255
    return key.created + age * (1 - _EARLIEST * share)


def due(ctx: Context) -> list[str]:
    """The identities with an old key, one that leaked, or a rotation whose wait may be over."""
    now = ctx.now()
    found = set(journal.identities(ctx.db))
    first: dict[str, profiles.Key] = {}
    for each in profiles.profiles(ctx.db):
        at = due_at(ctx, first.setdefault(each.key.identity, each.key))
        if (at is not None and at <= now) or key_marks.any_leaked(ctx, [each]):
            found.add(each.key.identity)
    return sorted(found)
