"""The audit that the service makes from time to time, and what got worse since the one before."""

from credguard.app.audit import run as auditing
from credguard.app.context import Context
from credguard.app.periodic import Note
from credguard.audit.model import FAIL, UNKNOWN
from credguard.report.audit import Audit
from credguard.store import profiles

_SHOWN = 3


def run(ctx: Context) -> list[Note]:
    """Audit the account of `audit.profile`, or of the only one; changes nothing there.

    Where a policy refuses most of it, the caller's own user alone is audited. Raises
    CredguardError: nothing could be read, such as without an MFA code.
    """
    if not ctx.config.audit.profile and not profiles.profiles(ctx.db):
        return []
    made = auditing.audit(ctx, auditing.Wanted())
    if made.scope == "account" and _refused(made):
        made = auditing.audit(ctx, auditing.Wanted(scope="self"))
    said = _said(made)
    if not said:
        return []
    title = "credguard: an audit found something worse" if made.change else "credguard: an audit"
    subject = f"audit of account {made.account}"
    hint = "see: credguard audit" + (" --scope self" if made.scope == "self" else "")
    return [Note(subject, said, hint, failed=False, tell=True, title=title, problem=False)]


def _refused(made: Audit) -> bool:
    lost = {each.check for each in made.results if each.status == UNKNOWN and each.asks}
    return 2 * len(lost) > len(made.checks)


def _said(made: Audit) -> str:
    """In words; "" where nothing got worse."""
    titles = {each.id: each.title for each in made.checks}
    if made.change is None:
        names = [each.check for each in made.results if each.status == FAIL]
        start = "not as it should be"
    else:
        names = [check for check, _, _ in made.change.worse]
        start = "worse than before"
    found = list(dict.fromkeys(names))
    if not found:
        return ""
    shown = "; ".join(titles.get(each, each) for each in found[:_SHOWN])
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"{start}: {shown}{more}"
