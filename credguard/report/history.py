"""What `credguard report` tells: the past of keys, findings and rotations. Times: Unix seconds."""

from dataclasses import dataclass, field

from credguard.report.overview import Audit, Status


@dataclass(frozen=True, slots=True)
class Use:
    """A key that was handed out from `start` to `end` (None: still).

    `created`: when it was made; `sure` False: not known, and `created` is when it was first seen
    here, so that its age is at least what is told.
    """

    key_id: str
    start: float
    end: float | None
    created: float
    sure: bool


@dataclass(frozen=True, slots=True)
class KeyLine:
    """The keys of one IAM user, one after the other. `name`: the user's."""

    name: str
    identity: str
    uses: list[Use] = field(default_factory=list)


# How a rotation ended, or what a person did; in the order of the legend.
KINDS = ("replaced", "emergency", "given up", "went back", "locked out")


@dataclass(frozen=True, slots=True)
class Rotation:
    """`kind`: one of KINDS. `old_id`, `new_id`: empty where there is none."""

    at: float
    name: str
    kind: str
    old_id: str
    new_id: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """One finding in a file. `closed` None: still open; `how`: what it became, as stored."""

    opened: float
    closed: float | None
    how: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """From `since` to `status.now`.

    `max_age`: seconds a key may reach, None: not known. `in_commits`: how many findings came past
    the hooks in commits. `home`: the folder that paths show as ~.
    """

    since: float
    version: str
    status: Status
    max_age: float | None
    keys: list[KeyLine]
    rotations: list[Rotation]
    findings: list[Found]
    in_commits: int
    home: str
    audits: list[Audit]
