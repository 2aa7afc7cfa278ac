"""The periodic job that answers secrets of the vault that got out."""

from credguard.app import leak
from credguard.app.context import Context
from credguard.app.periodic import Note
from credguard.store import leaks


def run(ctx: Context) -> list[Note]:
    """Answer what is due, and say so. Raises StoreError, ConfigError."""
    return [_told(each) for each in leak.answer_due(ctx)]


def _told(answered: leaks.Leak) -> Note:
    done = answered.state == leaks.ANSWERED
    title = "credguard: a leak was answered" if done else "credguard: a leak needs you"
    hint = "see: credguard leak report"
    return Note(answered.title, answered.answer, hint, not done, True, title, problem=False)
