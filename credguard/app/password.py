"""Use case: the console password of a profile's IAM user: change, hand out, age."""

import contextlib
import hashlib
import secrets as random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from credguard import config as settings
from credguard import paths
from credguard.app.context import Context
from credguard.app.mfa import Codes
from credguard.app.signing import Signer, T
from credguard.atomic import locked
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
    from credguard.aws.model import Credentials


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


class RealEffects:
    """Effects for the user of `profile`; the account's policy is asked when a password is made."""

    def __init__(self, ctx: Context, profile: profiles.Profile, codes: Codes | None = None) -> None:
        """Nothing is opened or asked yet. `codes`: for a policy that asks for MFA."""
        self._ctx = ctx
        self._profile = profile
        self._identity = profile.key.identity
        self._signer = Signer(ctx, profile.key, codes)

    def _iam(self, call: "Callable[[Credentials], T]") -> T:
        return self._signer.call(self._profile.key.key_id, call)

    def now(self) -> float:
        """See Effects."""
        return self._ctx.now()

    def pause(self, seconds: float) -> None:
        """See Effects."""
        threading.Event().wait(seconds)

    def write(self, record: Record) -> None:
        """See Effects."""
        with transaction(self._ctx.db):
            self._write(record)

    def _write(self, record: Record) -> None:
        now, db = self.now(), self._ctx.db
        before = passwords.changes(db).get(self._identity, {})
        passwords.write_change(db, self._identity, record.to_json(), now)
        told = (before.get("state"), before.get("target"))
        if told != (record.state, record.target):
            kind = f"password.{record.state}"
            events.record(db, now, kind, self._identity, generation=record.target)

    def end(self, record: Record) -> None:
        """See Effects."""
        with transaction(self._ctx.db):
            passwords.end_change(self._ctx.db, record.identity)
            events.record(self._ctx.db, self.now(), "password.ended", record.identity)

    def _item(self, generation: int) -> str:
        return password_item(self._identity, generation)

    def has_console_password(self) -> bool | None:
        """Whether the user may sign in at the console; None: IAM does not say."""
        from credguard.aws import password as aws

        return self._iam(lambda c: aws.has_login_profile(c, self._profile.key.user_name))

    def put(self, generation: int, value: Secret) -> None:
        """Store what a person gave."""
        with self._ctx.writing():
            self._ctx.vault.put(self._item(generation), value)

    def held(self, generations: frozenset[int]) -> frozenset[int]:
        """See Effects."""
        vault = self._ctx.vault
        return frozenset(n for n in generations if vault.get(self._item(n)) is not None)

    def store(self, generation: int) -> None:
        """See Effects."""
        from credguard.aws import password as aws

        minimum = self._iam(aws.minimum_length)
        self.put(generation, core.generate(minimum, random.randbelow))

    def change(self, old: int, new: int) -> None:
        """See Effects."""
        from credguard.aws import password as aws

        before, after = self._value(old), self._value(new)
        name = self._profile.key.user_name
        self._iam(lambda creds: aws.change_password(creds, name, before, after))

    def _value(self, generation: int) -> Secret:
        value = self._ctx.vault.get(self._item(generation))
        if value is None:
            raise VaultError(f"the vault holds no {self._item(generation)}")
        return value

    def switch(self, record: Record) -> None:
        """See Effects."""
        with transaction(self._ctx.db):
            passwords.point(self._ctx.db, self._identity, record.target, self.now())
            self._write(record)

    def forget(self, generation: int) -> None:
        """See Effects."""
        self._ctx.vault.delete(self._item(generation))


def record_of(ctx: Context, identity: str) -> Record | None:
    """The journalled change of `identity`; None: none. Raises StoreError for a damaged one."""
    row = passwords.changes(ctx.db).get(identity)
    try:
        return None if row is None else core.from_json(row)
    except (KeyError, ValueError, TypeError) as exc:
        raise StoreError(
            f"the password journal of {identity} is damaged: {type(exc).__name__}"
        ) from exc


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


@contextlib.contextmanager
def _alone(identity: str) -> Iterator[None]:
    paths.private_dir(paths.state_dir())
    name = "password-" + hashlib.sha256(identity.encode()).hexdigest()[:16]
    with locked(paths.lock_file(name), 1.0):
        yield


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
    identity = profile.key.identity
    if profile.key.user_name == "<root>":
        raise RotationRefused(
            f"profile {name} has the root user's key; IAM cannot change the root password",
            hint="sign in as root and change it under Security credentials",
        )
    with _alone(identity):
        effects = RealEffects(ctx, profile, codes)
        record = record_of(ctx, identity)
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
    if current is not None and known and ctx.vault.get(password_item(identity, last)) == current:
        current = None  # it is the one the vault has
    if current is None:
        if not known:
            raise CredguardError(
                f"credguard has no console password of {identity}",
                hint="type it when asked, or give it on standard input with --current-stdin",
            )
        return begin(effects, identity, known, None, last)
    record = begin(effects, identity, (last + 1, *known), last + 1, last + 1)
    effects.put(last + 1, current)
    return record


def _precheck(ctx: Context, effects: RealEffects, user_name: str) -> None:
    """What can be known before anything is made. Raises NoSuchEntity, InvalidKey, VaultError."""
    check(ctx.vault)
    if effects.has_console_password() is False:
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
            hint=f"try each at the console: credguard password copy {name} --generation"
            f" {row.candidates[0]}; then: credguard password rotate {name} --current-stdin",
        )
    if met is None:
        return VaultError(
            f"the vault lost the current console password of {row.identity}",
            hint=f"give it: credguard password rotate {name} --current-stdin",
        )
    if isinstance(met, NotPermitted | PasswordPolicyViolation):
        return met
    return PasswordRefused(
        f"{met}: nothing was changed; most often the current password is another one",
        hint=f"give the one you sign in with: credguard password rotate {name} --current-stdin",
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
            hint=f"run: credguard password rotate {name}; or name one with --generation",
        )
    if len(maybe) == 1:
        return maybe[0]
    if held is None:
        raise CredguardError(
            f"credguard has no console password of {identity}",
            hint=f"run: credguard password rotate {name}",
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
        held, record = kept.get(identity), record_of(ctx, identity)
        state = "not kept" if held is None else "kept"
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
        record = record_of(ctx, identity)
        if record is not None:
            found |= {(identity, number) for number in core.numbers(record)}
    return [password_item(identity, number) for identity, number in sorted(found)]
