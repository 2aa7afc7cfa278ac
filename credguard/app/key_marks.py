"""What a person said of a key that credguard still hands out: it leaked, or it was locked out.

Each mark is a problem in the store, so it stands in `status` until no profile hands out the key.
"""

from shlex import quote

from credguard.app.context import Context
from credguard.store import problems, profiles

LEAKED = "leaked"
LOCKED_OUT = "locked out"
_SUBJECT = "key "


def mark(ctx: Context, key_id: str, kind: str, hint: str = "") -> None:
    """`kind`: LEAKED or LOCKED_OUT; in place of the other. Raises StoreError.

    `hint`: what a person does about a key that was locked out; empty: it needs another.
    """
    names = [each.name for each in profiles.profiles(ctx.db) if each.key.key_id == key_id]
    quoted = quote(names[0]) if names else "PROFILE"
    if kind == LEAKED:
        what = "it leaked, and no other took over yet"
        hint = (
            f"it is tried again; or now: credguard rotate --emergency {quoted};"
            f" or stop it: credguard rotate --lock-out {quoted}"
        )
    else:
        what = "it was stopped for good"
        hint = hint or f"give the profile another key: credguard add {quoted}"
    known = problems.of(ctx.db, _SUBJECT + key_id)
    if known is not None and known.hint != hint:
        problems.drop(ctx.db, known.subject)
    problems.put(ctx.db, ctx.now(), _SUBJECT + key_id, kind, what, hint)
    problems.mark_told(ctx.db, _SUBJECT + key_id)  # who typed it knows


def kind_of(ctx: Context, key_id: str) -> str:
    """LEAKED, LOCKED_OUT, or empty: neither. Raises StoreError."""
    found = problems.of(ctx.db, _SUBJECT + key_id)
    return "" if found is None else found.kind


def any_leaked(ctx: Context, group: list[profiles.Profile]) -> bool:
    """Whether a key that these profiles hand out leaked. Raises StoreError."""
    return any(kind_of(ctx, each.key.key_id) == LEAKED for each in group)


def works(ctx: Context, key_id: str) -> None:
    """AWS was seen to take the key: it is locked out no more. Raises StoreError."""
    if kind_of(ctx, key_id) == LOCKED_OUT:
        problems.solve(ctx.db, ctx.now(), _SUBJECT + key_id)


def settle(ctx: Context) -> None:
    """Drop the marks of keys that no profile hands out any more. Raises StoreError."""
    handed_out = {_SUBJECT + each.key.key_id for each in profiles.profiles(ctx.db)}
    for problem in problems.present(ctx.db):
        if problem.kind in {LEAKED, LOCKED_OUT} and problem.subject not in handed_out:
            problems.replaced(ctx.db, ctx.now(), problem.subject)
