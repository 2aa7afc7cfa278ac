"""Use case: replace access keys through IAM; resume, wait, report."""

import contextlib
import hashlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from credguard import config as settings
from credguard import paths
from credguard.app.context import Context
from credguard.app.rotate_effects import RealEffects
from credguard.atomic import locked
from credguard.errors import (
    CredguardError,
    InvalidKey,
    NotPermitted,
    QuotaExceeded,
    RotationRefused,
    StoreError,
)
from credguard.rotation.driver import Ended, begin, resume
from credguard.rotation.model import Action, Limits, Record, State, Step, from_json
from credguard.store import events, journal, profiles
from credguard.vault.base import check

# Early only, so that the age limit is never passed; by identity, so that a team does not crowd.
_EARLIEST = 0.1
# What the old key does in each state, in a person's words.
_RESTING = {State.SWITCHED: "grace", State.DEACTIVATED: "soak", State.DELETED: "deleted"}
OnStep = Callable[[str, Step], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one user's rotation.

    `state`: planned, done, aborted, waiting, asks, failed. `until`: when it goes on, Unix seconds;
    None: not by itself. `old_id`/`new_id`: None where there is none.
    """

    identity: str
    profiles: list[str]
    state: str
    old_id: str | None
    new_id: str | None
    until: float | None = None
    why: str = ""
    error: CredguardError | None = None


@dataclass(frozen=True, slots=True)
class KeyState:
    """One key for `--status`. `state`: active, or the rotation's; times: Unix seconds or None."""

    identity: str
    profiles: list[str]
    key_id: str
    state: str
    created: float | None
    next_step: str
    next_at: float | None


def limits(ctx: Context) -> Limits:
    """The settings as the core wants them."""
    rotation = ctx.config.rotation
    return Limits(
        settings.seconds(rotation.grace),
        settings.seconds(rotation.soak),
        settings.seconds(rotation.orphan_wait),
        rotation.prove_passes,
    )


def record_of(ctx: Context, identity: str) -> Record | None:
    """The journalled rotation of `identity`; None: none. Raises StoreError for a damaged one."""
    row = journal.read(ctx.db, identity)
    if row is None:
        return None
    try:
        return from_json(row)
    except (KeyError, ValueError, TypeError) as exc:
        raise StoreError(f"the journal of {identity} is damaged: {type(exc).__name__}") from exc


def rotation_midway(ctx: Context) -> list[str]:
    """The identities whose rotation is on the way."""
    return journal.identities(ctx.db)


def _users(ctx: Context) -> dict[str, list[profiles.Profile]]:
    found: dict[str, list[profiles.Profile]] = {}
    for each in profiles.profiles(ctx.db):
        found.setdefault(each.key.identity, []).append(each)
    return found


def due_at(ctx: Context, key: profiles.Key) -> float | None:
    """When `key` is to be replaced, Unix seconds; None: IAM's creation time is not known."""
    if key.created is None:
        return None
    age = settings.seconds(ctx.config.rotation.max_age)
    share = hashlib.sha256(key.identity.encode()).digest()[0] / 255
    return key.created + age * (1 - _EARLIEST * share)


def due(ctx: Context) -> list[str]:
    """The identities that need something now: an old key, or a rotation whose wait may be over."""
    now = ctx.now()
    found = set(rotation_midway(ctx))
    for identity, group in _users(ctx).items():
        at = due_at(ctx, group[0].key)
        if at is not None and at <= now:
            found.add(identity)
    return sorted(found)


def rotate(
    ctx: Context,
    names: list[str],
    *,
    all_: bool = False,
    dry_run: bool = False,
    yes: bool = False,
    keep: tuple[str, ...] = (),
    on_step: OnStep = lambda _identity, _step: None,
) -> list[Outcome]:
    """Rotate the keys of the profiles `names`, of all, or (neither) what is due; each user once.

    `yes`: a person agreed, also to unattended rotation from now on. `keep`: unknown key ids that
    are the person's own. One user's failure does not stop the next one's. Raises UnknownProfile,
    StoreError.
    """
    if names:
        wanted = list(dict.fromkeys(profiles.profile(ctx.db, name).key.identity for name in names))
    else:
        wanted = sorted(set(_users(ctx)) | set(rotation_midway(ctx))) if all_ else due(ctx)
    asked = bool(names) or all_
    outcomes = []
    for identity in wanted:
        try:
            outcomes.append(_one(ctx, identity, dry_run, yes, asked, keep, on_step))
        except CredguardError as error:
            outcomes.append(_outcome(ctx, identity, "failed", error=error))
    return outcomes


def run_due(ctx: Context) -> list[Outcome]:
    """What the service does: take what is due and agreed to. Raises the first failure, last."""
    outcomes = rotate(ctx, [])
    for outcome in outcomes:
        if outcome.error is not None and not isinstance(outcome.error, RotationRefused):
            raise outcome.error
    return outcomes


@contextlib.contextmanager
def _alone(identity: str) -> Iterator[None]:
    """Never two rotations of one user at once, whoever starts them. Raises Busy."""
    paths.private_dir(paths.state_dir())
    name = "rotation-" + hashlib.sha256(identity.encode()).hexdigest()[:16]
    with locked(paths.lock_file(name), 1.0):
        yield


def _outcome(
    ctx: Context,
    identity: str,
    state: str,
    record: Record | None = None,
    step: Step | None = None,
    error: CredguardError | None = None,
) -> Outcome:
    group = _users(ctx).get(identity, [])
    old = record.old_id if record else (group[0].key.key_id if group else None)
    return Outcome(
        identity,
        [each.name for each in group],
        state,
        old,
        record.new_id if record else None,
        step.until if step is not None and step.action is Action.WAIT else None,
        step.why if step is not None else "",
        error,
    )


def _one(
    ctx: Context,
    identity: str,
    dry_run: bool,
    yes: bool,
    asked: bool,
    keep: tuple[str, ...],
    on_step: OnStep,
) -> Outcome:
    with _alone(identity):
        record = record_of(ctx, identity)
        group = _users(ctx).get(identity, [])
        if not group:
            raise RotationRefused(f"no profile hands out a key of {identity}")
        effects = RealEffects(ctx, group[0].key)
        if record is None:
            if not dry_run:
                _agreed(ctx, group, yes)
            baseline = _precheck(ctx, effects, group, dry_run)
            if dry_run:
                return _outcome(ctx, identity, "planned")
            record = _begin(effects, group[0].key, baseline, on_step)
        elif dry_run:
            return _outcome(ctx, identity, "planned", record)
        if keep:
            record = _kept(effects, record, keep)
        ended = _resume(ctx, effects, record, yes, on_step)
        if ended.record is None and not ended.done and asked:
            # An earlier attempt left nothing behind; the person asked for a new key.
            baseline = _precheck(ctx, effects, group, dry_run=False)
            record = _begin(effects, group[0].key, baseline, on_step)
            ended = _resume(ctx, effects, record, yes, on_step)
        return _told(ctx, identity, record, ended)


def _told(ctx: Context, identity: str, before: Record, ended: Ended) -> Outcome:
    if ended.record is None:
        return _outcome(ctx, identity, "done" if ended.done else "aborted", before, ended.step)
    state = "asks" if ended.step.action is Action.ASK else "waiting"
    return _outcome(ctx, identity, state, ended.record, ended.step)


def _begin(
    effects: RealEffects, key: profiles.Key, baseline: tuple[str, ...], on_step: OnStep
) -> Record:
    on_step(key.identity, Step(Action.WAIT, why="creating a key"))
    return begin(effects, key.identity, str(uuid.uuid4()), key.key_id, baseline)


def _resume(
    ctx: Context, effects: RealEffects, record: Record, yes: bool, on_step: OnStep
) -> Ended:
    return resume(
        effects,
        record,
        limits(ctx),
        person=yes,
        interval=settings.seconds(ctx.config.rotation.prove_interval),
        tell=lambda now, step: on_step(now.identity, step),
    )


def _kept(effects: RealEffects, record: Record, keep: tuple[str, ...]) -> Record:
    """Take the person's word that these unknown keys are theirs: never touched (I4)."""
    from dataclasses import replace

    stray = None if record.stray_id in keep else record.stray_id
    record = replace(record, baseline=tuple(sorted({*record.baseline, *keep})), stray_id=stray)
    effects.write(record)
    return record


def _agreed(ctx: Context, group: list[profiles.Profile], yes: bool) -> None:
    """The first rotation of a key needs a person's yes; later ones follow from it."""
    for profile in group:
        if yes:
            profiles.set_consent(ctx.db, profile.name)
            events.record(ctx.db, ctx.now(), "rotation.agreed", profile.name)
        elif not profile.consent:
            raise RotationRefused(
                f"nobody agreed yet to replace the key of profile {profile.name}",
                hint=f"run once: credguard rotate {profile.name} --yes",
            )


def _precheck(
    ctx: Context, effects: RealEffects, group: list[profiles.Profile], dry_run: bool
) -> tuple[str, ...]:
    """Everything that can be known before a key is made; the user's key ids.

    Raises RotationRefused, QuotaExceeded, InvalidKey, NotPermitted, VaultError.
    """
    key = group[0].key
    if key.user_name == "<root>":
        raise RotationRefused(
            f"key {key.key_id} is the root user's, which must not have one",
            hint="make an IAM user, then delete the root key in the console",
        )
    ids = {each.key.key_id for each in group}
    if len(ids) > 1:
        raise RotationRefused(
            f"profiles hand out two keys of {key.identity}: {', '.join(sorted(ids))}",
            hint="IAM allows two keys, so none can be made; remove one profile's key first",
        )
    if not dry_run:
        check(ctx.vault)
    if not effects.prove(key.key_id):
        from credguard.app.keys import credentials
        from credguard.aws import iam, sts

        # For the reason: one of these says it.
        sts.caller_identity(credentials(ctx, group[0].name))
        iam.list_access_keys(credentials(ctx, group[0].name), key.user_name)
        raise InvalidKey(f"AWS did not accept key {key.key_id} a moment ago")
    listed = effects.listed(key.key_id)
    others = sorted(set(listed) - {key.key_id})
    if others:
        _second_slot(effects, key, others[0], listed[others[0]].active)
    return tuple(sorted(listed))


def _second_slot(effects: RealEffects, key: profiles.Key, other: str, active: bool) -> None:
    import time

    with contextlib.suppress(NotPermitted):
        used = effects.last_used(key.key_id, other)
        when = "never used" if used is None else time.strftime("last used %F", time.gmtime(used))
        raise QuotaExceeded(
            f"user {key.user_name} has two keys, IAM's limit; {other} is not credguard's"
            f" ({'Active' if active else 'Inactive'}, {when})",
            hint=f"when nobody needs it: aws iam delete-access-key --access-key-id {other}",
        )


def statuses(ctx: Context) -> list[KeyState]:
    """Every key and stray with its state, next step and when; asks nobody. Raises StoreError."""
    found: list[KeyState] = []
    users = _users(ctx)
    limit = limits(ctx)
    for identity in sorted(set(users) | set(rotation_midway(ctx))):
        group = users.get(identity, [])
        names = [each.name for each in group]
        record = record_of(ctx, identity)
        created = {key.key_id: key.created for key in profiles.keys(ctx.db)}
        if record is None:
            for key_id in dict.fromkeys(each.key.key_id for each in group):
                key = next(each.key for each in group if each.key.key_id == key_id)
                using = [each.name for each in group if each.key.key_id == key_id]
                agreed = all(each.consent for each in group)
                step = "rotate" if agreed else "needs a yes: credguard rotate --yes"
                row = KeyState(
                    identity, using, key_id, "active", key.created, step, due_at(ctx, key)
                )
                found.append(row)
            continue
        found += _midway(record, names, created, limit)
    return found


def _midway(
    record: Record, names: list[str], created: dict[str, float | None], limit: Limits
) -> list[KeyState]:
    switched = record.state in {State.SWITCHED, State.DEACTIVATED, State.DELETED}
    old_step, at = {
        State.SWITCHED: ("deactivate", record.since + limit.grace),
        State.DEACTIVATED: ("delete", record.since + limit.soak),
        State.DELETED: ("forget", record.since),
    }.get(record.state, ("in use until the new key is proven", None))
    identity, old = record.identity, record.old_id
    rows = [
        KeyState(
            identity,
            [] if switched else names,
            old,
            _RESTING.get(record.state, "active"),
            created.get(old),
            old_step,
            at,
        )
    ]
    if record.new_id is not None:
        step = "in use" if switched else "prove, then switch"
        step = "delete" if record.state is State.ABORTING else step
        new_state = "active" if switched else record.state.value
        rows.append(
            KeyState(
                identity,
                names if switched else [],
                record.new_id,
                new_state,
                created.get(record.new_id),
                step,
                None if switched else record.since,
            )
        )
    if record.state is State.INTENT:
        until = record.intent_at + limit.orphan_wait
        stray = record.stray_id or "UNKNOWN"
        step = "delete the stray key" if record.stray_id else "look for a stray key"
        rows.append(KeyState(identity, [], stray, "stray", None, step, until))
    return rows
