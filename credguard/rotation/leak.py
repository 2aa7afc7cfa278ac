"""What is done about a value of the vault that got out. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from credguard.rotation.model import Record, State


class Answer(StrEnum):
    """Emergency: a new key at once. Deactivate: the old key of a rotation dies now."""

    EMERGENCY = "emergency"
    DEACTIVATE = "deactivate"
    PASSWORD = "password"  # noqa: S105 - a new console password
    REVOKE = "revoke"  # an SSH key: what AWS can be told, and a list of the rest
    REPORT = "report"  # nothing works with it any more
    TELL = "tell"  # only a person can make it worthless


@dataclass(frozen=True, slots=True)
class KeyStanding:
    """What a leaked key is worth. `handed_out`: a profile points at it; `held`: in the index.

    `record`: its user's rotation on the way. `known`: some profile still hands out a key of its
    user, so that credguard may act for that user at all.
    """

    key_id: str
    handed_out: bool
    held: bool
    known: bool
    record: Record | None


@dataclass(frozen=True, slots=True)
class PasswordStanding:
    """What a leaked console password is worth. `in_force`: AWS may take this generation now.

    `known`: a profile of its user is there to change it with.
    """

    in_force: bool
    known: bool


Standing = KeyStanding | PasswordStanding


def answer(item: str, standing: Standing | None) -> tuple[Answer, str]:
    """What to do about `item`, and why, in words.

    `standing`: of a key or console password; None: it is neither.
    """
    if isinstance(standing, KeyStanding):
        return _of_key(standing)
    if isinstance(standing, PasswordStanding):
        return _of_password(standing)
    kind = item.partition("/")[0]
    if kind == "ssh-key":
        return Answer.REVOKE, "it is taken from everywhere that credguard put it"
    if kind == "ssh":
        return Answer.TELL, "change the passphrase: whoever has the key's file can use it"
    return Answer.TELL, "replace it where it is from, then: credguard secret add"


def _of_key(standing: KeyStanding) -> tuple[Answer, str]:
    record = standing.record
    if standing.handed_out:
        return Answer.EMERGENCY, "it is in use: replaced at once"
    ours = record is not None and standing.key_id in {record.old_id, record.new_id}
    if ours and standing.known:
        return Answer.DEACTIVATE, "it was replaced already: stopped now, its grace is over"
    if not standing.held:
        return Answer.REPORT, "it is dead: AWS takes it no more"
    return Answer.TELL, "no profile hands it out; stop it in IAM if it is active"


def _of_password(standing: PasswordStanding) -> tuple[Answer, str]:
    if not standing.in_force:
        return Answer.REPORT, "it was changed already: AWS takes it no more"
    if standing.known:
        return Answer.PASSWORD, "it is in force: changed at once"
    return Answer.TELL, "no profile is left to change it with: change it at the console"


def still_works(key_id: str, handed_out: bool, record: Record | None) -> bool:
    """Whether the key is not stopped yet, by what is known here."""
    if handed_out:
        return True
    if record is None:
        return False
    waits = record.old_id == key_id and record.state is State.SWITCHED
    return waits or record.new_id == key_id
