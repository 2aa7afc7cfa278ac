"""Use case: the periodic look for due rotations, which says once what needs a person."""

from dataclasses import dataclass

from credguard.app import rotate
from credguard.app.context import Context
from credguard.errors import (
    Busy,
    CredguardError,
    InvalidKey,
    NetworkDown,
    RotationRefused,
    Throttled,
)
from credguard.store import events, profiles

_SUBJECT = "rotation of "
# These pass by themselves mostly: a laptop in a train is no reason to interrupt anybody.
_PASSING = (NetworkDown, Throttled, Busy)
_PATIENCE_S = 86400.0


@dataclass(frozen=True, slots=True)
class Note:
    """What a look found about one user. `tell`: a person is to be notified of it now."""

    subject: str
    what: str
    hint: str
    failed: bool
    tell: bool


def tick(ctx: Context) -> list[Note]:
    """Take every due rotation as far as it goes; what did not go, for the log.

    Each problem is kept in the store until it is over, so that `status` shows it and nobody is
    notified of it twice. Raises StoreError, ConfigError.
    """
    if not profiles.profiles(ctx.db):
        return []  # no key, no vault to unlock
    notes: list[Note] = []
    subjects: set[str] = set()
    for outcome in rotate.rotate(ctx, []):
        note = _note(ctx, outcome)
        if note is not None:
            notes.append(note)
            subjects.add(note.subject)
    for problem in events.problems(ctx.db):
        if problem.subject.startswith(_SUBJECT) and problem.subject not in subjects:
            events.solve(ctx.db, ctx.now(), problem.subject)
    return notes


def told(ctx: Context, note: Note) -> None:
    """A person was notified of `note`, or the log was all there is."""
    events.mark_told(ctx.db, ctx.now(), note.subject)


def _note(ctx: Context, outcome: rotate.Outcome) -> Note | None:
    error = outcome.error
    if error is not None:
        kind, what, hint = type(error).__name__, str(error), error.hint
    elif outcome.state == "asks":
        kind, what, hint = "asks", outcome.why, "see: credguard rotate --status"
    else:
        return None
    subject = _SUBJECT + outcome.identity
    problem = events.raise_problem(ctx.db, ctx.now(), subject, kind, what, hint)
    passing = isinstance(error, _PASSING) and ctx.now() - problem.since < _PATIENCE_S
    return Note(subject, what, hint, _failed(error), not problem.told and not passing)


def _failed(error: CredguardError | None) -> bool:
    # Where a person has to act, trying again sooner does not help.
    return error is not None and not isinstance(error, RotationRefused | InvalidKey)
