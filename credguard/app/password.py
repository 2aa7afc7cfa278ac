"""Use case: the console password of a profile's IAM user: change, hand out, age."""

from dataclasses import dataclass, replace
from shlex import quote

from credguard import config as settings
from credguard.app import renames
from credguard.app.context import Context
from credguard.app.mfa import Codes
from credguard.app.password_effects import RealEffects
from credguard.app.rotate_guard import PASSWORD, alone
from credguard.errors import (
    AwsError,
    CredguardError,
    NoSuchEntity,
    NotPermitted,
    PasswordPolicyViolation,
    PasswordRefused,
    RotationRefused,
    StoreError,
    VaultError,
)
from credguard.rotation import password as core
from credguard.rotation.password import Record, State
from credguard.rotation.password_driver import Ended, begin, reopen, resume
from credguard.secret import Secret
from credguard.store import events, passwords, profiles
from credguard.store.db import transaction
from credguard.vault.base import check, password_item

TYPE_CHECKING = False
if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change. `state`: done, refused (nothing was changed), unknown.

    unknown: it cannot be told which of `candidates` (generations) AWS takes, if any.
    """

    identity: str
    profiles: list[str]
    state: str
    generation: int | None
    changed: float | None
    candidates: tuple[int, ...] = ()
    error: CredguardError | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One user for `status`. `state`: not kept, kept, midway, unknown.

    `changed`, `due_at`: Unix seconds; None: credguard never changed it, so its age is not known.
    """

    identity: str
    profiles: list[str]
    state: str
    generation: int | None
    candidates: tuple[int, ...]
    changed: float | None
    due_at: float | None


def record_of(ctx: Context, identity: str) -> Record | None:
    """The journalled change of `identity`; None: none. Raises StoreError for a damaged one."""
    row = passwords.changes(ctx.db).get(identity)
    try:
        return None if row is None else core.from_json(row)
    except (KeyError, ValueError, TypeError) as exc:
        name = next(iter(_names(ctx).get(identity, [])), "PROFILE")
        raise StoreError(
            f"the journal of the console password of {identity} is damaged",
            hint="every password stays in the vault; give the one that you sign in with:"
            f" credguard password rotate {quote(name)} --current-stdin (the vault's: credguard"
            f" password show {quote(name)} --generation N, from {_last(ctx, identity)} on)",
        ) from exc


def _last(ctx: Context, identity: str) -> int:
    held = passwords.password(ctx.db, identity)
    return 0 if held is None else held.generation


def _held(ctx: Context, identity: str, last: int) -> list[int]:
    # Of a change whose journal was lost: one of them may be in force.
    found = []
    while ctx.vault.get(password_item(identity, last + 1)) is not None:
        last += 1
        found.append(last)
    return found


def _unless_damaged(ctx: Context, identity: str, given: Secret | None) -> Record | None:
    """The journalled change; a damaged one is given up where a person gives the password."""
    try:
        return record_of(ctx, identity)
    except StoreError:
        if given is None:
            raise
    with transaction(ctx.db):
        passwords.end_change(ctx.db, identity)
        events.record(ctx.db, ctx.now(), "password.rebuilt", identity)
    return None


def needs_current(ctx: Context, name: str) -> bool:
    """Whether a person must give the current password: the vault has none to begin from.

    Raises UnknownProfile, VaultError.
    """
    identity = profiles.profile(ctx.db, name).key.identity
    held, record = passwords.password(ctx.db, identity), record_of(ctx, identity)
    numbers = {held.generation} if held is not None else set()
    if record is not None:
        numbers |= set(core.maybe_in_force(record))
    return all(ctx.vault.get(password_item(identity, number)) is None for number in numbers)


class _Renamed(Exception):
    """The user has the name that is given."""


def rotate(
    ctx: Context, name: str, current: Secret | None = None, codes: Codes | None = None
) -> Outcome:
    """Change the console password of profile `name`'s user, or finish a change begun earlier.

    `current`: what the person signs in with now; needed the first time. `codes`: of an MFA device,
    for a policy that asks for one. A crash midway loses
    nothing: each value that may be in force is in the vault; run it again. Raises UnknownProfile,
    RotationRefused, AwsError's classes, VaultError, StoreError, Busy.
    """
    profile = profiles.profile(ctx.db, name)
    key = profile.key
    if key.user_name == "<root>":
        raise RotationRefused(
            f"profile {name} has the root user's key; IAM cannot change the root password",
            hint="sign in as root and change it under Security credentials",
        )
    try:
        return _rotate(ctx, profile, current, codes)
    except _Renamed as found:
        with alone(key.identity, key.user_id):
            renames.follow(ctx, key, str(found))
    return _rotate(ctx, profiles.profile(ctx.db, name), current, codes)


def _rotate(
    ctx: Context, profile: profiles.Profile, current: Secret | None, codes: Codes | None
) -> Outcome:
    identity = profile.key.identity
    with alone(identity, profile.key.user_id, kind=PASSWORD):
        effects = RealEffects(ctx, profile, codes)
        record = _unless_damaged(ctx, identity, current)
        if record is not None and record.state is not State.UNKNOWN:
            ended = resume(effects, record)
            if ended.done or current is None:
                return _outcome(ctx, profile, ended)
            record = ended.record
        _precheck(ctx, effects, profile.key.user_name)
        if record is None:
            record = _begin(ctx, effects, identity, current)
        else:
            # Journalled first: a crash before the put leaves a number without a value.
            record = reopen(effects, record, given=current is not None)
            if current is not None and record.given is not None:
                effects.put(record.given, current)
        return _outcome(ctx, profile, resume(effects, record))


def _begin(ctx: Context, effects: RealEffects, identity: str, current: Secret | None) -> Record:
    held = passwords.password(ctx.db, identity)
    known = () if held is None else (held.generation,)
    last = max((0, *known))
    free = max(_held(ctx, identity, last), default=last)
    if current is not None and known and ctx.vault.get(password_item(identity, last)) == current:
        current = None  # it is the one the vault has
    if current is None:
        if not known:
            raise CredguardError(
                f"credguard has no console password of {identity}",
                hint="type it when asked, or give it on standard input with --current-stdin",
            )
        return begin(effects, identity, known, None, free)
    record = begin(effects, identity, (free + 1, *known), free + 1, free + 1)
    effects.put(free + 1, current)
    return record


def _precheck(ctx: Context, effects: RealEffects, user_name: str) -> None:
    """What can be known before anything is made. Raises NoSuchEntity, InvalidKey, VaultError."""
    check(ctx.vault)
    if effects.has_console_password() is False:
        if (now := effects.user_name()) != user_name:
            raise _Renamed(now)
        raise NoSuchEntity(
            f"user {user_name} has no console password",
            hint="ask an administrator for console access, or leave it: none is safer",
        )


def _outcome(ctx: Context, profile: profiles.Profile, ended: Ended) -> Outcome:
    identity = profile.key.identity
    held = passwords.password(ctx.db, identity)
    row = Outcome(
        identity,
        _names(ctx).get(identity, []),
        "done" if ended.done else "refused" if ended.record is None else "unknown",
        None if held is None else held.generation,
        None if held is None else held.changed,
        () if ended.record is None else core.maybe_in_force(ended.record),
    )
    return row if ended.done else replace(row, error=_why(profile.name, row, ended.error))


def _why(name: str, row: Outcome, met: AwsError | None) -> CredguardError:
    if row.state == "unknown":
        shown = ", ".join(str(each) for each in row.candidates)
        return PasswordRefused(
            f"it cannot be told which console password of {row.identity} is in force: AWS took none"
            f" of generations {shown}; all are kept ({met or 'no answer yet'})",
            hint=f"try each at the console: credguard password copy {quote(name)} --generation"
            f" {row.candidates[0]}; then: credguard password rotate {quote(name)} --current-stdin",
        )
    if met is None:
        return VaultError(
            f"the vault lost the current console password of {row.identity}",
            hint=f"give it: credguard password rotate {quote(name)} --current-stdin",
        )
    if isinstance(met, NotPermitted | PasswordPolicyViolation):
        return met
    return PasswordRefused(
        f"{met}: nothing was changed; most often the current password is another one",
        hint="give the one you sign in with:"
        f" credguard password rotate {quote(name)} --current-stdin",
    )


def current(ctx: Context, name: str, generation: int | None = None) -> Secret:
    """The console password of profile `name`'s user, or that of `generation` while it is not clear.

    `name` may be an identity as `status` shows it, once its profile was removed. Raises
    CredguardError: none is kept, or a change is midway and which one is in force is not known;
    VaultError.
    """
    identity = _identity(ctx, name)
    number = _which(ctx, name, identity) if generation is None else generation
    value = ctx.vault.get(password_item(identity, number))
    if value is None:
        raise VaultError(
            f"the vault holds no generation {number} of the console password of {identity}",
            hint="see: credguard password status",
        )
    events.record(ctx.db, ctx.now(), "password.read", identity, generation=number)
    return value


def _identity(ctx: Context, name: str) -> str:
    if passwords.password(ctx.db, name) is not None:
        return name
    return profiles.profile(ctx.db, name).key.identity


def _which(ctx: Context, name: str, identity: str) -> int:
    held, record = passwords.password(ctx.db, identity), record_of(ctx, identity)
    maybe = () if record is None else core.maybe_in_force(record)
    if len(maybe) > 1 or (record is not None and record.state is State.UNKNOWN):
        shown = ", ".join(str(each) for each in maybe)
        raise CredguardError(
            f"a change of the console password of {identity} is midway; one of generations {shown}"
            " is in force",
            hint=f"run: credguard password rotate {quote(name)}; or name one with --generation",
        )
    if len(maybe) == 1:
        return maybe[0]
    if held is None:
        raise CredguardError(
            f"credguard has no console password of {identity}",
            hint=f"run: credguard password rotate {quote(name)}",
        )
    return held.generation


def _names(ctx: Context) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in profiles.profiles(ctx.db):
        found.setdefault(each.key.identity, []).append(each.name)
    return found


def statuses(ctx: Context) -> list[Row]:
    """Every user with a profile or a password; asks nobody. Raises StoreError."""
    names = _names(ctx)
    kept = {each.identity: each for each in passwords.passwords(ctx.db)}
    limit = settings.seconds(ctx.config.password.max_age)
    rows = []
    for identity in sorted({*names, *kept, *passwords.changes(ctx.db)}):
        held, record = kept.get(identity), None
        state = "not kept" if held is None else "kept"
        try:
            record = record_of(ctx, identity)
        except StoreError:
            state = "unknown"
        if record is not None:
            state = "unknown" if record.state is State.UNKNOWN else "midway"
        changed = None if held is None else held.changed
        rows.append(
            Row(
                identity,
                names.get(identity, []),
                state,
                None if held is None else held.generation,
                () if record is None else core.maybe_in_force(record),
                changed,
                core.due_at(changed, limit),
            )
        )
    return rows


def due(ctx: Context) -> list[str]:
    """The identities whose kept password is older than `password.max_age`, for a reminder."""
    limit = settings.seconds(ctx.config.password.max_age)
    rows = passwords.passwords(ctx.db)
    return [each.identity for each in rows if core.due(each.changed, limit, ctx.now())]


def items(ctx: Context) -> list[str]:
    """The vault's items that hold a console password, or may."""
    found = {(each.identity, each.generation) for each in passwords.passwords(ctx.db)}
    for identity in passwords.changes(ctx.db):
        try:
            record = record_of(ctx, identity)
        except StoreError:
            numbers = _held(ctx, identity, _last(ctx, identity))
        else:
            numbers = [] if record is None else list(core.numbers(record))
        found |= {(identity, number) for number in numbers}
    return [password_item(identity, number) for identity, number in sorted(found)]
