"""Use case: what a person decides about a rotation: the way back, an emergency, a lock-out."""

import contextlib
from dataclasses import replace
from shlex import quote

from credguard.app import key_marks
from credguard.app.context import Context
from credguard.app.rotate import (
    Outcome,
    Wanted,
    effects_for,
    go_on,
    guarded,
    midway_or_none,
    outcome,
    profile_of,
    record_of,
    replaced,
    start,
    told,
    users,
)
from credguard.app.rotate_effects import RealEffects
from credguard.app.rotate_names import identity_of
from credguard.app.rotate_precheck import refuse_root
from credguard.errors import (
    CredguardError,
    InvalidKey,
    NotPermitted,
    QuotaExceeded,
    RotationRefused,
    StoreError,
)
from credguard.ipc import calls as agent
from credguard.rotation.decisions import after_leak, locked_out, rolled_back
from credguard.rotation.machine import signers
from credguard.rotation.model import Mode, Record, State
from credguard.store import events, journal, profiles
from credguard.store.db import transaction


def rollback(ctx: Context, name: str, wanted: Wanted) -> Outcome:
    """Go back to the old key of profile `name`; the new one rests, then goes.

    Possible until the old key is deleted. Unattended rotation of the profiles then waits for a new
    yes. Raises UnknownProfile, RotationRefused; anything else is in the Outcome.
    """
    identity = identity_of(ctx, name)
    return guarded(ctx, identity, lambda: _rollback(ctx, identity, wanted))


def _rollback(ctx: Context, identity: str, wanted: Wanted) -> Outcome:
    record = record_of(ctx, identity)
    if record is None:
        raise RotationRefused(
            f"no rotation of {identity} is on the way, so there is no key to go back to",
            hint="see: credguard rotate --status",
        )
    turned = record.new_id in record.baseline and record.old_id not in record.baseline
    if turned and record.mode is not Mode.LOCKED_OUT:
        raise RotationRefused(
            f"the rotation of {identity} was rolled back already: {record.new_id}, the key of"
            f" before, is the one handed out, and {record.old_id} is to go",
            hint="for another key, end this one first:"
            f" credguard rotate {quote(profile_of(ctx, identity))} --deactivate",
        )
    effects = effects_for(ctx, identity, wanted)
    back = rolled_back(record, effects.pointer(record), effects.now())
    if back is None:
        raise RotationRefused(f"the old key {record.old_id} is deleted already")
    if back is not record:
        if not effects.known({record.old_id}):
            raise RotationRefused(
                f"the vault does not hold the secret of {record.old_id} any more",
                hint="restore a backup: credguard vault restore FILE",
            )
        effects.write(back)
    for profile in users(ctx)[identity]:
        profiles.set_consent(ctx.db, profile.name, consent=False)
    events.record(
        ctx.db, ctx.now(), "rotation.rollback", identity,
        old_id=record.old_id, new_id=record.new_id,
    )  # fmt: skip
    return told(ctx, identity, go_on(ctx, effects, back, wanted))


def emergency(ctx: Context, name: str, wanted: Wanted, leaked: str | None = None) -> Outcome:
    """Replace a key that leaked, at once: no grace, an hour of soak at most.

    `leaked`: which key; None: the one that profile `name` hands out. Never leaves a profile without
    a proven key. Raises UnknownProfile, RotationRefused; anything else is in the Outcome, and where
    no key can be made its hint names the lock-out.
    """
    identity = identity_of(ctx, name)
    done = guarded(ctx, identity, lambda: _emergency(ctx, identity, wanted, leaked))
    if isinstance(done.error, NotPermitted | QuotaExceeded):
        done.error.hint += (
            f"\nor, to stop the leaked key at once and be locked out:"
            f" credguard rotate --lock-out {quote(name)}"
        )
    return done


def _emergency(ctx: Context, identity: str, wanted: Wanted, leaked: str | None) -> Outcome:
    effects = effects_for(ctx, identity, wanted)
    record = record_of(ctx, identity)
    events.record(ctx.db, ctx.now(), "rotation.emergency", identity, leaked_id=leaked)
    if record is not None:
        leaked = leaked or effects.pointer(record)
        over = _hasten(ctx, effects, record, leaked, wanted)
        if over is not None:
            return over
    group = users(ctx)[identity]
    if leaked is not None and leaked not in {each.key.key_id for each in group}:
        raise RotationRefused(
            f"no profile hands out key {leaked}", hint="see: credguard rotate --status"
        )
    record = start(ctx, effects, group, wanted, Mode.EMERGENCY)
    return replaced(told(ctx, identity, go_on(ctx, effects, record, wanted)))


def _hasten(
    ctx: Context, effects: RealEffects, record: Record, leaked: str, wanted: Wanted
) -> Outcome | None:
    """Bring the rotation on the way to where the leaked key is dead; None: begin a new one."""
    identity = effects.user.identity
    record = after_leak(record, effects.pointer(record), leaked, effects.now())
    effects.write(record)
    ended = go_on(ctx, effects, record, wanted)
    if ended.record is None and leaked in {each.key.key_id for each in users(ctx)[identity]}:
        return None
    return told(ctx, identity, ended)


def lock_out(ctx: Context, name: str, wanted: Wanted) -> Outcome:
    """Deactivate the key of profile `name` without a successor: nothing works with it any more.

    Where that is refused (AWS's quarantine policy denies it) the key is deleted. A rotation on the
    way is told first: a new key that is not in use yet takes over, and to the old key only a person
    goes back, also after a crash midway. Raises UnknownProfile; anything else is in the Outcome.
    """
    identity = identity_of(ctx, name)
    return guarded(ctx, identity, lambda: _lock_out(ctx, identity, name, wanted))


def _lock_out(ctx: Context, identity: str, name: str, wanted: Wanted) -> Outcome:
    effects = effects_for(ctx, identity, wanted)
    group = users(ctx)[identity]
    key_id = next((each for each in group if each.name == name), group[0]).key.key_id
    refuse_root(effects.user)
    record = midway_or_none(ctx, identity)
    if record is not None and key_id in {record.old_id, record.new_id}:
        record = locked_out(record, key_id, effects.now())
        effects.write(record)
    hint, how = _after_lock_out(effects, record, name), "deactivated"
    try:
        effects.set_active(key_id, key_id, False)
    except NotPermitted:
        effects.delete(key_id, key_id)
        how = "deleted"
    with contextlib.suppress(CredguardError):  # what was got with it is not handed out any more
        agent.drop(identity)
    with transaction(ctx.db):
        key_marks.mark(ctx, key_id, key_marks.LOCKED_OUT, hint)
        events.record(ctx.db, ctx.now(), "rotation.locked_out", identity, key_id=key_id, how=how)
    done = outcome(ctx, identity, "locked-out", record)
    why = f"key {key_id} is {how}; sessions made from it may live on for hours"
    return replace(done, why=f"{why}; {hint}")


def _after_lock_out(effects: RealEffects, record: Record | None, name: str) -> str:
    """What a person does next. `record`: what `locked_out` gave; None: no rotation."""
    quoted = quote(name)
    another = f"give the profile another key: credguard add {quoted}"
    if record is None or record.state is State.DELETED:
        return another
    new = record.new_id
    if record.state not in {State.SWITCHED, State.DEACTIVATED} and new and effects.known({new}):
        return f"{new} takes over once it is proven: credguard rotate {quoted}"
    another = (
        f"give the rotation up: credguard rotate --rebuild {quoted}, then: credguard add {quoted}"
    )
    if record.mode is Mode.LOCKED_OUT and record.state is State.SWITCHED:
        return f"go back to {record.old_id}: credguard rotate --rollback {quoted}; or {another}"
    return another


def rebuild(ctx: Context, name: str, wanted: Wanted) -> Outcome:
    """Give up a journal that cannot be read, or whose keys AWS takes none of; say what there is.

    Which keys are ours shows from the vault; none is deleted without a person's yes afterwards.
    """
    identity = identity_of(ctx, name)
    return guarded(ctx, identity, lambda: _rebuild(ctx, identity, name, wanted))


def _dead(ctx: Context, effects: RealEffects, record: Record) -> bool:
    """Whether a rotation has nothing left to go on with: AWS takes none of its keys.

    Where the key in use was locked out it alone is asked about: nothing goes back to the other.
    """
    keys, pointer = set(signers(record)), effects.pointer(record)
    if pointer == record.new_id and key_marks.kind_of(ctx, pointer) == key_marks.LOCKED_OUT:
        keys = {pointer}
    for key_id in effects.known(keys):
        with contextlib.suppress(InvalidKey):
            effects.identity(key_id)
            return False
    return True


def _rebuild(ctx: Context, identity: str, name: str, wanted: Wanted) -> Outcome:
    effects = effects_for(ctx, identity, wanted)
    try:
        record = record_of(ctx, identity)
        if record is not None and not _dead(ctx, effects, record):
            raise RotationRefused(
                f"the journal of {identity} is whole", hint=f"run: credguard rotate {quote(name)}"
            )
    except StoreError:
        pass
    key_id = effects.user.key_id
    with transaction(ctx.db):
        journal.remove(ctx.db, identity)
        events.record(ctx.db, ctx.now(), "rotation.rebuilt", identity)
        if key_marks.kind_of(ctx, key_id) == key_marks.LOCKED_OUT:  # its hint was of the rotation
            key_marks.mark(ctx, key_id, key_marks.LOCKED_OUT)
    try:
        listed = effects.listed(key_id)
    except InvalidKey:
        done = outcome(ctx, identity, "rebuilt")
        return replace(
            done,
            why=f"AWS does not accept {key_id};"
            f" give the profile another key: credguard add {quote(name)}",
        )
    others = set(listed) - {key_id}
    ours = effects.known(others)
    here = listed.get(key_id)
    state = "not listed by IAM" if here is None else "Active" if here.active else "Inactive"
    said = [f"{key_id} is in use and {state}"]
    for other in sorted(others):
        if other in ours:
            said.append(
                f"{other} is in the vault too: credguard rotate {quote(name)} --yes lets it go"
            )
        else:
            said.append(f"{other} is not in the vault, so it is not touched")
    done = outcome(ctx, identity, "rebuilt")
    return replace(done, why="; ".join(said))
