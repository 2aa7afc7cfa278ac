"""Use case: replace access keys through IAM, and go on with rotations that are on the way."""

import contextlib
import functools
import shlex
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from credguard import config as settings
from credguard.app import key_marks
from credguard.app.context import Context
from credguard.app.mfa import Ask, Codes
from credguard.app.rotate_due import due
from credguard.app.rotate_effects import RealEffects
from credguard.app.rotate_guard import alone, uninterrupted
from credguard.app.rotate_names import identity_of
from credguard.app.rotate_precheck import agreed, missing, precheck
from credguard.errors import (
    CredguardError,
    InvalidKey,
    NeedsCode,
    NetworkDown,
    NotPermitted,
    RotationRefused,
    StoreError,
    Throttled,
)
from credguard.rotation.driver import Ended, begin, resume
from credguard.rotation.model import Action, Limits, Mode, Record, State, Step, from_json
from credguard.rotation.precheck import Wishes, policy
from credguard.secret import Secret
from credguard.store import events, journal, problems, profiles, schedule
from credguard.store.db import transaction

SUBJECT = "rotation of "
"""Of problems and of the next try, before the identity."""
OnStep = Callable[[str, Step], None]


def _nobody(_identity: str, _step: Step) -> None:
    return


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one user's rotation.

    `state`: planned, midway (a dry run found one on the way), done, aborted, given-up (aborted
    where a person asked for a new key), waiting, asks, needs-code, failed. `until`: when it goes
    on, Unix seconds; None: not by itself.
    `old_id`/`new_id`: None where there is none.
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
class Wanted:
    """What a person, or the service, wants of a rotation.

    `yes`: agreed, also to unattended rotation from now on. `deactivate`: the old key goes Inactive
    now, whoever still uses it. `keep`: unknown key ids that are the person's own; `delete`: key ids
    in the way that may go. `code`: an MFA code given beforehand; `ask`: asks for one.
    """

    yes: bool = False
    dry_run: bool = False
    deactivate: bool = False
    keep: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    code: Secret | None = None
    ask: Ask | None = None
    on_step: OnStep = field(default=_nobody)


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
    try:
        row = journal.read(ctx.db, identity)
        if row is not None and row.get("identity") != identity:
            raise ValueError("it is another user's")
        return None if row is None else from_json(row)
    except (KeyError, ValueError, TypeError, StoreError) as exc:
        raise StoreError(
            f"the journal of {identity} is damaged",
            hint="both keys stay as they are; to go on from what IAM says: credguard rotate"
            f" --rebuild {shlex.quote(profile_of(ctx, identity))}",
        ) from exc


def rotation_midway(ctx: Context) -> list[str]:
    """The identities whose rotation is on the way."""
    return journal.identities(ctx.db)


def profile_of(ctx: Context, identity: str) -> str:
    """The name of one of the user's profiles; PROFILE where there is none."""
    group = users(ctx).get(identity)
    return group[0].name if group else "PROFILE"


def users(ctx: Context) -> dict[str, list[profiles.Profile]]:
    """The profiles of each IAM user, by identity."""
    found: dict[str, list[profiles.Profile]] = {}
    for each in profiles.profiles(ctx.db):
        found.setdefault(each.key.identity, []).append(each)
    return found


def rotate(
    ctx: Context,
    names: list[str],
    *,
    all_: bool = False,
    dry_run: bool = False,
    yes: bool = False,
    keep: tuple[str, ...] = (),
    on_step: OnStep = _nobody,
    wanted: Wanted | None = None,
) -> list[Outcome]:
    """Rotate the keys of the profiles `names`, of all, or (neither) what is due; each user once.

    `wanted` holds the rest; the other arguments are short for it. One user's failure does not stop
    the next one's. Raises UnknownProfile, RotationRefused, StoreError.
    """
    if wanted is None:
        wanted = Wanted(yes=yes, dry_run=dry_run, keep=keep, on_step=on_step)
    if names:
        identities = list(dict.fromkeys(identity_of(ctx, name) for name in names))
    else:
        identities = sorted(set(users(ctx)) | set(rotation_midway(ctx))) if all_ else due(ctx)
    return rotate_users(ctx, identities, wanted, asked=bool(names) or all_)


def rotate_users(
    ctx: Context, identities: list[str], wanted: Wanted | None = None, *, asked: bool = False
) -> list[Outcome]:
    """As `rotate`, by identity. `asked`: a person asked for new keys, not only for what is due."""
    outcomes = []
    for identity in identities:
        act = functools.partial(_one, ctx, identity, wanted or Wanted(), asked)
        outcomes.append(guarded(ctx, identity, act))
    return outcomes


def guarded(ctx: Context, identity: str, act: Callable[[], Outcome]) -> Outcome:
    """What `act` gives, under the user's lock; its failure as an Outcome."""
    try:
        with alone(identity, *profiles.user_ids(ctx.db, identity)):
            ctx.look_again()
            done = act()
            cleared = done.state == "aborted" and not done.why
            if cleared or done.state in {"waiting", "done"}:  # what kept it is over, by whomever
                with transaction(ctx.db):
                    problems.solve(ctx.db, ctx.now(), SUBJECT + identity)
                    schedule.remove(ctx.db, SUBJECT + identity)
            return done
    except NeedsCode as error:
        return outcome(ctx, identity, "needs-code", midway_or_none(ctx, identity), error=error)
    except NotPermitted as error:
        if "iam:" in str(error) and "{" not in error.hint:
            error.hint += ", with this policy:\n" + policy(identity.split("/")[0])
        return outcome(ctx, identity, "failed", midway_or_none(ctx, identity), error=error)
    except CredguardError as error:
        return outcome(ctx, identity, "failed", midway_or_none(ctx, identity), error=error)


def midway_or_none(ctx: Context, identity: str) -> Record | None:
    """The journalled rotation of `identity`; None: none, or its journal is damaged."""
    with contextlib.suppress(StoreError):
        return record_of(ctx, identity)
    return None


def outcome(
    ctx: Context,
    identity: str,
    state: str,
    record: Record | None = None,
    step: Step | None = None,
    error: CredguardError | None = None,
) -> Outcome:
    """An Outcome with what the store says of the user."""
    group = users(ctx).get(identity, [])
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


def effects_for(ctx: Context, identity: str, wanted: Wanted) -> RealEffects:
    """Effects for the user. Raises RotationRefused: no profile hands out a key of it."""
    group = users(ctx).get(identity, [])
    if not group:
        raise RotationRefused(f"no profile hands out a key of {identity}")
    names = [each.name for each in group]
    codes = Codes(ctx, names, given=wanted.code, ask=wanted.ask)
    return RealEffects(ctx, group[0].key, codes)


def _one(ctx: Context, identity: str, wanted: Wanted, asked: bool) -> Outcome:
    record = record_of(ctx, identity)
    effects = effects_for(ctx, identity, wanted)
    group = users(ctx)[identity]
    if wanted.dry_run:
        if record is not None:
            return outcome(ctx, identity, "midway", record)
        precheck(ctx, effects, group, _wishes(wanted), dry_run=True)
        return outcome(ctx, identity, "planned")
    begun = record
    if record is None:
        if wanted.deactivate and not wanted.yes:
            raise RotationRefused(
                f"no rotation of {identity} is on the way, so there is no old key to deactivate",
                hint="to replace the key with no grace:"
                f" credguard rotate {shlex.quote(group[0].name)} --yes --deactivate",
            )
        leaked = key_marks.any_leaked(ctx, group)
        if not leaked:  # else it was agreed to when the person said so
            agreed(ctx, group, wanted.yes)
        record = start(ctx, effects, group, wanted, Mode.EMERGENCY if leaked else Mode.NORMAL)
    elif wanted.delete:
        raise RotationRefused(f"a rotation of {identity} is on the way; no key is in its way")
    if wanted.keep:
        record = _kept(effects, record, wanted.keep)
    ended = go_on(ctx, effects, record, wanted)
    if (mode := _once_more(record, ended, asked=asked)) is not None:
        record = start(ctx, effects, users(ctx)[effects.user.identity], wanted, mode)
        ended = go_on(ctx, effects, record, wanted)
    done = told(ctx, effects.user.identity, ended)
    return _looked_at(effects, begun, ended.record, replaced(done)) if asked else done


def _once_more(record: Record, ended: Ended, *, asked: bool) -> Mode | None:
    """In which mode another rotation follows at once; None: none."""
    if ended.record is not None:
        return None
    if record.mode is Mode.CLEAR:
        return Mode.EMERGENCY  # its slot is free now: the key in use leaked as well
    if ended.done:
        return None
    if record.mode is Mode.EMERGENCY:
        return Mode.EMERGENCY  # the attempt left nothing behind, and the leaked key is still in use
    return Mode.NORMAL if asked else None


def _looked_at(
    effects: RealEffects, before: Record | None, after: Record | None, done: Outcome
) -> Outcome:
    """What a person who asks reads of a wait: also that the key in use does not work any more."""
    if done.state != "waiting" or before is None or after is None or before.state != after.state:
        return done  # it has just been proven
    key_id = effects.pointer(after)
    try:
        if effects.alive(key_id):
            return done
    except (NetworkDown, Throttled):  # a wait needs no network
        return done
    why = f"AWS does not accept {key_id}, the key in use"
    return replace(done, state="asks", until=None, why=why)


def _wishes(wanted: Wanted) -> Wishes:
    return Wishes(delete=frozenset(wanted.delete), person=wanted.yes)


def start(
    ctx: Context,
    effects: RealEffects,
    group: list[profiles.Profile],
    wanted: Wanted,
    mode: Mode = Mode.NORMAL,
) -> Record:
    """Check everything, then make a new key, or take up one of ours whose journal was lost."""
    checked = precheck(ctx, effects, group, _wishes(wanted))
    key_marks.works(ctx, group[0].key.key_id)
    key = replace(effects.user, key_id=group[0].key.key_id)
    transaction = str(uuid.uuid4())
    if checked.take_up is not None:
        now = effects.now()
        record = Record(
            key.identity, transaction, State.PROVEN, checked.take_up, checked.baseline, now, now,
            key.key_id, mode=mode,
        )  # fmt: skip
        effects.write(record)
        return record
    wanted.on_step(key.identity, Step(Action.WAIT, why="creating a key"))

    def attempt(transaction: str) -> Record:
        with uninterrupted():
            return begin(effects, key.identity, transaction, key.key_id, checked.baseline, mode)

    try:
        try:
            return attempt(transaction)
        except (NotPermitted, InvalidKey):
            # Only this call asks for MFA, or the session ended: still one request an intent.
            if not effects.renew_session(key.key_id):
                raise
            return attempt(str(uuid.uuid4()))
    except NotPermitted as exc:
        raise missing(["iam:CreateAccessKey"], key.partition) from exc


def go_on(ctx: Context, effects: RealEffects, record: Record, wanted: Wanted) -> Ended:
    """Take the rotation as far as it goes now."""
    return resume(
        effects,
        record,
        limits(ctx),
        person=wanted.deactivate,
        interval=settings.seconds(ctx.config.rotation.prove_interval),
        tell=lambda now, step: wanted.on_step(now.identity, step),
    )


def told(ctx: Context, identity: str, ended: Ended) -> Outcome:
    """The Outcome of a run."""
    if ended.record is None and ended.done:
        return outcome(ctx, identity, "done", ended.last, ended.step)
    if ended.record is None:
        return replace(
            outcome(ctx, identity, "aborted", ended.last, ended.step),
            why=_given_up(ctx, identity, ended.last.transaction),
        )
    state = "asks" if ended.step.action is Action.ASK else "waiting"
    return outcome(ctx, identity, state, ended.record, ended.step)


def replaced(done: Outcome) -> Outcome:
    """`done` as the answer to a wish for a new key: an attempt that left none has failed."""
    return replace(done, state="given-up") if done.state == "aborted" else done


def _given_up(ctx: Context, identity: str, transaction: str) -> str:
    """Why the new key was given up; empty: there was none."""
    for event in events.recent(ctx.db, 20, families=frozenset({"rotation"})):
        ours = (event.subject, event.detail.get("transaction")) == (identity, transaction)
        if ours and event.kind == "rotation.aborting":
            return str(event.detail.get("why", ""))
    return ""


def _kept(effects: RealEffects, record: Record, keep: tuple[str, ...]) -> Record:
    """Take the person's word that these unknown keys are theirs: never touched (I4)."""
    absent = sorted(set(keep) - set(effects.listed(effects.user.key_id)))
    if absent:
        raise RotationRefused(
            f"the user {effects.user.user_name} has no key {', '.join(absent)}",
            hint="see the key ids: credguard rotate --status",
        )
    stray = None if record.stray_id in keep else record.stray_id
    record = replace(record, baseline=tuple(sorted({*record.baseline, *keep})), stray_id=stray)
    effects.write(record)
    return record
