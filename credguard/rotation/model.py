"""What a rotation is: its journalled record, the facts it is judged by, and the next step."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """What is durably known; INTENT is written before its request, the others after their fact."""

    INTENT = "intent"  # CreateAccessKey may have been sent
    CREATED = "created"  # the new id is known
    STORED = "stored"  # its secret was read back from the vault
    PROVEN = "proven"  # STS and IAM accept it
    SWITCHED = "switched"  # the profiles hand it out; grace runs
    DEACTIVATED = "deactivated"  # the old key is Inactive; soak runs
    DELETED = "deleted"  # IAM holds the old key no more
    ABORTING = "aborting"  # the new key, `new_id`, is to be deleted


class Action(StrEnum):
    """What the driver does next."""

    NOTE_STRAY = "note-stray"  # journal the id of a key that the lost request made
    DISABLE_STRAY = "disable-stray"
    DELETE_STRAY = "delete-stray"
    LIST_AGAIN = "list-again"  # the list lags: look once more before believing it
    ADOPT = "adopt"  # the key's secret is in the vault: journal STORED
    PROVE = "prove"
    SWITCH = "switch"
    DEACTIVATE = "deactivate"
    DELETE_OLD = "delete-old"
    OLD_GONE = "old-gone"  # IAM has it no more: journal DELETED
    FORGET_OLD = "forget-old"  # its secret leaves the vault, and the rotation is done
    ABORT = "abort"  # journal ABORTING
    DELETE_NEW = "delete-new"
    END = "end"  # nothing of the attempt is left
    WAIT = "wait"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Record:
    """One rotation. `baseline`: the key ids before the intent. Times are Unix seconds.

    `since`: when the state was reached. `stray_id`: a key made by the lost request, whose secret
    nobody has.
    """

    identity: str
    transaction: str
    state: State
    old_id: str
    baseline: tuple[str, ...]
    intent_at: float
    since: float
    new_id: str | None = None
    stray_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object for the journal."""
        return asdict(self)


def from_json(row: dict[str, Any]) -> Record:
    """The record that `to_json` gave. Raises KeyError, ValueError, TypeError for anything else."""
    return Record(**{**row, "state": State(row["state"]), "baseline": tuple(row["baseline"])})


@dataclass(frozen=True, slots=True)
class Remote:
    """A key as IAM lists it. `created`: Unix seconds."""

    active: bool
    created: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What was just read.

    `known`: which of the ids have their secret in the vault; `pointer`: the id that the profiles
    hand out; `last_used`: of the old key and of strays, Unix seconds, None: never; `looks`: how
    often this run has listed in a row with the same result; `person`: someone agreed to go on.
    """

    listed: dict[str, Remote]
    known: frozenset[str]
    pointer: str
    last_used: dict[str, float | None]
    looks: int = 1
    person: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings, in seconds; `passes`: proofs, and looks at a lagging list, in a row."""

    grace: float
    soak: float
    orphan_wait: float
    passes: int = 3


@dataclass(frozen=True, slots=True)
class Step:
    """`until`: when a WAIT ends, Unix seconds."""

    action: Action
    key_id: str = ""
    until: float = 0.0
    why: str = ""
