"""Use case: look at everything that a rotation needs, change nothing, and say what is missing."""

from collections.abc import Callable
from shlex import quote

from credguard.app.context import Context
from credguard.app.doctor.model import FAIL, OK, UNKNOWN, Check
from credguard.app.rotate import (
    Wanted,
    effects_for,
    record_of,
    rotation_midway,
    users,
)
from credguard.app.rotate_effects import RealEffects
from credguard.app.rotate_names import identity_of
from credguard.app.rotate_precheck import permissions, refuse_root, same_user
from credguard.errors import CredguardError, NotPermitted, StoreError
from credguard.rotation.precheck import policy
from credguard.store import profiles
from credguard.vault.base import check


def rotation(ctx: Context, name: str, wanted: Wanted) -> list[Check]:
    """What the rotation of profile `name` needs, each with its state.

    Raises UnknownProfile, RotationRefused (nothing to rotate behind it), StoreError.
    """
    identity = identity_of(ctx, name)
    effects = effects_for(ctx, identity, wanted)
    group = users(ctx)[identity]
    key = group[0].key
    checks = [_try("vault", lambda: _vault(ctx)), _journal(ctx, identity)]
    reached = _try("key", lambda: _key(effects, key))
    checks.append(reached)
    if reached.state == OK:
        try:
            checks += _iam(effects, key, midway=identity in rotation_midway(ctx))
        except CredguardError as error:  # no code for MFA, no answer: the rest is told all the same
            checks.append(Check("iam", UNKNOWN, str(error), error.hint))
    checks.append(_consent(group))
    return checks


def _try(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, OK, look())
    except CredguardError as error:
        return Check(name, FAIL, str(error), error.hint)


def _vault(ctx: Context) -> str:
    check(ctx.vault)
    return f"{ctx.vault.name} takes and gives back an item"


def _key(effects: RealEffects, key: profiles.Key) -> str:
    refuse_root(key)
    same_user(effects, key)
    return f"{key.key_id} is accepted and belongs to {key.identity}; the clocks agree"


def _journal(ctx: Context, identity: str) -> Check:
    try:
        record = record_of(ctx, identity)
    except StoreError as error:
        return Check("journal", FAIL, str(error), error.hint)
    if record is None:
        return Check("journal", OK, "no rotation is on the way")
    return Check("journal", OK, f"a rotation is on the way: {record.state} {record.why}".rstrip())


def _iam(effects: RealEffects, key: profiles.Key, *, midway: bool) -> list[Check]:
    ask = f"ask for this policy:\n{policy(key.partition)}"
    try:
        listed = effects.listed(key.key_id)
    except NotPermitted as error:
        return [Check("iam:ListAccessKeys", FAIL, str(error), ask)]
    checks = [Check("iam:ListAccessKeys", OK, "allowed")]
    simulated = effects.simulated(key.key_id)
    for action, tried in permissions(effects, key):
        allowed = simulated if tried is None else tried
        if allowed is None:
            checks.append(Check(action, UNKNOWN, "only a try tells: IAM may not be asked"))
        elif allowed:
            checks.append(Check(action, OK, "allowed"))
        else:
            checks.append(Check(action, FAIL, "denied", ask))
    others = sorted(set(listed) - {key.key_id})
    if others and midway:
        said = f"{', '.join(others)} belongs to the rotation on the way"
        checks.append(Check("slot", OK, said))
    elif others:
        said = f"the second of IAM's two slots holds {', '.join(others)}"
        checks.append(Check("slot", FAIL, said, "see: credguard rotate --status"))
    else:
        checks.append(Check("slot", OK, "the second of IAM's two slots is free"))
    return checks


def _consent(group: list[profiles.Profile]) -> Check:
    lacking = [each.name for each in group if not each.consent]
    if not lacking:
        return Check("consent", OK, "unattended rotation was agreed to")
    fix = f"run once: credguard rotate {quote(lacking[0])} --yes"
    return Check("consent", FAIL, f"nobody agreed yet for {', '.join(lacking)}", fix)
