"""Use case: an own secret that got out is answered, once, after time for a person to stop it."""

import json
from shlex import quote

from credguard import config as settings
from credguard.app import rotate, rotate_decide
from credguard.app.context import Context
from credguard.errors import CredguardError
from credguard.rotation.leak import Answer, Standing, answer
from credguard.store import events, leaks, profiles
from credguard.store.db import transaction

_AGAIN_S = 900.0


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
    key = _key_of(ctx, leak.item)
    what, why = answer(leak.item, _standing(ctx, leak.item))
    if what in {Answer.EMERGENCY, Answer.DEACTIVATE}:
        assert key is not None  # noqa: S101 - it is held
        name = next(
            each.name for each in profiles.profiles(ctx.db) if each.key.identity == key.identity
        )
        wanted = rotate.Wanted(yes=True)
        done = rotate_decide.emergency(ctx, name, wanted, key.key_id)
        if done.error is not None or done.state in {"asks", "given-up", "aborted"}:
            said = str(done.error or done.why)
            now = ctx.now()
            leaks.set_state(ctx.db, leak.item, leaks.WAITING, said, now + _AGAIN_S)
            events.record(ctx.db, now, "leak.failed", leak.title, why=said)
            return
        why += f"; {done.new_id} took over" if done.new_id else ""
    with transaction(ctx.db):
        leaks.set_state(ctx.db, leak.item, leaks.ANSWERED, f"{what}: {why}", ctx.now())
        events.record(
            ctx.db, ctx.now(), "leak.answered", leak.title, answer=str(what), why=why,
            key_id=None if key is None else key.key_id,
        )  # fmt: skip


def _key_id(item: str) -> str | None:
    return item.rpartition("/")[2] if item.startswith("key/") else None


def _key_of(ctx: Context, item: str) -> profiles.Key | None:
    key_id = _key_id(item)
    return next((each for each in profiles.keys(ctx.db) if each.key_id == key_id), None)


def _standing(ctx: Context, item: str) -> Standing | None:
    key_id = _key_id(item)
    if key_id is None:
        return None
    key = _key_of(ctx, item)
    handed = any(each.key.key_id == key_id for each in profiles.profiles(ctx.db))
    record = None if key is None else rotate.record_of(ctx, key.identity)
    return Standing(key_id, handed, key is not None, record)


def stop(ctx: Context) -> list[leaks.Leak]:
    """Stop every answer that waits; gives them. Raises CredguardError: none waits."""
    waiting = [each for each in leaks.all_(ctx.db) if each.state == leaks.WAITING]
    if not waiting:
        raise CredguardError("no answer to a leak waits", hint="see: credguard leak list")
    for each in waiting:
        with transaction(ctx.db):
            leaks.set_state(ctx.db, each.item, leaks.STOPPED, "stopped by a person", ctx.now())
            events.record(ctx.db, ctx.now(), "leak.stopped", each.title)
    return waiting


def listed(ctx: Context) -> list[leaks.Leak]:
    """Every own secret that got out, oldest first."""
    return leaks.all_(ctx.db)


def countdown(ctx: Context) -> int:
    """Seconds from when a leak is seen to when it is answered. Raises ConfigError."""
    return settings.seconds(ctx.config.leak.countdown)


def report(ctx: Context, leak: leaks.Leak) -> str:
    """For whoever looks after security: what, where, since when, what was done, what is left."""
    lines = [
        f"Leaked: {leak.title}",
        f"Where: {leak.place.path}:{leak.place.line} in commit {leak.place.oid}",
        f"       of {leak.place.git_dir}, which a remote-tracking branch holds",
        f"Committed, as first seen: {_when(leak.place.at)}",
        f"Seen to have got out:     {_when(leak.at)}",
        f"State: {leak.state}" + (f": {leak.answer}" if leak.answer else ""),
    ]
    key_id = _key_id(leak.item)
    if key_id is not None:
        lines += [f"Key: {key_id}", *_story(ctx, key_id), "", *_left(key_id, leak)]
    lines += ["", "Rewriting the branch does not make the value secret again."]
    return "\n".join(lines) + "\n"


def _story(ctx: Context, key_id: str) -> list[str]:
    from credguard.report.log import Entry, sentence

    lines = []
    for event in reversed(events.recent(ctx.db, 200, key_id=key_id)):
        if event.kind.startswith(("rotation.", "leak.")):
            entry = Entry(event.at, event.kind, event.subject, event.detail)
            lines.append(f"  {_when(event.at)}  {sentence(entry)}")
    return lines


def _left(key_id: str, leak: leaks.Leak) -> list[str]:
    """What only an administrator can do: sessions got with the key outlive it, up to 36 hours."""
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Action": "*",
                "Resource": "*",
                "Condition": {"DateLessThan": {"aws:TokenIssueTime": _when(leak.due)}},
            }
        ],
    }
    attribute = f"AttributeKey=AccessKeyId,AttributeValue={key_id}"
    return [
        "Sessions that were got with the key may live for up to 36 hours. To end them, attach this",
        f"to the user ({leak.title}):",
        json.dumps(policy, indent=2),
        "What the key did: CloudTrail, by access key id:",
        f"  aws cloudtrail lookup-events --lookup-attributes {quote(attribute)}",
    ]


def _when(at: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
