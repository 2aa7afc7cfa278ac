"""Replacing an SSH key: the record, its states, what comes next. Pure.

A key pair is only read when an instance is launched: no running one changes when a pair is
registered or deleted. So the new pair is registered beside the old one, which then drains: it stays
until no instance of its region names it, since it tells who can enter, and no launch template,
since launches from one that names a deleted pair fail; or until a person says so.
On an instance the old line goes only after the new one is proven there.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from credguard.errors import CredguardError
from credguard.keypairs.model import Instance, Template

# Of a key's name.
LONGEST = 100


class State(StrEnum):
    """Where a replacement stands; each is journalled before the next step is taken."""

    INTENT = "intent"  # the new key has a name; it may or may not be there
    MADE = "made"  # its private half is held
    DRAINING = "draining"  # it is the one in use; the old one waits for its instances


class Action(StrEnum):
    """What the driver does next."""

    MAKE = "make"
    REGISTER = "register"
    SWITCH = "switch"
    ADD = "add"
    PROVE = "prove"
    REMOVE = "remove"
    DELETE = "delete"
    WAIT = "wait"
    END = "end"


class Line(StrEnum):
    """What was done to authorized_keys of one instance."""

    ADDED = "added"  # the new line is there
    PROVEN = "proven"  # and lets in
    REPLACED = "replaced"  # and the old line is gone


@dataclass(frozen=True, slots=True)
class Record:
    """The journal's row; names, places and times, no key.

    `old`, `new`: names of keys here. `regions`: where the old pair is or was registered. `lines`:
    how far each instance is, by id. `user`: whose authorized_keys. `finish`: a person said that the
    old pair goes although instances name it. `began`: Unix seconds.
    """

    old: str
    new: str
    account: str
    state: State
    began: float
    regions: tuple[str, ...] = ()
    lines: dict[str, Line] = field(default_factory=dict)
    user: str = ""
    finish: bool = False

    def to_json(self) -> dict[str, object]:
        """As builtin types."""
        return asdict(self)


def from_json(row: dict[str, Any]) -> Record:
    """What to_json gave. Raises KeyError, ValueError, TypeError for anything else."""
    record = Record(
        **{
            **row,
            "state": State(row["state"]),
            "regions": tuple(row["regions"]),
            "lines": {str(key): Line(value) for key, value in row["lines"].items()},
        }
    )
    if not record.old or not record.new or record.old == record.new:
        raise ValueError("a replacement needs two keys")
    return record


@dataclass(frozen=True, slots=True)
class Look:
    """What EC2 said at the start of this run, and what this run did since.

    `old_in`, `new_in`: regions where the pair of that key is registered. `unread`: regions that
    could not be read, or where something failed in this run. `carrying`: the instances that were
    launched with the old pair. `stuck`: ids where a push failed in this run. `unseen`: what else
    could not be looked at; nothing is known to be there. `templates`: what launches instances with
    the old pair; `untold`: regions where that could not be read, and why.
    """

    old_in: frozenset[str]
    new_in: frozenset[str]
    unread: frozenset[str] = frozenset()
    carrying: tuple[Instance, ...] = ()
    stuck: frozenset[str] = frozenset()
    unseen: tuple[str, ...] = ()
    templates: tuple[Template, ...] = ()
    untold: dict[str, CredguardError] = field(default_factory=dict)

    def without(self, regions: Iterable[str]) -> "Look":
        """Where the old pair of `regions` was deleted."""
        return replace(self, old_in=self.old_in - set(regions))


@dataclass(frozen=True, slots=True)
class Step:
    """One action; `regions` of REGISTER and DELETE, `instance` of ADD, PROVE, REMOVE.

    `why`: of WAIT, in words.
    """

    action: Action
    regions: tuple[str, ...] = ()
    instance: Instance | None = None
    why: str = ""


def next_step(record: Record, look: Look, *, push: bool) -> Step:
    """What to do now; after a crash too. `push`: authorized_keys of instances are to be changed."""
    if record.state is State.INTENT:
        return Step(Action.MAKE)
    wanted = look.old_in | set(record.regions)
    missing = wanted - look.new_in - look.unread
    if missing:
        return Step(Action.REGISTER, tuple(sorted(missing)))
    if record.state is State.MADE:
        # A region that denies keeps the others waiting no longer than this run.
        if wanted and not look.new_in & wanted:
            return Step(Action.WAIT, why="the new pair is registered nowhere yet")
        return Step(Action.SWITCH)
    if push and (step := _push(record, look)) is not None:
        return step
    kept = {each.region for each in look.carrying} | {each.region for each in look.templates}
    kept |= set(look.untold)
    deletable = [
        region
        for region in sorted(look.old_in & look.new_in - look.unread)
        if record.finish or region not in kept
    ]
    if deletable:
        return Step(Action.DELETE, tuple(deletable))
    if look.old_in or look.unread:
        return Step(Action.WAIT, why=_why(record, look))
    return Step(Action.END)


def _push(record: Record, look: Look) -> Step | None:
    for instance in look.carrying:
        if instance.state != "running" or instance.windows or instance.id in look.stuck:
            continue
        match record.lines.get(instance.id):
            case None:
                return Step(Action.ADD, instance=instance)
            case Line.ADDED:
                return Step(Action.PROVE, instance=instance)
            case Line.PROVEN:
                return Step(Action.REMOVE, instance=instance)
            case Line.REPLACED:
                continue
    return None


def _why(record: Record, look: Look) -> str:
    left = still_open(record, look)
    parts = []
    if left:
        parts.append(f"{_count(len(left))} still {_verb('let', len(left))} the old key in")
    replaced = len(look.carrying) - len(left)
    if replaced:
        names, lets = _verb("name", replaced), _verb("let", replaced)
        parts.append(f"{_count(replaced)} {names} the old pair, and {lets} only the new key in")
    if named := len(look.templates):
        parts.append(f"{_count(named, 'launch template')} {_verb('name', named)} the old pair")
    if untold := sorted(look.old_in & set(look.untold)):
        parts.append(f"launch templates in {', '.join(untold)} could not be read")
    if look.unread:
        parts.append(f"not done in {', '.join(sorted(look.unread))}")
    return "; ".join(parts) or "the new pair is not registered everywhere"


def _count(number: int, what: str = "instance") -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def _verb(word: str, number: int) -> str:
    return word if number != 1 else word + "s"


def still_open(record: Record, look: Look) -> list[Instance]:
    """The instances that the old key opens, as far as is known."""
    return [each for each in look.carrying if record.lines.get(each.id) is not Line.REPLACED]


def successor(name: str, stamp: str, taken: frozenset[str]) -> str:
    """The name of the key that takes over from `name`. `stamp`: year and month, as 202611.

    The stamp stands in place of an earlier one; where that is taken a letter follows. Raises
    ValueError: every letter is taken.
    """
    base, _, last = name.rpartition("-")
    digits = last[:6]
    stem = base if base and len(digits) == 6 and digits.isdecimal() and len(last) <= 7 else name
    for letter in ("", *"bcdefghijklmnopqrstuvwxyz"):
        wanted = f"{stem[: LONGEST - len(stamp) - 2]}-{stamp}{letter}"
        if wanted not in taken and wanted != name:
            return wanted
    raise ValueError(f"{name} was replaced too often in one month")
