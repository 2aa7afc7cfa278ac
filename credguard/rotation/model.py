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
    REVERTING = "reverting"  # the profiles are to go back to the old key


class Mode(StrEnum):
    """How much time a rotation takes."""

    NORMAL = "normal"
    EMERGENCY = "emergency"  # the old key leaked: no grace, an hour of soak at most
    BACK = "back"  # a person wants the old key, before it shows whether a new one was made
    CLEAR = "clear"  # the new key leaked too: the old one goes at once, to free its slot
    LOCKED_OUT = "locked-out"  # a person stopped the key in use: back only by a person's word


class Action(StrEnum):
    """What the driver does next."""

    LOOK = "look"  # ask IAM for the list and the use of the old key: the facts do not suffice
    LIST_AGAIN = "list-again"  # the list lags: look once more before believing it
    NOTE_STRAY = "note-stray"  # journal the id of a key that the lost request made
    DISABLE_STRAY = "disable-stray"
    NOTE_STOPPED = "note-stopped"  # journal that the stray is Inactive
    DELETE_STRAY = "delete-stray"
    ADOPT = "adopt"  # the key's secret is in the vault: journal STORED
    PROVE = "prove"
    SWITCH = "switch"
    DEACTIVATE = "deactivate"
    DELETE_OLD = "delete-old"
    OLD_GONE = "old-gone"  # IAM has it no more: journal DELETED
    FORGET_OLD = "forget-old"  # its secret leaves the vault, and the rotation is done
    ABORT = "abort"  # journal ABORTING
    DELETE_NEW = "delete-new"
    KEEP_NEW = "keep-new"  # the key in use died: journal STORED again
    REVERT = "revert"  # journal REVERTING
    STAY = "stay"  # there is no way back: journal SWITCHED again
    ACTIVATE_OLD = "activate-old"
    PROVE_OLD = "prove-old"
    SWITCH_BACK = "switch-back"  # and journal the two keys with their parts exchanged
    END = "end"  # nothing of the attempt is left
    WAIT = "wait"
    ASK = "ask"


class Proof(StrEnum):
    """What one pass of proving a key gave."""

    ACCEPTED = "accepted"
    NOT_YET = "not-yet"
    BAD_SECRET = "bad-signature"  # noqa: S105 - the key is known, its signature is refused


@dataclass(frozen=True, slots=True)
class Record:
    """One rotation. `baseline`: the key ids before the intent. Times are Unix seconds by this
    machine's clock; `intent_at` is corrected by what AWS's clock was known to differ.

    `since`: when the state was reached. `stray_id`: a key made by the lost request, whose secret
    nobody has; `stray_stopped`: it was seen Inactive. `why`, `until`: what it waits for or asks,
    as told last.
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
    mode: Mode = Mode.NORMAL
    why: str = ""
    until: float = 0.0
    stray_stopped: bool = False

    def to_json(self) -> dict[str, Any]:
        """A JSON object for the journal."""
        return asdict(self)


def from_json(row: dict[str, Any]) -> Record:
    """The record that `to_json` gave. Raises KeyError, ValueError, TypeError for anything else."""
    given = {
        **row,
        "state": State(row["state"]),
        "mode": Mode(row.get("mode", Mode.NORMAL)),
        "baseline": tuple(row["baseline"]),
    }
    record = Record(**given)
    if not isinstance(row["baseline"], list | tuple):
        raise ValueError("the baseline is not a list")
    texts = [record.identity, record.transaction, record.old_id, *record.baseline]
    texts += [each for each in (record.new_id, record.stray_id) if each is not None]
    if not all(texts) or {type(each) for each in [*texts, record.why]} != {str}:
        raise ValueError("an id is not a text")
    if record.old_id in {record.new_id, record.stray_id}:
        raise ValueError("the key in use is not the new one")
    if record.state is not State.INTENT and not record.new_id:
        raise ValueError(f"{record.state} without a new key")
    times: tuple[object, ...] = (record.intent_at, record.since, record.until)
    if not all(isinstance(each, int | float) and 0 <= each < 1e12 for each in times):
        raise ValueError("a time is not one")
    return record


@dataclass(frozen=True, slots=True)
class Remote:
    """A key as IAM lists it. `created`: Unix seconds."""

    active: bool
    created: float


@dataclass(frozen=True, slots=True)
class Use:
    """The newest use of a key that IAM knows. `at`: Unix seconds; None: never.

    `known` False: IAM may not be asked, so it cannot be told.
    """

    at: float | None
    service: str = ""
    region: str = ""
    known: bool = True


NEVER = Use(None)
UNKNOWN_USE = Use(None, known=False)


@dataclass(frozen=True, slots=True)
class Facts:
    """What was just read.

    `listed`: None: not asked yet. `known`: which ids have their secret in the vault; `pointer`: the
    id that the profiles hand out; `used`: of the old key and of strays; `rejected`: keys that AWS
    does not take a signature of; `skew`: seconds by which this machine's clock is ahead of AWS's,
    None: not known; `own_use_until`: until when clients may use the old key that was handed out to
    them here, Unix seconds; `sessions_until`: until when sessions last that were got with it (they
    may die with it, and never sign with it); `elsewhere`: a person said that the key is used on
    other machines; `deleted`, `activated`: a key of which IAM confirmed that in this run; `proved`,
    `failed`: the key whose proof succeeded, or gave out, in this run; `bad_secret`: it gave out
    since its signature is refused; `looks`: how often this run has listed in a row with the same
    result;
    `person`: someone agreed to deactivate the old key now.
    """

    known: frozenset[str]
    pointer: str
    listed: dict[str, Remote] | None = None
    used: dict[str, Use] | None = None
    rejected: frozenset[str] = frozenset()
    skew: float | None = None
    own_use_until: float = 0.0
    sessions_until: float = 0.0
    elsewhere: bool = False
    proved: str = ""
    failed: str = ""
    deleted: str = ""
    activated: str = ""
    bad_secret: bool = False
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
