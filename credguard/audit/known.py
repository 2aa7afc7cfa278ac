"""A fact is a value or Unknown; an Unknown never becomes a PASS."""

from dataclasses import dataclass
from typing import TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unknown:
    """What could not be read. `why` in words; `actions`: the IAM actions that a policy refused."""

    why: str
    actions: tuple[str, ...] = ()


Fact: TypeAlias = T | Unknown
NOT_ASKED = Unknown("it was not asked for")


class NotKnown(Exception):
    """A check met an Unknown; whoever runs it makes an UNKNOWN of it."""

    def __init__(self, unknown: Unknown) -> None:
        super().__init__(unknown.why)
        self.unknown = unknown


def known(fact: Fact[T]) -> T:
    """The value. Raises NotKnown."""
    if isinstance(fact, Unknown):
        raise NotKnown(fact)
    return fact
