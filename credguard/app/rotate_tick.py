"""The periodic job that replaces keys that are due, and what a person is told of it, once."""

from shlex import quote

from credguard import config as settings
from credguard.app import key_marks, rotate, rotate_due
from credguard.app.context import Context
from credguard.app.periodic import Note, worth_telling
from credguard.errors import CredguardError, InvalidKey, RotationRefused
from credguard.report.when import minute
from credguard.store import events, problems, profiles, schedule

# A rotation that does not go on is tried again after as long as it has not, within these bounds.
_SOONEST_S, _LATEST_S = 900.0, 86400.0


def run(ctx: Context) -> list[Note]:
    """Take every due rotation as far as it goes; what there is to say, for log and person.

    Each problem is kept in the store until it is over, so that `status` shows it and nobody is
    notified of it twice. Raises StoreError, ConfigError.
    """
    if not profiles.profiles(ctx.db):
        return []  # no key, no vault to unlock
    key_marks.settle(ctx)
    notes = _soon(ctx)
    now = ctx.now()
    unaged = [each for each in _ageless(ctx) if _next_try(ctx, each) <= now]
    for identity in unaged:
        failed = _learn_age(ctx, identity)
        if failed is not None and (note := _note(ctx, failed)) is not None:
            notes.append(note)
    due = [each for each in rotate_due.due(ctx) if _next_try(ctx, each) <= now]
    for identity in due:
        for outcome in rotate.rotate_users(ctx, [identity]):
            note = _note(ctx, outcome)
            if note is not None:
                notes.append(note)
        notes += _happened(ctx, identity, now)
    waiting = {rotate.SUBJECT + each for each in [*rotate_due.due(ctx), *_ageless(ctx)]}
    for problem in problems.present(ctx.db):
        if problem.subject.startswith(rotate.SUBJECT) and problem.subject not in waiting:
            problems.solve(ctx.db, ctx.now(), problem.subject)
    return notes


def urgent(ctx: Context) -> bool:
    """Whether a key that is handed out leaked: that waits for nothing. Raises StoreError."""
    return key_marks.any_leaked(ctx, profiles.profiles(ctx.db))


def _learn_age(ctx: Context, identity: str) -> rotate.Outcome | None:
    """Ask IAM when the user's key was made, where that is not known; None: it is now."""

    def ask() -> rotate.Outcome:
        effects = rotate.effects_for(ctx, identity, rotate.Wanted())
        effects.listed(effects.user.key_id)
        return rotate.outcome(ctx, identity, "known")

    asked = rotate.guarded(ctx, identity, ask)
    return asked if asked.error is not None else None


def _ageless(ctx: Context) -> list[str]:
    """The identities whose key's age is not known, so that it would never be due."""
    midway = set(rotate.rotation_midway(ctx))
    found = rotate.users(ctx).items()
    return [i for i, group in found if group[0].key.created is None and i not in midway]


def _next_try(ctx: Context, identity: str) -> float:
    at = schedule.get(ctx.db, rotate.SUBJECT + identity).next_run or 0.0
    return 0.0 if at - ctx.now() > _LATEST_S else at  # a clock that was ahead had set it


def _note(ctx: Context, outcome: rotate.Outcome) -> Note | None:
    error = outcome.error
    name = outcome.profiles[0] if outcome.profiles else outcome.identity
    if error is not None:
        kind, what, hint = type(error).__name__, str(error), error.hint
    elif outcome.state == "asks":
        # What stands in brackets, such as the last use, moves on without being another problem.
        kind, what = "asks: " + outcome.why.partition(" (")[0], outcome.why
        hint = "see: credguard rotate --status"
    elif outcome.state == "aborted" and outcome.why:
        kind, what = "aborted", f"the new key was given up, the old one goes on: {outcome.why}"
        hint = "nothing to do, it is tried again; what happened:"
        hint += f" credguard log --profile {quote(name)}"
    else:
        return None
    if outcome.state == "needs-code":
        hint = f"run: credguard rotate {quote(name)}"
    subject, now = rotate.SUBJECT + outcome.identity, ctx.now()
    problem = problems.put(ctx.db, now, subject, kind, what, hint)
    if not isinstance(error, RotationRefused):  # a refusal asks nobody, and a yes ends it at once
        pause = min(max(now - problem.since, _SOONEST_S), _LATEST_S)
        schedule.put(ctx.db, subject, schedule.Entry(now, now + pause))
    return Note(subject, what, hint, _failed(error), worth_telling(problem, error, now))


def _failed(error: CredguardError | None) -> bool:
    # What only a person can change is no failure: trying again sooner does not help.
    return error is not None and not isinstance(error, RotationRefused | InvalidKey)


def _soon(ctx: Context) -> list[Note]:
    """A word before a key is replaced, once a key, as long before as the settings say."""
    notice = settings.seconds(ctx.config.rotation.notice)
    now, notes = ctx.now(), []
    midway = set(rotate.rotation_midway(ctx))
    for identity, group in rotate.users(ctx).items():
        key = group[0].key
        at = rotate_due.due_at(ctx, key)
        if identity in midway or at is None or not at - notice <= now < at:
            continue
        if not problems.first_time(ctx.db, now, f"notice of {identity}", key.key_id):
            continue
        names = ", ".join(each.name for each in group)
        day = minute(at)
        what = f"the key of {names} is replaced on {day}"
        hint = "nothing to do"
        if not all(each.consent for each in group):
            what = f"the key of {names} is due on {day}, and nobody agreed to its replacement yet"
            hint = f"run: credguard rotate {quote(group[0].name)} --yes"
        notes.append(_news(identity, "credguard: a key is due", what, hint))
    return notes


def _happened(ctx: Context, identity: str, since: float) -> list[Note]:
    """A word after a key was replaced."""
    notes = []
    for event in events.recent(ctx.db, 20, families=frozenset({"rotation"}), since=since):
        if event.subject != identity or event.kind != "rotation.switched":
            continue
        new, old = event.detail.get("new_id"), event.detail.get("old_id")
        what = f"key {new} took over from {old}, which still works for a while"
        hint = "see: credguard rotate --status"
        notes.append(_news(identity, "credguard: a key was replaced", what, hint))
    return notes[:1]


def _news(identity: str, title: str, what: str, hint: str) -> Note:
    return Note(rotate.SUBJECT + identity, what, hint, False, True, title, problem=False)
