"""What persons let pass with CREDGUARD_SKIP: hooks leave notes, which come into the log here."""

import os
import sqlite3
import threading
from typing import TYPE_CHECKING

from credguard.errors import StoreError
from credguard.sources.notes import SKIPS, Taken, waiting
from credguard.store import events
from credguard.store.db import transaction

if TYPE_CHECKING:
    from credguard.app.context import Context

_WRITING_S = 0.05
"""So long a hook that has opened the file of notes may take to write its own."""


def taken(connection: sqlite3.Connection, now: float) -> set[tuple[str, str, str]]:
    """Bring what was set aside at an earlier call into the log; gives folder, place and rule.

    Raises StoreError, OSError.
    """
    aside = Taken(SKIPS)
    notes = aside.read()
    if notes is None:
        return set()
    rows = [[_shown(field) for field in note] for note in notes if len(note) == 4]
    with transaction(connection):
        for folder, place, rule, reason in rows:
            events.record(
                connection, now, "finding.skipped", folder, place=place, rule=rule, reason=reason
            )
    aside.done()
    return {(folder, place, rule) for folder, place, rule, _ in rows}


def settle(ctx: "Context") -> None:
    """Bring all of them into the log where no service runs, which does it within a second.

    Raises StoreError.
    """
    if not waiting(SKIPS):
        return
    # Here, not above: the service, which calls `taken`, needs nothing of it.
    from credguard.app.status import daemon_state

    if daemon_state() == "running":
        return
    try:
        for _ in range(3):  # what was set aside before, setting aside, and that
            taken(ctx.db, ctx.now())
            threading.Event().wait(_WRITING_S)
    except OSError as exc:
        raise StoreError(f"cannot take the notes of hooks: {exc.strerror}") from exc


def _shown(field: str) -> str:
    return os.fsencode(field).decode("utf-8", "backslashreplace")
