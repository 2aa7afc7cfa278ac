"""Use case: the past of keys, rotations and findings, read from the log and the store."""

from credguard import __version__, paths
from credguard import config as settings
from credguard.app import audits
from credguard.app.context import Context
from credguard.app.status import status
from credguard.errors import ConfigError, CredguardError
from credguard.report.history import Found, History, KeyLine, Rotation, Use
from credguard.report.users import short_names
from credguard.store import commits, events, findings, profiles
from credguard.store.events import Event

# What ends a rotation, or what a person did, in the words of report.history.KINDS.
_KINDS = {
    "rotation.switched": "replaced",
    "rotation.emergency": "emergency",
    "rotation.aborting": "given up",
    "rotation.reverting": "went back",
    "rotation.locked_out": "locked out",
}


def history(ctx: Context, since: float) -> History:
    """Everything since `since` (Unix seconds). Raises StoreError.

    Settings that cannot be read leave the age limit out.
    """
    now = ctx.now()
    if since >= now:
        raise CredguardError("the report would begin after now", hint="such as --since 180d")
    try:
        limit: float | None = settings.seconds(ctx.config.rotation.max_age)
    except ConfigError:
        limit = None
    told = events.recent(ctx.db, -1, families=frozenset({"rotation", "profile"}))[::-1]
    lines = key_lines(
        told, profiles.profiles(ctx.db), profiles.keys(ctx.db), profiles.added(ctx.db)
    )
    return History(
        since=since,
        version=__version__,
        status=status(ctx),
        max_age=limit,
        keys=lines,
        rotations=[each for each in _rotations(told, lines) if each.at >= since],
        findings=_found(ctx, since),
        in_commits=sum(each.first_seen >= since for each in commits.found(ctx.db)),
        home=paths.home(),
        audits=audits.audits(ctx, since),
    )


def key_lines(
    told: list[Event],
    here: list[profiles.Profile],
    known: list[profiles.Key],
    added: dict[str, float],
) -> list[KeyLine]:
    """Which key each IAM user's profiles handed out when. `told`: oldest first.

    A rotation's switch says it for certain; what came before the first one is told by when the key
    was put into the vault.
    """
    created = {each.key_id: each.created for each in known if each.created is not None}
    seen: dict[str, float] = {}
    owner = {each.key_id: each.identity for each in known}
    switches: dict[str, list[Event]] = {}
    for event in told:
        key_id, new_id = event.detail.get("key_id"), event.detail.get("new_id")
        if event.kind.startswith("profile.") and isinstance(key_id, str):
            seen.setdefault(key_id, event.at)
        elif event.kind == "rotation.created" and isinstance(new_id, str):
            created.setdefault(new_id, event.at)
        elif event.kind == "rotation.switched":
            switches.setdefault(event.subject, []).append(event)
    for key_id, at in added.items():
        seen[key_id] = min(at, seen.get(key_id, at))
    lines = []
    in_use = {each.key.identity: each.key for each in here}
    for identity, name in short_names(sorted({*switches, *in_use, *owner.values()})).items():
        line = KeyLine(name, identity)
        line.uses.extend(_uses(switches.get(identity, []), in_use.get(identity), created, seen))
        if line.uses:
            lines.append(line)
    return lines


def _uses(
    switches: list[Event],
    now_used: profiles.Key | None,
    created: dict[str, float],
    seen: dict[str, float],
) -> list[Use]:
    uses: list[Use] = []
    for event in switches:
        old, new = str(event.detail.get("old_id", "")), str(event.detail.get("new_id", ""))
        if uses:
            uses[-1] = _ended(uses[-1], event.at)
        elif old:
            uses.append(_ended(_use(old, created, seen, event.at), event.at))
        uses.append(_use(new, created, seen, event.at, start=event.at))
    if now_used is None:
        return [each if each.end is not None else _ended(each, each.start) for each in uses]
    if not uses or uses[-1].key_id != now_used.key_id:
        # Put in by hand: it took over when it was first seen.
        use = _use(now_used.key_id, created, seen, now_used.created or 0.0)
        if uses:
            uses[-1] = _ended(uses[-1], max(uses[-1].start, use.start))
        uses.append(use)
    return uses


def _use(
    key_id: str,
    created: dict[str, float],
    seen: dict[str, float],
    otherwise: float,
    *,
    start: float | None = None,
) -> Use:
    made = created.get(key_id)
    first = seen.get(key_id, made if made is not None else otherwise)
    if made is not None:  # it had its age before it came here
        first = min(first, made)
    begin = first if start is None else start
    return Use(key_id, begin, None, begin if made is None else made, made is not None)


def _ended(use: Use, at: float) -> Use:
    return Use(use.key_id, use.start, at, use.created, use.sure)


def _rotations(told: list[Event], lines: list[KeyLine]) -> list[Rotation]:
    names = {each.identity: each.name for each in lines}
    return [
        Rotation(
            event.at,
            names.get(event.subject) or event.subject.rsplit("/", 1)[-1],
            _KINDS[event.kind],
            str(event.detail.get("old_id") or event.detail.get("key_id") or ""),
            str(event.detail.get("new_id") or ""),
            str(event.detail.get("why") or ""),
        )
        for event in told
        if event.kind in _KINDS
    ]


def _found(ctx: Context, since: float) -> list[Found]:
    # Of one that is not open any more the time seen last is its end.
    found = [
        Found(each.first_seen, None, "")
        if each.state == findings.OPEN
        else Found(each.first_seen, each.last_seen, each.state)
        for each in findings.in_state(ctx.db)
    ]
    return [each for each in found if each.closed is None or each.closed >= since]
