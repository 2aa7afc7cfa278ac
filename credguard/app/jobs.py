"""The table of periodic jobs, most urgent first: who has one more adds its line here.

`credguard.app.tick` runs those that are due, in a short-lived process, in this order.
"""

from credguard.app import leak_tick, own, reminders, rotate_tick, vault_check
from credguard.app.context import Context
from credguard.app.periodic import Job, Note
from credguard.store import findings, profiles
from credguard.vault.base import key_item


def _findings(ctx: Context) -> list[Note]:
    """A key that was replaced is no danger where it still stands."""
    held = {key_item(key.partition, key.account, key.key_id) for key in profiles.keys(ctx.db)}
    for item in {each.item for each in findings.open_findings(ctx.db)}:
        if item.startswith("key/") and item not in held:
            findings.set_rotated(ctx.db, item, ctx.now())
    return []


def _fingerprints(ctx: Context) -> list[Note]:
    own.refresh(ctx)
    return []


def _posture(ctx: Context) -> list[Note]:
    from credguard.app import posture  # the look itself needs none of what it reads

    return posture.send(ctx)


def _audit(ctx: Context) -> list[Note]:
    from credguard.app.audit import scheduled  # brings boto3 along

    return scheduled.run(ctx)


JOBS: tuple[Job, ...] = (
    Job("leaks", "answer secrets of the vault that got out", leak_tick.run),
    Job("fingerprints", "bring the fingerprints of the vault's secrets up to date", _fingerprints),
    Job(
        "rotation",
        "replace keys that are due",
        rotate_tick.run,
        network=True,
        patience="12h",
        urgent=rotate_tick.urgent,
    ),
    Job("findings", "close what was found of keys that were replaced", _findings),
    Job("passwords", "remind of old console passwords", reminders.old_passwords),
    Job("ssh-keys", "remind of old SSH keys", reminders.old_ssh_keys),
    Job(
        "posture",
        "write this machine's posture record",
        _posture,
        every="posture.every",
        network=True,
        patience="24h",
    ),
    Job("vault", "see whether the vault holds what it should", vault_check.run, every="1d"),
    Job(
        "audit",
        "audit the account",
        _audit,
        every="audit.every",
        network=True,
        heavy=True,
        patience="2d",
    ),
)
