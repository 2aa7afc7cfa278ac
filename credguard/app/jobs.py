"""The table of periodic jobs, most urgent first: who has one more adds its line here.

`credguard.app.tick` runs those that are due, in a short-lived process, in this order.
"""

from credguard.app import leak_tick, own, reminders, rotate_tick, vault_check
from credguard.app.context import Context
from credguard.app.periodic import Job, Note


def _fingerprints(ctx: Context) -> list[Note]:
    own.refresh(ctx)
    return []


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
    Job("passwords", "remind of old console passwords", reminders.old_passwords),
    Job("vault", "see whether the vault holds what it should", vault_check.run, every="1d"),
)
