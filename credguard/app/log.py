"""Use case: one time-ordered view over events and hand-outs, and whether it was tampered with."""

import re
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from credguard import config as settings
from credguard.app.context import Context
from credguard.errors import CredguardError, UnknownProfile
from credguard.report.log import SENTENCES, Entry
from credguard.store import chain, events, handouts, profiles

HANDOUT = "handout"
FAMILIES = frozenset(kind.split(".")[0] for kind in SENTENCES)
_POLL_S = 0.5
_DAYS = {"today": 0, "yesterday": 1}
_DURATION = re.compile(r"\d+[smhdw]\Z")


@dataclass(frozen=True, slots=True)
class Query:
    """Which entries. `kinds`: families or whole kinds, empty: all.

    `since`, before `until`: Unix seconds; None: no bound.
    """

    limit: int = 50
    profile: str | None = None
    kinds: frozenset[str] = frozenset()
    key_id: str | None = None
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """The newest rows that were read: where following goes on."""

    event_id: int = 0
    handout_id: int = 0


def moment(text: str, now: float) -> float:
    """Unix seconds of "7d" ago, of an ISO date or time, or of "today" or "yesterday".

    Local unless it names a zone. Raises CredguardError for anything else.
    """
    try:
        if text in _DAYS:
            here = datetime.fromtimestamp(now, UTC).astimezone()
            day = here.date() - timedelta(days=_DAYS[text])
            return datetime.fromisoformat(day.isoformat()).timestamp()
        if _DURATION.match(text):
            return now - settings.seconds(text)
        return datetime.fromisoformat(text).timestamp()
    except (CredguardError, ValueError, OverflowError, OSError) as exc:
        raise CredguardError(
            f"{text!r} is neither a duration nor a date",
            hint="such as 7d, 12h, yesterday or 2026-11-01",
        ) from exc


def entries(ctx: Context, query: Query) -> list[Entry]:
    """The newest entries that fit, newest last. Raises StoreError, UnknownProfile, CredguardError.

    A profile that nothing is known of, and a kind that nothing ever had, are errors: an empty log
    would pass for "nothing happened".
    """
    _check(ctx, query)
    return _read(ctx, query, Place())[0]


def follow(ctx: Context, query: Query) -> Iterator[Entry]:
    """As entries, then every further one as it is recorded; ends only by interruption."""
    _check(ctx, query)
    found, place = _read(ctx, query, Place())
    yield from found
    every = Query(-1, query.profile, query.kinds, query.key_id, query.since)
    version = None
    while True:
        threading.Event().wait(_POLL_S)
        # Changes only when another connection wrote.
        newest = ctx.db.execute("PRAGMA data_version").fetchone()[0]
        if newest != version:
            version = newest
            found, place = _read(ctx, every, place)
            yield from found


def _read(ctx: Context, query: Query, after: Place) -> tuple[list[Entry], Place]:
    db = ctx.db
    db.execute("BEGIN")  # one snapshot, so that following neither skips nor repeats a row
    try:
        found = [*_events(ctx, query, after), *_handouts(ctx, query, after)]
        place = Place(*(_newest(db, table) for table in ("event", HANDOUT)))
    finally:
        db.execute("ROLLBACK")
    found.sort(key=lambda entry: entry.at)
    return (found if query.limit < 0 else found[max(0, len(found) - query.limit) :]), place


def _newest(db: sqlite3.Connection, table: str) -> int:
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return int(row["seq"]) if row else 0


def _events(ctx: Context, query: Query, after: Place) -> list[Entry]:
    wanted = query.kinds - {HANDOUT}
    if query.kinds and not wanted:
        return []
    rows = events.recent(
        ctx.db,
        query.limit,
        families=wanted or None,
        subjects=_subjects(ctx, query.profile),
        key_id=query.key_id,
        since=query.since,
        until=query.until,
        after_id=after.event_id,
    )
    # Newest first from the store; turned, so that the sort keeps the order of equal times.
    return [Entry(each.at, each.kind, each.subject, each.detail) for each in reversed(rows)]


def _subjects(ctx: Context, profile: str | None) -> frozenset[str] | None:
    """What events about `profile` may name: itself, and the identity whose key it hands out."""
    if profile is None:
        return None
    known = [each.key.identity for each in profiles.profiles(ctx.db) if each.name == profile]
    return frozenset([profile, *known])


def _handouts(ctx: Context, query: Query, after: Place) -> list[Entry]:
    if query.kinds and HANDOUT not in query.kinds:
        return []
    rows = handouts.recent(
        ctx.db,
        query.limit,
        profile=query.profile,
        key_id=query.key_id,
        since=query.since,
        until=query.until,
        after_id=after.handout_id,
    )
    return [_handout(each) for each in reversed(rows)]


def _handout(row: handouts.Handout) -> Entry:
    detail = {
        "key_id": row.key_id,
        "how": row.how,
        "pid": row.asker.pid,
        "program": row.asker.program,
        "program_started": row.asker.started,
    }
    return Entry(row.at, HANDOUT, row.profile, detail)


def _check(ctx: Context, query: Query) -> None:
    strange = {kind.split(".")[0] for kind in query.kinds} - FAMILIES
    strange -= events.families(ctx.db) if strange else set()
    if strange:
        raise CredguardError(
            f"nothing of kind {', '.join(sorted(strange))} is in the log",
            hint=f"kinds: {', '.join(sorted(FAMILIES))}",
        )
    name = query.profile
    if name is None or any(each.name == name for each in profiles.profiles(ctx.db)):
        return
    subject = frozenset([name])
    if not events.recent(ctx.db, 1, subjects=subject) and not handouts.recent(
        ctx.db, 1, profile=name
    ):
        raise UnknownProfile(f"no profile {name!r} is in the vault, or in the log")


def verify(ctx: Context) -> dict[str, chain.Verdict]:
    """Whether events and hand-outs are as they were recorded, by table. Raises StoreError."""
    return {table: chain.verify(ctx.db, table) for table in chain.TABLES}
