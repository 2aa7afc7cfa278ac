"""What a check says, and how one is put together: facts gathered under a deadline, then judged."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from credguard.app.context import Context

OK, WARN, FAIL, UNKNOWN = "ok", "WARN", "FAIL", "UNKNOWN"
# Longer than git's own silence limit would be too long for a person; one look is a few files.
DEADLINE_S = 10.0

Facts = TypeVar("Facts")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at.

    `state`: ok, WARN (works, but), FAIL, or UNKNOWN (could not be told); `said`: what is so; `fix`:
    what to do, a line that begins with `run: ` being a shell command. Paths and ids only, never a
    secret.
    """

    name: str
    state: str
    said: str
    fix: str = ""
    area: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """A row of the table. `checks` gathers and judges; an empty answer: does not apply here."""

    area: str
    name: str
    checks: Callable[[Context], list[Check]]
    deadline_s: float


def look(
    area: str,
    name: str,
    gather: Callable[[Context], Facts],
    judge: Callable[[Facts], list[Check]],
    deadline_s: float = DEADLINE_S,
) -> Look:
    """`gather` looks outside, `judge` is pure."""
    return Look(area, name, lambda ctx: judge(gather(ctx)), deadline_s)


def ok(said: str) -> Check:
    """All is well; the table names the check."""
    return Check("", OK, said)


def warn(said: str, fix: str) -> Check:
    """Works, but not as it should."""
    return Check("", WARN, said, fix)


def fail(said: str, fix: str) -> Check:
    """Does not work, or is not safe."""
    return Check("", FAIL, said, fix)


def unknown(said: str, fix: str = "") -> Check:
    """Could not be told."""
    return Check("", UNKNOWN, said, fix)


def some(names: list[str], most: int = 4) -> str:
    """The first few names in one line, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
