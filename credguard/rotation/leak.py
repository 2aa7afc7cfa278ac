"""What is done about a value of the vault that got out. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from credguard.rotation.model import Record


class Answer(StrEnum):
    """Emergency: a new key at once. Deactivate: the old key of a rotation dies now."""

    EMERGENCY = "emergency"
    DEACTIVATE = "deactivate"
    REPORT = "report"  # nothing works with it any more
    TELL = "tell"  # only a person can make it worthless


@dataclass(frozen=True, slots=True)
class Standing:
    """What a leaked key is worth. `handed_out`: a profile points at it; `held`: in the index.

    `record`: its user's rotation on the way.
    """

    key_id: str
    handed_out: bool
    held: bool
    record: Record | None


def answer(item: str, standing: Standing | None) -> tuple[Answer, str]:
    """What to do about `item`, and why, in words. `standing`: of a key; None: it is none."""
    if standing is None:
        kind = item.partition("/")[0]
        return Answer.TELL, {
            "password": "change it: credguard password rotate PROFILE",
            "ssh-key": "make another key, and take this one from every server it opens",
            "ssh": "change the passphrase: whoever has the key's file can use it",
        }.get(kind, "replace it where it is from, then: credguard secret add")
    record = standing.record
    if standing.handed_out:
        return Answer.EMERGENCY, "it is in use: replaced at once"
    if record is not None and standing.key_id in {record.old_id, record.new_id}:
        return Answer.DEACTIVATE, "it was replaced already: stopped now, its grace is over"
    if not standing.held:
        return Answer.REPORT, "it is dead: AWS takes it no more"
    return Answer.TELL, "no profile hands it out; stop it in IAM if it is active"
