"""Use case: move everything into another vault, with no instant at which a secret is lost.

Order: what is under way is written down (migration.json in the state folder), every item is copied
and read back, all are compared once more, the settings name the new vault, the old items go. Before
the switch the old vault holds everything, after it the new one does; a crash at any point leaves
one of the two, and running it again goes on. Nothing is deleted whose value the other vault does
not hold.

Rotations are kept out by their own locks, and look again for the vault once they have theirs; so
does whatever else stores a secret (Context.writing).
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from credguard import config as settings
from credguard import paths
from credguard.app import items
from credguard.app.context import Context
from credguard.app.rotate import rotation_midway, users
from credguard.app.rotate_guard import alone
from credguard.app.settings import moved
from credguard.atomic import locked, sync_dir, write_private
from credguard.errors import CredguardError, StoreError, VaultCorrupt, VaultError, VaultLocked
from credguard.secret import Secret
from credguard.store import events, profiles
from credguard.vault.base import Vault, check
from credguard.vault.select import open_vault

Opener = Callable[[str], Vault]
# What is done ("copied", "removed"), how many of how many.
OnItem = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a migration did, or with a dry run would do.

    `copied`: items now in the new vault; `missing`: indexed, and in neither vault; `left`: still in
    the old vault, since kept or since their value there is another.
    """

    source: str
    target: str
    copied: list[str]
    missing: list[str]
    left: list[str]


@dataclass(frozen=True, slots=True)
class _Note:
    source: str
    target: str


def _nothing(_what: str, _done: int, _of: int) -> None:
    return


def migrate(
    ctx: Context,
    target: str,
    *,
    dry_run: bool = False,
    keep: bool = False,
    force: bool = False,
    on_item: OnItem = _nothing,
    open_: Opener = open_vault,
) -> Migrated:
    """Make `target` the vault that holds everything; the old one is emptied unless `keep`.

    `force`: values that the target holds already under the same names are replaced. After a crash
    run it again, with the same target to go on or with the earlier vault to undo it. Raises
    Busy (a rotation runs), VaultError, ConfigError, StoreError; the settings then name a vault that
    holds everything.
    """
    if target not in settings.BACKENDS:
        raise CredguardError(
            f"there is no vault {target!r}",
            hint="one of: " + ", ".join(sorted(settings.BACKENDS)),
        )
    with contextlib.nullcontext() if dry_run else _alone(ctx):  # its locks are files
        current = settings.load().vault.backend
        note = _noted()
        if note is not None:
            _check(note, current, target)
        if note is not None and target == current:
            old = note.source if note.target == current else note.target
            return _finish(ctx, open_(old), open_(current), (old, current), keep, dry_run, on_item)
        if target == current:
            raise CredguardError(f"the vault is {target} already", hint="name another: --to")
        source_vault, target_vault = open_(current), open_(target)
        plan = _plan(ctx, source_vault, target_vault, force=force or note is not None)
        if dry_run:
            copied = list(plan.found)
            return Migrated(current, target, copied, plan.missing, copied if keep else [])
        if note is None:
            # One that takes nothing would leave a migration that cannot be ended.
            check(target_vault)
        _note(_Note(current, target))
        try:
            _copy(plan, target_vault, on_item)
            settings.set_value("vault.backend", target)
            events.record(ctx.db, ctx.now(), "vault.migrated", target, source=current)
            return _finish(ctx, source_vault, target_vault, (current, target), keep, False, on_item)
        except VaultLocked as exc:
            # `credguard unlock` opens the vault of the settings, which may be the other one.
            exc.hint = _again(target)
            raise


def _again(target: str) -> str:
    return (
        f"nothing is lost: everything is in {settings.load().vault.backend}; open the locked one by"
        f" its own dialog, then go on: credguard vault migrate --to {target}"
    )


def _check(note: _Note, current: str, target: str) -> None:
    """Raise CredguardError when the migration under way is another one."""
    midway = f"a migration from {note.source} to {note.target} is midway"
    if current not in (note.source, note.target):
        raise CredguardError(
            f"{midway}, and the settings name {current or 'no vault'}",
            hint=f"run: credguard config set vault.backend {note.source}; then this again",
        )
    if target not in (note.source, note.target):
        again = "credguard vault migrate --to"
        hint = f"end it: {again} {note.target}; or undo it: {again} {note.source}"
        raise CredguardError(midway, hint=hint)


@contextlib.contextmanager
def _alone(ctx: Context) -> Iterator[None]:
    """No other migration, and no rotation of any user."""
    paths.private_dir(paths.state_dir())
    with contextlib.ExitStack() as held:
        held.enter_context(
            locked(paths.lock_file("migrate"), 1.0, "another credguard migrates the vault")
        )
        for identity in sorted({*users(ctx), *rotation_midway(ctx)}):
            held.enter_context(alone(identity, *profiles.user_ids(ctx.db, identity)))
        yield


@dataclass(frozen=True, slots=True)
class _Plan:
    found: dict[str, Secret]
    missing: list[str]
    there: set[str]  # in the target with this value already


def _names(ctx: Context, vault: Vault) -> items.Items:
    """The known items, and the keys that only the profiles' notes name."""
    known = items.known(ctx)
    more = [items.behind(vault, each) for each in known.likely if each.startswith("profile/")]
    likely = [each for each in (*known.likely, *more) if each and each not in known.listed]
    return items.Items(known.listed, list(dict.fromkeys(likely)))


def _plan(ctx: Context, source: Vault, target: Vault, *, force: bool) -> _Plan:
    """Every item with its value. Raises VaultError: another value is there, and not `force`."""
    names = _names(ctx, source)
    found: dict[str, Secret] = {}
    missing, other, same = [], [], set()
    for item in names.all:
        secret = source.get(item)
        if secret is not None:
            found[item] = secret
        elif item in names.listed:
            missing.append(item)
    for item, secret in found.items():
        there = target.get(item)
        if there == secret:
            same.add(item)
        elif there is not None and not item.startswith("profile/"):
            other.append(item)
    if other and not force:
        raise VaultError(
            f"the vault {target.name} holds another value of {', '.join(other)}",
            hint="add --force to replace it there, or take it out of that vault first",
        )
    return _Plan(found, missing, same)


def _copy(plan: _Plan, target: Vault, on_item: OnItem) -> None:
    for done, (item, secret) in enumerate(plan.found.items(), 1):
        if item not in plan.there:
            target.put(item, secret)
        on_item("copied", done, len(plan.found))
    for item, secret in plan.found.items():
        if target.get(item) != secret:
            raise VaultCorrupt(f"the vault {target.name} gives back another value of {item}")


def _finish(
    ctx: Context,
    old: Vault,
    new: Vault,
    names: tuple[str, str],
    keep: bool,
    dry_run: bool,
    on_item: OnItem,
) -> Migrated:
    """Empty `old` of what `new` holds too, and forget that a migration is under way."""
    known = _names(ctx, new)
    values = {item: value for item in known.all if (value := new.get(item)) is not None}
    copied = list(values)
    left, missing = [], [item for item in known.listed if item not in copied]
    for done, item in enumerate(known.all, 1):
        value = old.get(item)
        if value is None:
            continue
        if item in missing:
            # Written there by a program that keeps no lock: it must not be lost.
            missing.remove(item)
            copied.append(item)
            if not dry_run:
                new.put(item, value)
            values[item] = value
        if keep or (values.get(item) != value and not item.startswith("profile/")):
            left.append(item)
        elif not dry_run:
            old.delete(item)
            on_item("removed", done, len(known.all))
    if not dry_run:
        if names[0] == "file" and not keep:
            remove = getattr(old, "remove_if_empty", None)
            if remove is not None:
                remove()
        moved(ctx)
        _forget()
    return Migrated(names[0], names[1], copied, missing, left)


def _file() -> str:
    return os.path.join(paths.state_dir(), "migration.json")


def _noted() -> _Note | None:
    try:
        with open(_file(), encoding="utf-8") as file:
            row = json.load(file)
        return _Note(str(row["from"]), str(row["to"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise StoreError(
            f"cannot read {_file()}: {getattr(exc, 'strerror', None) or 'it is damaged'}",
            hint="delete it, then run it again: everything is in the vault that the settings name",
        ) from exc


def _note(note: _Note) -> None:
    text = json.dumps({"from": note.source, "to": note.target})
    try:
        write_private(_file(), text.encode())
    except OSError as exc:
        raise StoreError(f"cannot write {_file()}: {exc.strerror}") from exc


def _forget() -> None:
    try:
        os.unlink(_file())
        sync_dir(paths.state_dir())
    except FileNotFoundError:
        pass
    except OSError as exc:
        raise StoreError(f"cannot delete {_file()}: {exc.strerror}") from exc
