"""Use case: the folders that the background service watches, and what it found in them."""

import os

from credguard.app.context import Context
from credguard.errors import CredguardError
from credguard.sources import mounts
from credguard.store import events, findings, watches

_SHORTEST_ID = 8


def add(ctx: Context, path: str) -> str:
    """Watch folder `path`; gives it absolute. A running service picks it up within seconds.

    Raises CredguardError: no such folder, or a name that is not UTF-8.
    """
    full = _full(path)
    kind = mounts.network(full)
    if kind:
        raise CredguardError(
            f"{path} lies on a network file system ({kind}), which is not watched",
            hint="the git hook works there, and: credguard scan PATH",
        )
    if not os.path.isdir(full):
        raise CredguardError(f"no folder {path}", hint="name an existing folder")
    if full == "/":
        raise CredguardError("the whole file system cannot be watched", hint="name a folder in it")
    watches.add(ctx.db, full, ctx.now())
    return full


def remove(ctx: Context, path: str) -> str:
    """Stop watching `path`; gives it absolute. Raises CredguardError: it was not watched."""
    full = _full(path)
    if not watches.remove(ctx.db, full):
        raise CredguardError(f"{full} is not watched", hint="see: credguard watch list")
    return full


def roots(ctx: Context) -> list[str]:
    """The watched folders, absolute, sorted."""
    return watches.roots(ctx.db)


def _full(path: str) -> str:
    # A server that does not answer is not asked where links lead.
    full = mounts.resolved(os.path.abspath(os.path.expanduser(path)))
    try:
        full.encode()
    except UnicodeEncodeError:
        raise CredguardError(
            f"the folder name {path!r} is not UTF-8", hint="watch its parent folder"
        ) from None
    return full


def found(ctx: Context, *, all_: bool = False) -> list[findings.StoredFinding]:
    """The secrets that the service saw in watched files; without `all_` those still open."""
    return findings.in_state(ctx.db) if all_ else findings.open_findings(ctx.db)


def allow(ctx: Context, place: str, why: str) -> list[findings.StoredFinding]:
    """Let the open findings at `place` pass from now on: a file, FILE:LINE, or a finding's id.

    Gives them. Raises CredguardError: there is none, or an own secret, which nothing lets pass.
    """
    chosen = _at(ctx, place, findings.OPEN)
    own = next((each for each in chosen if each.item), None)
    if own is not None:
        raise CredguardError(
            f"{own.path}:{own.line} holds a secret of your vault, which cannot be allowed",
            hint="take it out of the file",
        )
    findings.allow(ctx.db, [each.fingerprint for each in chosen], why)
    for each in chosen:
        events.record(
            ctx.db, ctx.now(), "finding.allowed", each.path, line=each.line, rule=each.rule_id,
            reason=why,
        )  # fmt: skip
    return chosen


def take_back(ctx: Context, place: str) -> list[findings.StoredFinding]:
    """The opposite of `allow`. Raises CredguardError: nothing there is allowed."""
    chosen = _at(ctx, place, findings.ALLOWED)
    findings.reopen(ctx.db, [each.fingerprint for each in chosen])
    return chosen


def _at(ctx: Context, place: str, state: str) -> list[findings.StoredFinding]:
    file, _, line = place.rpartition(":")
    whole = os.path.realpath(os.path.expanduser(place))
    part = os.path.realpath(os.path.expanduser(file)) if file and line.isdecimal() else None
    chosen = [
        each
        for each in findings.in_state(ctx.db, state)
        if each.path == whole
        or (each.path == part and each.line == int(line))
        or (len(place) >= _SHORTEST_ID and each.fingerprint.startswith(place))
    ]
    if not chosen:
        raise CredguardError(
            f"no {state} finding at {place}", hint="see: credguard watch findings --all"
        )
    return chosen
