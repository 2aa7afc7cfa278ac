"""All checks over one account's facts; waivers; what changed since another time."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from credguard.audit.facts import Facts
from credguard.audit.known import NotKnown
from credguard.audit.model import (
    FAIL,
    NA,
    UNKNOWN,
    Check,
    Limits,
    Result,
    Said,
    Waiver,
    unknown,
)

_WORSE = {FAIL: 2, UNKNOWN: 1}


def judged(check: Check, facts: Facts, limits: Limits) -> list[Said]:
    """What one check says, never nothing. A crash of a check is for the caller to catch."""
    found: list[Said] = []
    try:
        found.extend(check.judge(facts, limits))
    except NotKnown as error:
        found.append(unknown(facts.root, error))
    return found or [Said(NA, facts.root, check.none)]


def run(
    facts: Facts, limits: Limits, checks: Iterable[Check], waivers: Iterable[Waiver] = ()
) -> list[Result]:
    """Every result, in the order of the checks."""
    known = list(waivers)
    return [
        Result(check, said, _waiver(check, said, known, facts.now))
        for check in checks
        for said in judged(check, facts, limits)
    ]


def _waiver(check: Check, said: Said, waivers: list[Waiver], now: float) -> str:
    if said.status not in _WORSE:
        return ""
    for each in waivers:
        if (
            each.check == check.id
            and fnmatchcase(said.resource, each.resource)
            and now < each.until
        ):
            return f"until {each.day}: {each.reason}"
    return ""


def expired(waivers: Iterable[Waiver], now: float) -> Iterator[Waiver]:
    """Those that count no more."""
    return (each for each in waivers if now >= each.until)


Key = tuple[str, str, str]


def worse(before: dict[Key, str], after: dict[Key, str]) -> list[Key]:
    """What fails now and did not, or cannot be told and could.

    What is gone is not worse; what is new and fails is.
    """
    return sorted(
        key
        for key, status in after.items()
        if _WORSE.get(status, 0) > _WORSE.get(before.get(key, ""), 0)
    )


def better(before: dict[Key, str], after: dict[Key, str]) -> list[Key]:
    """What failed or could not be told, and is better now, or gone."""
    return sorted(
        key
        for key, status in before.items()
        if _WORSE.get(status, 0) > _WORSE.get(after.get(key, ""), 0)
    )
