"""What a check is, and what it says of one thing."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from credguard.audit.facts import Facts, Region
from credguard.audit.known import NotKnown, Unknown

PASS = "PASS"  # noqa: S105 - the word
FAIL = "FAIL"
UNKNOWN = "UNKNOWN"
NA = "N/A"
WAIVED = "WAIVED"

Severity = Literal["critical", "high", "medium", "low"]
T = TypeVar("T")
DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Limits:
    """The list's thresholds. Times in seconds.

    `open_ports`: those that may face the world. `automation`: patterns (fnmatch) of the names of
    users that are programs. `log_groups`: of the log groups that must not be deletable.
    """

    key_age: float = 30 * DAY_S
    key_unused: float = 45 * DAY_S
    password_age: float = 90 * DAY_S
    password_unused: float = 45 * DAY_S
    root_unused: float = 30 * DAY_S
    ssh_age: float = 365 * DAY_S
    image_age: float = 180 * DAY_S
    patch_age: float = 30 * DAY_S
    audit_age: float = 31 * DAY_S
    retention: float = 90 * DAY_S
    open_ports: frozenset[int] = frozenset({80, 443})
    automation: tuple[str, ...] = (
        "*-bot",
        "bot-*",
        "ci-*",
        "*-ci",
        "svc-*",
        "*-service",
        "deploy*",
    )
    log_groups: tuple[str, ...] = ("*",)


@dataclass(frozen=True, slots=True)
class Said:
    """One check on one thing. `resource`: an ARN where there is one; `region` "": global.

    `remedy`: lines; one that begins with `run: ` is a shell command. `actions`: see Unknown.
    """

    status: str
    resource: str
    evidence: str
    remedy: str = ""
    region: str = ""
    actions: tuple[str, ...] = ()


Judge: TypeAlias = Callable[[Facts, Limits], Iterator[Said]]


@dataclass(frozen=True, slots=True)
class Check:
    """A row of the table. `tip`: the good habit it belongs to, see TIPS in table.py.

    `facts`: what it reads, names of reads.READS. `none`: said where there is nothing to judge.
    `cis`: numbers in the CIS AWS Foundations Benchmark, "3.0: 1.5" and so on; `hub`: Security Hub
    controls; `peer`: Prowler's checks of the same. `own`: can be told of the caller alone.
    `fix`: "auto" (credguard audit fix does it), "ask" (only when named) or "" (a person does it).
    """

    id: str
    title: str
    tip: str
    severity: Severity
    why: str
    judge: Judge
    facts: tuple[str, ...]
    none: str = "there is none"
    cis: str = ""
    hub: tuple[str, ...] = ()
    peer: tuple[str, ...] = ()
    own: bool = False
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What was said, with its check. `waiver`: the reason it is waived, and until when."""

    check: Check
    said: Said
    waiver: str = ""

    @property
    def status(self) -> str:
        """PASS, FAIL, UNKNOWN, N/A or WAIVED."""
        return WAIVED if self.waiver else self.said.status

    @property
    def key(self) -> tuple[str, str, str]:
        """Names the result over the runs."""
        return self.check.id, self.said.region, self.said.resource


@dataclass(frozen=True, slots=True)
class Waiver:
    """A FAIL or UNKNOWN that a person accepts. `resource`: fnmatch pattern; `until`: Unix s."""

    check: str
    resource: str
    reason: str
    until: float
    day: str


def unknown(resource: str, error: NotKnown, region: str = "") -> Said:
    """The UNKNOWN of `resource`."""
    what = error.unknown
    remedy = "ask for the permission " + ", ".join(what.actions) if what.actions else "run it again"
    return Said(UNKNOWN, resource, what.why, remedy, region, what.actions)


def per(things: Iterable[T], name: Callable[[T], str], judge: Callable[[T], Said | None],
        region: str = "") -> Iterator[Said]:  # fmt: skip
    """What `judge` says of each of `things`; one whose facts are not known is UNKNOWN by itself.

    None: it is no concern of the check.
    """
    for thing in things:
        try:
            said = judge(thing)
        except NotKnown as error:
            said = unknown(name(thing), error, region)
        if said is not None:
            yield said


def in_regions(facts: Facts, judge: Callable[[Region], Iterator[Said]]) -> Iterator[Said]:
    """What `judge` says of each region; one that cannot be read is UNKNOWN by itself.

    So is the rest of the world, where the list of regions cannot be read.
    """
    for region in facts.regions:
        try:
            yield from judge(region)
        except NotKnown as error:
            yield unknown(f"region {region.name}", error, region.name)
    if isinstance(facts.region_names, Unknown):
        yield unknown("other regions", NotKnown(facts.region_names))


def old(now: float, then: float, limit: float) -> bool:
    """Whether `then` is further back than `limit` seconds."""
    return now - then > limit


def days(seconds: float) -> str:
    """A length in days, for a person."""
    number = int(seconds // DAY_S)
    return f"{number} day" if number == 1 else f"{number} days"
