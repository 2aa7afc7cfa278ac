"""The periodic job that answers secrets of the vault that got out."""

from credguard.app import leak
from credguard.app.context import Context
from credguard.app.periodic import Note
from credguard.rotation.leak import Answer
from credguard.store import leaks, problems


def run(ctx: Context) -> list[Note]:
    """Answer what is due, and say so. Raises StoreError, ConfigError."""
    return [_told(ctx, each) for each in leak.answer_due(ctx)]


def _told(ctx: Context, answered: leaks.Leak) -> Note:
    hint = "see: credguard leak report"
    if answered.state != leaks.ANSWERED:
        subject, title = leak.PROBLEM + answered.title, "credguard: a leak needs you"
        problem = problems.of(ctx.db, subject)
        fresh = problem is not None and not problem.told
        return Note(subject, answered.answer, hint, True, fresh, title)
    asks = answered.answer.startswith(f"{Answer.TELL}:")
    title = "credguard: a leak needs you" if asks else "credguard: a leak was answered"
    return Note(answered.title, answered.answer, hint, False, True, title, problem=False)
