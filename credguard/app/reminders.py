"""Periodic jobs that only remind a person of what got old."""

from shlex import quote

from credguard.app import password, rotate, ssh_look
from credguard.app.context import Context
from credguard.app.periodic import Note
from credguard.store import problems

MONTH_S = 30 * 86400.0


def old_passwords(ctx: Context) -> list[Note]:
    """A reminder of each console password past its age, once a month."""
    now, notes = ctx.now(), []
    for identity in password.due(ctx):
        subject = f"console password of {identity}"
        if problems.first_time(ctx.db, now, subject, str(now // MONTH_S)):
            group = rotate.users(ctx).get(identity)
            name = group[0].name if group else "PROFILE"
            what, hint = f"the {subject} is old", f"run: credguard password rotate {quote(name)}"
            title = "credguard: a console password is old"
            notes.append(Note(subject, what, hint, False, True, title, problem=False))
    return notes


def old_ssh_keys(ctx: Context) -> list[Note]:
    """A reminder of each SSH key past its age, once a month."""
    now, notes = ctx.now(), []
    for key in ssh_look.old(ctx):
        subject = f"SSH key {key.name}"
        if problems.first_time(ctx.db, now, subject, str(now // MONTH_S)):
            what = f"the {subject} is {int((now - key.created) // 86400)} days old"
            hint = f"run: credguard ssh rotate {quote(key.name)}"
            title = "credguard: an SSH key is old"
            notes.append(Note(subject, what, hint, False, True, title, problem=False))
    return notes
