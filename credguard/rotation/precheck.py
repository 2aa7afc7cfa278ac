"""What is decided before a key is made: the second slot of an IAM user. Pure.

IAM allows two access keys a user, Inactive ones counted (IAM and STS quotas, IAM User Guide).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from credguard.rotation.model import Remote, Use

SLOTS = 2


class Slot(StrEnum):
    """What becomes of the second slot."""

    FREE = "free"
    TAKE_UP = "take-up"  # ours, its journal was lost: it becomes the old key of a rotation
    DELETE = "delete"  # a person, or the settings, said so
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`key_id`: of the key in the way; `why` and `hint`: for REFUSE, what a person reads."""

    slot: Slot
    key_id: str = ""
    why: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was decided about keys in the way.

    `delete`: ids a person named; `person`: someone agreed to go on with a key of ours;
    `inactive_after`: delete a foreign Inactive key unused for so many seconds, 0.0: never.
    """

    delete: frozenset[str] = frozenset()
    person: bool = False
    inactive_after: float = 0.0


def second_slot(
    key_id: str,
    listed: dict[str, Remote],
    known: frozenset[str],
    uses: dict[str, Use],
    wishes: Wishes,
    now: float,
) -> Verdict:
    """What to do about keys of the user beside `key_id`. `known`: whose secret the vault holds."""
    others = sorted(set(listed) - {key_id})
    for other in others:
        if other in wishes.delete and other not in known:
            return Verdict(Slot.DELETE, other)
    if len(listed) < SLOTS:
        return Verdict(Slot.FREE)
    other = others[0]
    if other in known:
        return _ours(key_id, other, wishes)
    remote, use = listed[other], uses.get(other, Use(None, known=False))
    if not remote.active and _long_unused(remote, use, wishes.inactive_after, now):
        return Verdict(Slot.DELETE, other)
    state = "Active" if remote.active else "Inactive"
    age = (now - remote.created) / 86400
    return Verdict(
        Slot.REFUSE,
        other,
        f"the user has two keys, IAM's limit; {other} is not credguard's"
        f" ({state}, {age:.0f} days old, {_said(use)})",
        f"when nobody needs it: credguard rotate PROFILE --delete-key {other}",
    )


def _ours(key_id: str, other: str, wishes: Wishes) -> Verdict:
    if wishes.person:
        return Verdict(Slot.TAKE_UP, other)
    return Verdict(
        Slot.REFUSE,
        other,
        f"the vault holds a second key, {other}, and no journal says what it is for",
        f"to let {key_id} stay and {other} rest, then go: credguard rotate PROFILE --yes",
    )


def _long_unused(remote: Remote, use: Use, after: float, now: float) -> bool:
    newest = max(remote.created, use.at or 0.0)
    return after > 0 and use.known and now - newest > after


def _said(use: Use) -> str:
    if not use.known:
        return "last use UNKNOWN"
    if use.at is None:
        return "never used"
    day = datetime.fromtimestamp(use.at, UTC).strftime("%Y-%m-%d")
    return f"last used {day} by {use.service} in {use.region}"


def policy(partition: str) -> str:
    """The IAM policy that lets a user replace the own keys, as JSON text to paste."""
    import json

    actions = [f"iam:{action}" for action in ACTIONS]
    statement = {
        "Sid": "ReplaceOwnAccessKeys",
        "Effect": "Allow",
        "Action": actions,
        "Resource": f"arn:{partition}:iam::*:user/${{aws:username}}",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)


ACTIONS = (
    "CreateAccessKey",
    "DeleteAccessKey",
    "GetAccessKeyLastUsed",
    "ListAccessKeys",
    "UpdateAccessKey",
)
