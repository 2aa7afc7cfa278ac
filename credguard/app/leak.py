"""Use case: an own secret that got out is answered, once, after time for a person to stop it."""

from credguard.app import leak_ssh, password, rotate, rotate_decide
from credguard.app.context import Context
from credguard.errors import CredguardError, InvalidKey
from credguard.report.text import path_text
from credguard.rotation.leak import (
    Answer,
    KeyStanding,
    PasswordStanding,
    Standing,
    answer,
    still_works,
)
from credguard.rotation.model import Record
from credguard.scan.model import Finding
from credguard.sources.reflog import repository
from credguard.store import events, leaks, problems, profiles
from credguard.store.db import transaction

_AGAIN_S, _SOON_S = 900.0, 60.0
_SURE_S = 1800.0
"""A key that AWS refuses for so long is dead; before it, IAM may only be late with a new one."""
PROBLEM = "answer to a leak of "


class _NotYet(CredguardError):
    """The answer is on its way, or a rotation says why not."""

    hint = "see: credguard leak report"


def due(ctx: Context) -> list[leaks.Leak]:
    """What waits for its answer and may have it now."""
    now = ctx.now()
    return [each for each in leaks.all_(ctx.db) if each.state == leaks.WAITING and each.due <= now]


def answer_due(ctx: Context) -> list[leaks.Leak]:
    """Answer what is due; gives that, as it is now.

    A failure is tried again in a quarter of an hour; a crash midway begins the answer again, which
    then finds the key replaced already. Raises StoreError, ConfigError.
    """
    begun = due(ctx)
    for leak in begun:
        _answer(ctx, leak)
    items = {each.item for each in begun}
    return [each for each in leaks.all_(ctx.db) if each.item in items]


def _answer(ctx: Context, leak: leaks.Leak) -> None:
    try:
        what, why = _acted(ctx, leak)
    except CredguardError as error:
        _failed(ctx, leak, error)
        return
    key_id = key_id_of(leak.item)
    with transaction(ctx.db):
        leaks.set_state(ctx.db, leak.item, leaks.ANSWERED, f"{what}: {why}", ctx.now())
        problems.solve(ctx.db, ctx.now(), PROBLEM + leak.title)
        events.record(
            ctx.db, ctx.now(), "leak.answered", leak.title, answer=str(what), why=why, key_id=key_id
        )


def _acted(ctx: Context, leak: leaks.Leak) -> tuple[Answer, str]:
    """Do what is to be done about it; what that was, in words. Raises CredguardError: try again."""
    what, why = answer(leak.item, _standing(ctx, leak.item))
    name = leak.item.partition("/")[2]
    if what is Answer.PASSWORD:
        return what, f"{why}; {_password_changed(ctx, leak.item)}"
    if what is Answer.REVOKE:
        return leak_ssh.answered(ctx, name)
    if what not in {Answer.EMERGENCY, Answer.DEACTIVATE}:
        return what, why
    try:
        new = _key_stopped(ctx, leak.item)
    except InvalidKey:
        # The key that signs is the leaked one, or all of the user's are dead.
        if what is not Answer.EMERGENCY or ctx.now() - leak.at < _SURE_S:
            raise
        why = "AWS takes it no more: it is inactive or deleted. Never make it active again"
        return Answer.REPORT, why
    return what, f"{why}; {new} took over" if new else why


def _key_stopped(ctx: Context, item: str) -> str | None:
    """Replace or stop the key; the id of the one that took over. Raises CredguardError."""
    key = _key_of(ctx, item)
    if key is None:  # `answer` does not say so of a key that is not held
        raise _NotYet(f"the vault's index has no {item}")
    group = rotate.users(ctx)[key.identity]
    done = rotate_decide.emergency(ctx, group[0].name, rotate.Wanted(yes=True), key.key_id)
    if done.error is not None:
        raise done.error
    works = still_works(key.key_id, _handed_out(ctx, key.key_id), _record(ctx, key))
    if works or done.state in {"asks", "given-up", "aborted"}:
        raise _NotYet(done.why or f"{key.key_id} is not stopped yet")
    return done.new_id if done.new_id != key.key_id else done.old_id


def _password_changed(ctx: Context, item: str) -> str:
    """Change the console password that `item` holds. Raises CredguardError."""
    identity, generation = _password_of(item)
    name = rotate.profile_of(ctx, identity)
    done = password.rotate(ctx, name)
    if done.generation == generation:  # a change that was midway was finished, at the leaked one
        done = password.rotate(ctx, name)
    if done.error is not None:
        raise done.error
    return f"generation {done.generation} took over"


def _failed(ctx: Context, leak: leaks.Leak, error: CredguardError) -> None:
    now, said = ctx.now(), str(error)
    # What is on its way is looked at soon, once; what does not go on, less often.
    again = _SOON_S if isinstance(error, _NotYet) and not leak.answer else _AGAIN_S
    leaks.set_state(ctx.db, leak.item, leaks.WAITING, said, now + again)
    subject, kind = PROBLEM + leak.title, f"{type(error).__name__}: {said}"
    known = problems.of(ctx.db, subject)
    if known is None or known.kind != kind:
        problems.put(ctx.db, now, subject, kind, said, error.hint)
        events.record(ctx.db, now, "leak.failed", leak.title, why=said, key_id=key_id_of(leak.item))


def key_id_of(item: str) -> str | None:
    """The access key id whose secret is the vault's `item`; None: it is no key."""
    return item.rpartition("/")[2] if item.startswith("key/") else None


def identity_of(ctx: Context, item: str) -> str | None:
    """Whose key or console password `item` is, as partition/account/user; None: not known."""
    if item.startswith("password/"):
        return _password_of(item)[0]
    key = _key_of(ctx, item)
    if key is not None:
        return key.identity
    key_id = key_id_of(item)
    if key_id is None:
        return None
    for event in events.recent(ctx.db, 50, families=frozenset({"rotation"}), key_id=key_id):
        if event.subject.count("/") >= 2:
            return event.subject
    return None


def _password_of(item: str) -> tuple[str, int]:
    identity, _, number = item.removeprefix("password/").rpartition("/")
    return identity, int(number) if number.isdecimal() else 0


def _key_of(ctx: Context, item: str) -> profiles.Key | None:
    key_id = key_id_of(item)
    return next((each for each in profiles.keys(ctx.db) if each.key_id == key_id), None)


def _handed_out(ctx: Context, key_id: str) -> bool:
    return any(each.key.key_id == key_id for each in profiles.profiles(ctx.db))


def _record(ctx: Context, key: profiles.Key) -> Record | None:
    return rotate.record_of(ctx, key.identity)


def _standing(ctx: Context, item: str) -> Standing | None:
    if item.startswith("password/"):
        identity, generation = _password_of(item)
        row = next((each for each in password.statuses(ctx) if each.identity == identity), None)
        maybe = () if row is None else (row.candidates or (row.generation,))
        unknown = row is not None and row.state == "unknown"
        return PasswordStanding(unknown or generation in maybe, bool(row and row.profiles))
    key_id = key_id_of(item)
    if key_id is None:
        return None
    key = _key_of(ctx, item)
    if key is None:
        return KeyStanding(key_id, False, False, False, None)
    known = key.identity in rotate.users(ctx)
    return KeyStanding(key_id, _handed_out(ctx, key_id), True, known, _record(ctx, key))


def note_commits(ctx: Context, folder: str, found: list[Finding]) -> int:
    """Have the service follow the own secrets among `found` in commits of the repository around
    `folder`; how many there are. Raises GitError, StoreError.
    """
    own = [(each, each.commit) for each in found if each.own and each.commit is not None]
    if own:
        git_dir = repository(folder).encode("utf-8", "surrogateescape")
        shown = git_dir.decode("utf-8", "backslashreplace")
        for each, commit in own:
            path = path_text(each.path)
            leaks.put_place(
                ctx.db, leaks.Place(each.own, shown, commit.oid, path, each.line, ctx.now())
            )
    return len(own)


def stop(ctx: Context) -> list[leaks.Leak]:
    """Stop every answer that waits; gives them. Raises CredguardError: none waits."""
    waiting = _waiting(ctx)
    for each in waiting:
        with transaction(ctx.db):
            leaks.set_state(ctx.db, each.item, leaks.STOPPED, "stopped by a person", ctx.now())
            problems.solve(ctx.db, ctx.now(), PROBLEM + each.title)
            events.record(ctx.db, ctx.now(), "leak.stopped", each.title)
    return waiting


def answer_now(ctx: Context) -> list[leaks.Leak]:
    """Answer everything that waits without waiting; gives that, as it is now.

    Raises CredguardError: none waits.
    """
    for each in _waiting(ctx):
        leaks.set_state(ctx.db, each.item, leaks.WAITING, each.answer, ctx.now())
    return answer_due(ctx)


def _waiting(ctx: Context) -> list[leaks.Leak]:
    waiting = [each for each in leaks.all_(ctx.db) if each.state == leaks.WAITING]
    if not waiting:
        raise CredguardError("no answer to a leak waits", hint="see: credguard leak list")
    return waiting


def listed(ctx: Context) -> list[leaks.Leak]:
    """Every own secret that got out, oldest first."""
    return leaks.all_(ctx.db)
