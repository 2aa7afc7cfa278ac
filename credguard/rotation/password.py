"""Changing a console password: the record, its states, what comes next, and the generator. Pure.

ChangePassword(old, new) is the only question that can be asked about a password: a success proves
that `old` was in force and that `new` is now. A refusal proves that this request changed nothing,
no more: AWS does not document how a wrong old password is told from a missing permission or from a
new one that the policy forbids. So after an answer that never came the same request is sent again
(success: it had not been executed), and when that is refused, the change goes on from the maybe-new
password to a further one, stored first (success: it had been executed). Each value that may be in
force stays in the vault until another is proven.

A generation is the number of one password value of one user; it names the vault's item.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from credguard.secret import Secret

MIN_LENGTH = 32
MAX_LENGTH = 128  # IAM's limit
# Without 0O1lI, which are read aloud and typed wrongly. Symbols: of those that IAM counts as such
# (! @ # $ % ^ & * ( ) _ + - = [ ] { } | '), the ones that every keyboard and shell takes.
_CLASSES = ("ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnopqrstuvwxyz", "23456789", "!@#%*_+-=")
_ALL = "".join(_CLASSES)


class State(StrEnum):
    """Where a change stands; each is journalled before the next step is taken."""

    INTENT = "intent"  # the new generation has a number; nothing was ever sent towards it
    SENT = "sent"  # its value is in the vault; a change to it may have been sent
    CHANGED = "changed"  # AWS answered: it is in force
    SWITCHED = "switched"  # the store points at it; the earlier ones are to be forgotten
    UNKNOWN = "unknown"  # AWS took none of those that may be in force; a person must look


class Action(StrEnum):
    """What the driver does next."""

    STORE = "store"
    CHANGE = "change"
    DOUBT = "doubt"
    RETARGET = "retarget"
    AGAIN = "again"
    SWITCH = "switch"
    FORGET = "forget"
    ABANDON = "abandon"
    GIVE_UP = "give up"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Record:
    """The journal's row: numbers only, no value.

    `known`: the generations that may be in force, likeliest first. `target`: the one to come.
    `pending`: the member of `known` whose request may be on the wire. `refused`: those that AWS
    refused as the old password of `target`. `doubt`: `target` itself may be in force already.
    `doubted`: an answer was lost at any time of this change. `given`: typed by a person for this
    change; None: not any. `again`: the second round over `known` has begun. `began`: Unix seconds.
    """

    identity: str
    state: State
    known: tuple[int, ...]
    target: int
    began: float
    given: int | None = None
    pending: int | None = None
    refused: tuple[int, ...] = ()
    doubt: bool = False
    doubted: bool = False
    again: bool = False

    def to_json(self) -> dict[str, object]:
        """As builtin types."""
        return asdict(self)


def from_json(row: dict[str, Any]) -> Record:
    """What to_json gave. Raises KeyError, ValueError, TypeError for anything else."""
    record = Record(
        **{
            **row,
            "state": State(row["state"]),
            "known": tuple(row["known"]),
            "refused": tuple(row["refused"]),
        }
    )
    numbers = [*record.known, *record.refused, record.target]
    numbers += [each for each in (record.given, record.pending) if each is not None]
    if {type(each) for each in numbers} != {int}:
        raise ValueError("a generation is not a number")
    if max(numbers) != record.target or record.target in record.known:
        raise ValueError("the generation to come is not a new one")
    return record


@dataclass(frozen=True, slots=True)
class Step:
    """One action; `generation`: the old password of a CHANGE, else the target."""

    action: Action
    generation: int


def next_step(record: Record, held: frozenset[int]) -> Step:
    """What to do now; after a crash too. `held`: the generations that the vault has."""
    target = record.target
    match record.state:
        case State.CHANGED:
            return Step(Action.SWITCH, target)
        case State.SWITCHED:
            return Step(Action.FORGET, target)
        case State.UNKNOWN:
            return Step(Action.ASK, target)
        case State.INTENT:
            if not held & set(record.known):
                return _hopeless(record)
            return Step(Action.STORE, target)
        case State.SENT:
            return _sent(record, held)


def _sent(record: Record, held: frozenset[int]) -> Step:
    target = record.target
    if record.pending is not None:
        return Step(Action.DOUBT, target)
    if target not in held:
        return Step(Action.STORE, target)  # deleted by hand
    left = [each for each in record.known if each in held and each not in record.refused]
    if left:
        return Step(Action.CHANGE, left[0])
    if record.doubt:
        return Step(Action.RETARGET, target)
    if record.doubted and not record.again:
        return Step(Action.AGAIN, target)
    return _hopeless(record)


def _hopeless(record: Record) -> Step:
    # Without a lost answer the target was certainly never in force, and the vault is as before.
    return Step(Action.GIVE_UP if record.doubted else Action.ABANDON, record.target)


def numbers(record: Record) -> frozenset[int]:
    """Every generation that the record speaks of."""
    given = () if record.given is None else (record.given,)
    return frozenset((*record.known, *given, record.target))


def maybe_in_force(record: Record) -> tuple[int, ...]:
    """The generations a person should try at the console, likeliest first."""
    if record.state in {State.CHANGED, State.SWITCHED}:
        return (record.target,)
    if record.state is State.SENT and (record.doubt or record.pending is not None):
        return (record.target, *record.known)
    return record.known


def due_at(changed: float | None, max_age: float) -> float | None:
    """When a password last changed at `changed` is to be changed again; None: cannot be told."""
    return None if changed is None else changed + max_age


def due(changed: float | None, max_age: float, now: float) -> bool | None:
    """Whether the password is older than `max_age` seconds; None: cannot be told.

    `changed`: credguard's own last change, Unix seconds; None: never. IAM's CreateDate of the login
    profile is that of the first password (GetLoginProfile's documentation), so it tells no age.
    """
    at = due_at(changed, max_age)
    return None if at is None else at <= now


def generate(minimum: int | None, below: Callable[[int], int]) -> Secret:
    """A password that every account policy with this minimum length takes.

    `minimum`: the policy's length; None: not known. `below(n)` gives a random number under n, such
    as secrets.randbelow. At least 32 characters, of all four classes, over 190 bits.
    """
    length = min(max(minimum or 0, MIN_LENGTH), MAX_LENGTH)
    picked = [each[below(len(each))] for each in _CLASSES]
    picked += [_ALL[below(len(_ALL))] for _ in range(length - len(picked))]
    for last in range(length - 1, 0, -1):
        other = below(last + 1)
        picked[last], picked[other] = picked[other], picked[last]
    return Secret("".join(picked))
