"""Checks that ask AWS: whether each key is accepted, and whether the clocks agree."""

from dataclasses import dataclass
from shlex import quote

from credguard.app import keys
from credguard.app.context import Context
from credguard.app.doctor import state, vault
from credguard.app.doctor.model import Check, fail, ok, unknown, warn
from credguard.errors import CredguardError, InvalidKey, NetworkDown, Throttled
from credguard.store import profiles

DEADLINE_S = 120.0
# AWS refuses a signature of more than five minutes' difference (SigV4, signing time).
_REFUSED_S, _ODD_S = 300, 60


@dataclass(frozen=True, slots=True)
class Online:
    """Key id -> profile and error (None: accepted). `skew`: seconds this clock is ahead of AWS's.

    `skipped`: why nothing was asked, empty: it was.
    """

    keys: dict[str, tuple[str, CredguardError | None]]
    skew: float | None
    wsl: bool = False
    skipped: str = ""


def gather(ctx: Context) -> Online:
    """Signs one GetCallerIdentity with each key, which needs no permission."""
    from credguard.aws import sts
    from credguard.aws.clients import server_skew

    if not state.there():
        return Online({}, None, skipped="no key is in the vault")
    found: dict[str, tuple[str, CredguardError | None]] = {}
    for each in profiles.profiles(state.store(ctx)):
        if each.key.key_id in found:
            continue
        error: CredguardError | None = None
        try:
            sts.caller_identity(keys.credentials(ctx, each.name))
        except CredguardError as exc:
            error = exc
        found[each.key.key_id] = (each.name, error)
    skipped = "" if found else "no key is in the vault"
    answered = any(not isinstance(error, NetworkDown) for _, error in found.values())
    return Online(found, server_skew() if answered else None, vault.wsl(), skipped)


def accepted(facts: Online) -> list[Check]:
    """Whether AWS takes each key."""
    if facts.skipped:
        return [unknown(facts.skipped, "run: credguard import --all")]
    checks = []
    for key_id, (name, error) in facts.keys.items():
        if error is None:
            checks.append(ok(f"{name}: {key_id} is accepted"))
        elif isinstance(error, NetworkDown | Throttled):
            checks.append(unknown(f"{name}: {error}", error.hint))
        else:
            fix = error.hint
            if isinstance(error, InvalidKey):
                fix += f"\nwhat a rotation would need: credguard doctor rotation {quote(name)}"
            checks.append(fail(f"{name}: {error}", fix))
    return checks


def clock(facts: Online) -> list[Check]:
    """Whether this machine's clock is AWS's."""
    if facts.skipped:
        return []
    if facts.skew is None:
        return [unknown("no answer of AWS told its time", "check the network")]
    seconds = round(abs(facts.skew))
    way = "ahead of" if facts.skew > 0 else "behind"
    said = f"this clock is {seconds} s {way} that of AWS"
    fix = "run: sudo hwclock -s" if facts.wsl else "run: sudo timedatectl set-ntp true"
    if seconds >= _REFUSED_S:
        return [fail(f"{said}, which refuses signatures from 300 s on", fix)]
    return [warn(said, fix)] if seconds >= _ODD_S else [ok("the clocks agree")]
