"""Taking a key away from somebody who left, or from a laptop that is lost: a checklist. Pure.

What AWS can be told is done at once. What lies on machines is not: a deleted key pair still opens
every instance that was launched with it. The list says so, and keeps what is left to do.
"""

from collections.abc import Container, Iterable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

from credguard.keypairs.model import Instance, Pair, Template


class Kind(StrEnum):
    """What an item is about; the first three are done by credguard."""

    PAIR = "pair"
    AGENT = "agent"
    FILE = "file"
    INSTANCE = "instance"
    TEMPLATE = "template"
    IMAGES = "images"
    SESSIONS = "sessions"
    ELSEWHERE = "elsewhere"


_Named = TypeVar("_Named", Instance, Template)


class State(StrEnum):
    """`failed` is tried again; `open` waits for a person."""

    TODO = "todo"
    DONE = "done"
    FAILED = "failed"
    OPEN = "open"


BY_HAND = (Kind.INSTANCE, Kind.TEMPLATE, Kind.IMAGES, Kind.SESSIONS, Kind.ELSEWHERE)
_NAMED = {Kind.PAIR, Kind.INSTANCE, Kind.TEMPLATE}
_TEXTS = {
    Kind.IMAGES: "images and older template versions may hold the key, or name its pair",
    Kind.SESSIONS: "sessions that are open now go on until they end",
    Kind.ELSEWHERE: "other machines and git hosts that know the key are not known here",
}


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the list. `where`: a region, or ""; `subject`: a pair's name, an instance's id,
    a template's. `text`: in words; `why`: of a failure. `account`: of these three, when it is
    another than the list's.
    """

    kind: Kind
    where: str
    subject: str
    text: str
    state: State
    why: str = ""
    account: str = ""

    @property
    def id(self) -> str:
        """Names the item for a person to tick off."""
        return self.subject if self.kind in _NAMED else str(self.kind)


@dataclass(frozen=True, slots=True)
class Record:
    """A revocation. `key`: the public line; `title`: whose or which, in words.

    `name`: of a key made here, or ""; `began`: Unix seconds; `owner`, `device`: the tag by which it
    was asked for, or "".
    """

    title: str
    name: str
    key: str
    account: str
    began: float
    items: tuple[Item, ...] = ()
    owner: str = ""
    device: str = ""

    @property
    def left(self) -> list[Item]:
        """What is not done."""
        return [each for each in self.items if each.state is not State.DONE]

    def to_json(self) -> dict[str, object]:
        """As builtin types."""
        return asdict(self)


def from_json(row: dict[str, Any]) -> Record:
    """What to_json gave. Raises KeyError, ValueError, TypeError for anything else."""
    items = tuple(
        Item(**{**each, "kind": Kind(each["kind"]), "state": State(each["state"])})
        for each in row["items"]
    )
    return Record(**{**row, "items": items})


def seen(
    record: Record,
    pairs: Iterable[Pair],
    instances: Iterable[Instance],
    regions_read: frozenset[str],
    *,
    here: bool,
    pair_name: str = "",
    account: str = "",
    elsewhere: Iterable[tuple[str, str]] = (),
) -> Record:
    """`record` with what a look found; what was done stays so, unless it is there again.

    `pairs`: those of this key; `instances`: any. One that is no more, in a region that was read, is
    done. A pair that was deleted is remembered by its name; `pair_name`: the name that this key's
    pairs have or had in any region. `here`: a private half is here.
    `account`: the one that was looked at; "": the list's. `elsewhere`: other accounts and regions
    where the key is known to be registered.
    """
    account = other(record, account)
    items = _Items(record)
    for owner, region in elsewhere:
        items.want(_elsewhere(record, owner, region, pair_name))
    for pair in pairs:
        items.want(_registered(pair, account), again=True)
    if here:
        items.want(
            Item(Kind.AGENT, "", "", "ssh-agent here may hold the key", State.TODO), again=True
        )
        items.want(Item(Kind.FILE, "", "", "its private half is here", State.TODO), again=True)
    there = items.naming(instances, pair_name, account)
    for each in there.values():
        name = each.name or each.id
        text = f"{name} was launched with it: its line was put into authorized_keys there"
        items.want(Item(Kind.INSTANCE, each.region, each.id, text, State.OPEN, "", account))
    for kind, text in _TEXTS.items():
        items.want(Item(kind, "", "", text, State.OPEN))
    kept = (_closed(each, account, there, regions_read) for each in items.all())
    return replace(record, items=tuple(kept))


def launching(
    record: Record,
    templates: Iterable[Template],
    regions_read: frozenset[str],
    *,
    pair_name: str = "",
    account: str = "",
) -> Record:
    """`record`, as `seen` gave it, with what launches instances; the rest as there."""
    account = other(record, account)
    items = _Items(record)
    there = items.naming(templates, pair_name, account)
    for each in there.values():
        text = f"{each.title} names the pair: without it its launches fail"
        item = Item(Kind.TEMPLATE, each.region, each.id, text, State.OPEN, "", account)
        items.want(item, again=True)
    kept = (_closed(each, account, there, regions_read, Kind.TEMPLATE) for each in items.all())
    return replace(record, items=tuple(kept))


class _Items:
    """The items of a list, each once."""

    def __init__(self, record: Record) -> None:
        self._items = {self._key(each): each for each in record.items}

    def want(self, item: Item, *, again: bool = False) -> None:
        """Have `item` in the list; one that is done stays so, unless it is there `again`."""
        known = self._items.get(self._key(item))
        if known is None or (again and known.state is State.DONE):
            self._items[self._key(item)] = item

    def naming(
        self, them: Iterable[_Named], pair_name: str, account: str
    ) -> dict[tuple[str, str], _Named]:
        """Those of `them` that name a pair of the list, or `pair_name`, by region and id."""
        pairs = [each for each in self._items.values() if each.kind is Kind.PAIR]
        known = {(each.where, each.subject) for each in pairs if each.account == account}
        return {
            (each.region, each.id): each
            for each in them
            if (each.region, each.key_name) in known or (pair_name and each.key_name == pair_name)
        }

    def all(self) -> list[Item]:
        """In the order to be shown in."""
        return [self._items[key] for key in sorted(self._items)]

    @staticmethod
    def _key(item: Item) -> tuple[int, str, str, str]:
        return list(Kind).index(item.kind), item.account, item.where, item.subject


def _registered(pair: Pair, account: str) -> Item:
    text = f"the key pair {pair.name} of {pair.owner or 'nobody'} is registered"
    return Item(Kind.PAIR, pair.region, pair.name, text, State.TODO, "", account)


def _elsewhere(record: Record, account: str, region: str, pair: str) -> Item:
    text = f"the key pair {pair} of account {account} is registered: name its --profile"
    return Item(Kind.PAIR, region, pair, text, State.TODO, "", other(record, account))


def other(record: Record, account: str) -> str:
    """`account`, as an item of `record` has it: "" when it is the list's own."""
    return "" if account == record.account else account


def _closed(
    item: Item,
    account: str,
    there: Container[tuple[str, str]],
    regions_read: frozenset[str],
    kind: Kind = Kind.INSTANCE,
) -> Item:
    """`item`, done when it is of that `kind`, in `account`, and no more."""
    if item.account != account:
        return item
    gone = item.where in regions_read and (item.where, item.subject) not in there
    if item.kind is kind and item.state is not State.DONE and gone:
        why = "the instance is gone" if kind is Kind.INSTANCE else "it names the pair no more"
        return replace(item, state=State.DONE, why=why)
    return item


def with_state(record: Record, item: Item, state: State, why: str = "") -> Record:
    """`record` with `item` in that state."""
    changed = replace(item, state=state, why=why)
    return replace(record, items=tuple(changed if each == item else each for each in record.items))


def ticked(record: Record, item_id: str) -> Record | None:
    """A person did `item_id`; None: there is no such item to be done by hand."""
    items = [each for each in record.items if each.id == item_id and each.kind in BY_HAND]
    for each in items:
        record = with_state(record, each, State.DONE, "a person said so")
    return record if items else None
