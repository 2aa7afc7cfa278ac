"""Use case: everything that can be known before a key is made, and what is missing for it."""

import contextlib
from dataclasses import dataclass, replace
from shlex import quote

from credguard import config as settings
from credguard.app.context import Context
from credguard.app.rotate_effects import RealEffects
from credguard.errors import (
    InvalidKey,
    NoSuchEntity,
    NotPermitted,
    QuotaExceeded,
    RotationRefused,
)
from credguard.rotation.machine import MAX_SKEW_S
from credguard.rotation.model import Remote, Use
from credguard.rotation.precheck import Slot, Verdict, Wishes, policy, second_slot
from credguard.store import events, profiles
from credguard.vault.base import check

# Well-formed for the API, and never a real key: ids use no 0 (base 32). IAM looks at the
# permission before it looks for the key, so the answer tells whether the call is allowed.
_NOBODY = "AK" + "IA" + "CREDGUARD" + "0000000"


@dataclass(frozen=True, slots=True)
class Checked:
    """`baseline`: the user's key ids; `take_up`: a key of ours whose journal was lost, or None."""

    baseline: tuple[str, ...]
    take_up: str | None = None


def precheck(
    ctx: Context,
    effects: RealEffects,
    group: list[profiles.Profile],
    wishes: Wishes,
    *,
    dry_run: bool = False,
) -> Checked:
    """Look at everything a rotation needs; changes nothing but what `wishes` names.

    Raises RotationRefused, QuotaExceeded, InvalidKey, NotPermitted, VaultError.
    """
    key = group[0].key
    refuse_root(key)
    ids = sorted({each.key.key_id for each in group})
    if len(ids) > 1:
        raise RotationRefused(
            f"profiles hand out two keys of {key.identity}: {', '.join(ids)}",
            hint=f"give one up, here and in IAM: credguard remove {quote(group[0].name)}",
        )
    if key.key_id in wishes.delete:
        raise RotationRefused(
            f"{key.key_id} is the key in use; it is never deleted before another works",
            hint="name the other key; see: credguard rotate --status",
        )
    if not dry_run:
        check(ctx.vault)
    same_user(effects, key)
    try:
        listed = effects.listed(key.key_id)
    except NotPermitted as exc:
        raise missing(["iam:ListAccessKeys"], key.partition) from exc
    if key.key_id not in listed or not listed[key.key_id].active:
        raise InvalidKey(f"IAM does not list key {key.key_id} as Active; it was a moment ago")
    if key.created is None or abs(key.created - listed[key.key_id].created) > 1:
        profiles.set_created(ctx.db, key.key_id, listed[key.key_id].created)
    lacking = [action for action, allowed in permissions(effects, key) if allowed is False]
    if lacking:
        raise missing(lacking, key.partition)
    verdict = _second_slot(ctx, effects, group, listed, wishes)
    if verdict.slot is Slot.REFUSE:
        raise QuotaExceeded(f"{key.user_name}: {verdict.why}", hint=verdict.hint)
    if verdict.slot is Slot.TAKE_UP:
        return Checked(tuple(sorted(listed)), verdict.key_id)
    if verdict.slot is Slot.DELETE and not dry_run:
        with contextlib.suppress(NoSuchEntity):
            effects.delete(key.key_id, verdict.key_id)
        events.record(ctx.db, ctx.now(), "rotation.freed", key.identity, deleted_id=verdict.key_id)
        listed.pop(verdict.key_id)
    return Checked(tuple(sorted(listed)))


def agreed(ctx: Context, group: list[profiles.Profile], yes: bool) -> None:
    """The first rotation of a key needs a person's yes; later ones follow from it.

    Raises RotationRefused.
    """
    for profile in group:
        if yes:
            profiles.set_consent(ctx.db, profile.name)
            events.record(ctx.db, ctx.now(), "rotation.agreed", profile.name)
        elif not profile.consent:
            raise RotationRefused(
                f"nobody agreed yet to replace the key of profile {profile.name}",
                hint=f"run once: credguard rotate {quote(profile.name)} --yes",
            )


def refuse_root(key: profiles.Key) -> None:
    """Raise RotationRefused for the root user's key."""
    if key.user_name == "<root>":
        raise RotationRefused(
            f"key {key.key_id} is the root user's, which must not have one",
            hint="make an IAM user, then delete the root key in the console",
        )


def same_user(effects: RealEffects, key: profiles.Key) -> None:
    """Ask STS whom the key belongs to, and compare the clocks.

    Raises RotationRefused: a role, another user than before, or a clock that is off.
    """
    who = effects.identity(key.key_id)
    if who.kind != "user":
        raise RotationRefused(
            f"key {key.key_id} belongs to {who.arn} ({who.kind}), not to an IAM user",
            hint="only access keys of IAM users are replaced; roles and sessions renew themselves",
        )
    if who.user_id != key.user_id or who.account != key.account:
        raise RotationRefused(f"key {key.key_id} belongs to another user now: {who.arn}")
    skew = effects.skew()
    if skew is not None and abs(skew) > MAX_SKEW_S:
        way = "ahead of" if skew > 0 else "behind"
        raise RotationRefused(
            f"this machine's clock is {abs(skew) / 3600:.1f} hours {way} AWS's",
            hint="set the clock, then run it again",
        )


def permissions(effects: RealEffects, key: profiles.Key) -> list[tuple[str, bool | None]]:
    """Each IAM action that a rotation needs, and whether it is allowed; None: only a try tells.

    Harmless: the calls name a key that cannot exist.
    """
    found: list[tuple[str, bool | None]] = [("iam:CreateAccessKey", None)]
    for action in ("iam:UpdateAccessKey", "iam:DeleteAccessKey"):
        allowed = True
        try:
            if action == "iam:UpdateAccessKey":
                effects.set_active(key.key_id, _NOBODY, False)
            else:
                effects.delete(key.key_id, _NOBODY)
        except NoSuchEntity:
            allowed = True
        except NotPermitted:
            allowed = False
        found.append((action, allowed))
    found.append(("iam:GetAccessKeyLastUsed", effects.used(key.key_id, key.key_id).known))
    return found


def missing(actions: list[str], partition: str) -> NotPermitted:
    """The refusal that names each missing action and the policy to ask for."""
    return NotPermitted(
        f"a policy refuses {', '.join(actions)}, so no key was made",
        hint="ask for this policy, then run it again (credguard doctor rotation shows the rest):\n"
        + policy(partition),
    )


def _second_slot(
    ctx: Context,
    effects: RealEffects,
    group: list[profiles.Profile],
    listed: dict[str, Remote],
    wishes: Wishes,
) -> Verdict:
    key = group[0].key
    others = set(listed) - {key.key_id}
    uses: dict[str, Use] = {other: effects.used(key.key_id, other) for other in sorted(others)}
    after = settings.seconds(ctx.config.rotation.delete_foreign_inactive)
    wishes = Wishes(wishes.delete, wishes.person, after)
    found = second_slot(key.key_id, listed, effects.known(others), uses, wishes, ctx.now())
    return replace(found, hint=found.hint.replace("PROFILE", quote(group[0].name)))
