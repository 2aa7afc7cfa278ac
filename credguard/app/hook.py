"""Install, remove and look at git hooks, for one repository or for all of this user's.

A hook that is already there is kept beside ours as NAME.before-credguard, runs after ours, and
comes back as it was on uninstall. Ours are recognised by their second line.
"""

import os
from dataclasses import dataclass, field

from credguard import paths
from credguard.app import hookconfig, hooktemplate
from credguard.app.context import Context
from credguard.app.hookfiles import (
    Place,
    install_one,
    is_ours,
    make_inbox,
    place_around,
    place_of_ours,
    read,
    remove_one,
    setting,
)
from credguard.app.hookshim import INSTALLED, shim
from credguard.atomic import write_private
from credguard.errors import GitError
from credguard.sources.git import run
from credguard.store import hooks as store

_ALL = (
    "applypatch-msg",
    "commit-msg",
    "fsmonitor-watchman",
    "p4-changelist",
    "p4-post-changelist",
    "p4-pre-submit",
    "p4-prepare-changelist",
    "post-applypatch",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "post-receive",
    "post-rewrite",
    "post-update",
    "pre-applypatch",
    "pre-auto-gc",
    "pre-commit",
    "pre-merge-commit",
    "pre-push",
    "pre-rebase",
    "pre-receive",
    "prepare-commit-msg",
    "proc-receive",
    "push-to-checkout",
    "reference-transaction",
    "sendemail-validate",
    "update",
)


@dataclass(frozen=True, slots=True)
class Status:
    """`state`: installed, partly, shadowed (git looks elsewhere) or absent.

    `configured`: the hooks that git's configuration names, which run before those of the folder.
    `by_config`: it is by these alone that git runs ours.
    """

    repository: str
    hooks_path: str
    state: str
    global_: bool
    configured: list[hookconfig.Configured] = field(default_factory=list)
    by_config: bool = False


def install(ctx: Context, repository: str | None, *, global_: bool) -> list[str]:
    """Install the hooks around `repository` (None: here), or for every repository of this user.

    Gives notes for the person. Safe to repeat; a crash midway leaves the earlier hook or ours in
    force, and repeating it completes. Raises GitError, StoreError.
    """
    if global_:
        return _install_global(ctx)
    place = place_around(repository)
    if place.folder == _global_folder():
        return ["the global hook covers this repository already"]
    notes = _where(place)
    try:
        os.makedirs(place.folder, exist_ok=True)
        make_inbox()
        store.add(ctx.db, store.Hook(place.key, place.folder, None), ctx.now())
        for name in INSTALLED:
            install_one(place.folder, name, shim(name), notes)
    except OSError as exc:
        raise GitError(f"cannot install the hook in {place.folder}: {exc.strerror}") from exc
    return notes


def _where(place: Place) -> list[str]:
    """Notes on a core.hooksPath that applies here; refuses one that serves every repository."""
    args = ("config", "--show-scope", "--get", "core.hooksPath")
    scope = run(place.top, *args, hooks=True, ok=(0, 1)).split(b"\t")[0]
    if not scope:
        return _linked(place)
    if scope in (b"global", b"system"):
        raise GitError(
            f"git takes the hooks of every repository from {place.folder}",
            hint="credguard hook install --global keeps those hooks and adds ours",
        )
    if os.path.commonpath([place.top, place.folder]) != place.top:
        return [f"core.hooksPath is set: installed in {place.folder}"]
    return [
        (
            f"core.hooksPath is set: installed in {place.folder}, inside the work tree; if a hook"
            " manager writes that folder again (husky: npm install), install again"
        )
    ]


def _linked(place: Place) -> list[str]:
    if not os.path.islink(place.folder):
        return []
    top, real = os.path.realpath(place.top), os.path.realpath(place.folder)
    if os.path.commonpath([top, real]) != top or ".git" in os.path.relpath(real, top).split(os.sep):
        return []
    return [
        (
            f"{place.folder} is a link to {real}, inside the work tree: do not commit what is there"
            " now, it holds paths of this machine"
        )
    ]


def _global_folder() -> str:
    return os.path.join(paths.data_dir(), "hooks")


def _install_global(ctx: Context) -> list[str]:
    folder = _global_folder()
    known = store.get(ctx.db, store.GLOBAL)
    previous = setting(paths.home(), "--global")
    if known is not None and previous is not None and os.path.expanduser(previous) == folder:
        previous = known.previous
    chain_to = _chain_folder(previous, folder)
    if known is None or known.previous != previous:  # new, or another tool has set its own since
        paths.private_dir(paths.data_dir())
        store.remove(ctx.db, store.GLOBAL)
        store.add(ctx.db, store.Hook(store.GLOBAL, folder, previous), ctx.now())
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        make_inbox()
        for name in _ALL:
            data = shim(name, global_=True, chain_to=chain_to)
            write_private(os.path.join(folder, name), data, 0o755)
        everywhere = hookconfig.install(folder)
    except OSError as exc:
        raise GitError(f"cannot install the hooks in {folder}: {exc.strerror}") from exc
    run(paths.home(), "config", "--global", "core.hooksPath", folder, hooks=True)
    notes = []
    if not everywhere:
        notes.append(
            "a repository with an own core.hooksPath (husky) is not covered: install there too"
        )
    if chain_to is not None:
        notes.append(f"the hooks in {chain_to} still run, after ours")
    return notes


def _chain_folder(previous: str | None, ours: str) -> str | None:
    """The folder that git would take every repository's hooks from without us; None: their own."""
    if previous is None:
        previous = setting(paths.home(), "--system")
    if previous is None or previous == ours:
        return None
    return os.path.expanduser(previous)


def uninstall(ctx: Context, repository: str | None, *, global_: bool) -> list[str]:
    """Remove our hooks and put back what was there; gives notes. Nothing installed: no error.

    Raises GitError, StoreError. A crash midway leaves the record, so repeating it completes.
    """
    if global_:
        return _uninstall_global(ctx)
    place = place_around(repository)
    hook = store.get(ctx.db, place.key)
    folders = {place.folder, hook.hooks_path if hook else place.folder}
    notes: list[str] = []
    for folder in sorted(folders - {_global_folder()}):
        _remove_from(folder, notes)
    store.remove(ctx.db, place.key)
    return notes


def _remove_from(folder: str, notes: list[str]) -> None:
    try:
        for name in INSTALLED:
            remove_one(folder, name, notes)
    except OSError as exc:
        raise GitError(f"cannot remove the hook from {folder}: {exc.strerror}") from exc


def _uninstall_global(ctx: Context) -> list[str]:
    folder = _global_folder()
    known = store.get(ctx.db, store.GLOBAL)
    current = setting(paths.home(), "--global")
    notes: list[str] = []
    if current == folder:
        args = ("--unset", "core.hooksPath")
        if known is not None and known.previous is not None:
            args = ("core.hooksPath", known.previous)
        run(paths.home(), "config", "--global", *args, hooks=True)
    elif known is not None and current is not None:
        notes.append(f"core.hooksPath was changed to {current} since and stays")
    try:
        hookconfig.uninstall(folder)
        for name in _ALL:
            path = os.path.join(folder, name)
            if is_ours(path):
                os.unlink(path)
        if os.path.isdir(folder) and not os.listdir(folder):
            os.rmdir(folder)
    except OSError as exc:
        raise GitError(f"cannot remove the hooks from {folder}: {exc.strerror}") from exc
    store.remove(ctx.db, store.GLOBAL)
    return notes


def uninstall_all(ctx: Context) -> list[str]:
    """Remove every hook ever installed and restore core.hooksPath; gives one note a place.

    Raises GitError at the first that cannot be restored; the rest then stays recorded.
    """
    notes: list[str] = []
    for hook in store.installed(ctx.db):
        if hook.repository == store.TEMPLATE:
            notes += hooktemplate.uninstall(ctx)
            continue
        if hook.repository == store.GLOBAL:
            notes += [*_uninstall_global(ctx), "restored the global core.hooksPath"]
            continue
        if os.path.isdir(hook.hooks_path):
            _remove_from(hook.hooks_path, notes)
            notes.append(f"removed the hooks from {hook.hooks_path}")
        store.remove(ctx.db, hook.repository)
    return notes


def refresh_all(ctx: Context) -> list[str]:
    """Write this version's text into every hook of ours; gives the folders that changed.

    A hook that a person removed or replaced since stays so. Safe to repeat. Raises GitError.
    """
    changed = []
    for hook in store.installed(ctx.db):
        global_ = hook.repository == store.GLOBAL
        chain_to = _chain_folder(hook.previous, hook.hooks_path) if global_ else None
        folder = hook.hooks_path
        if not os.path.isdir(folder):
            continue
        if global_ and hookconfig.refresh(folder):
            changed.append(folder)
        # An earlier version had two hooks for a repository; the rest is this version's to add.
        early = not global_ and {name for name in INSTALLED if is_ours(f"{folder}/{name}")} == {
            "pre-commit",
            "pre-merge-commit",
        }
        try:
            for name in _ALL if global_ else INSTALLED:
                path = os.path.join(folder, name)
                data = shim(name, global_=global_, chain_to=chain_to)
                if is_ours(path) and read(path) != data:
                    write_private(path, data, 0o755)
                    changed.append(folder)
                elif early and not os.path.lexists(path):
                    install_one(folder, name, data, [])
        except OSError as exc:
            raise GitError(f"cannot renew the hooks in {folder}: {exc.strerror}") from exc
    return list(dict.fromkeys(changed))


def status(ctx: Context, repository: str | None) -> Status:
    """Whether git runs our hooks around `repository` (None: here). Raises GitError, StoreError."""
    place = place_around(repository)
    hooks = [os.path.join(place.folder, name) for name in INSTALLED]
    ours = [
        (found := place_of_ours(path)) is not None
        and os.access(found, os.X_OK)
        and os.access(path, os.X_OK)
        for path in hooks
    ]
    state = "installed" if all(ours) else "partly" if any(ours) else "absent"
    if state == "absent" and (store.get(ctx.db, place.key) or store.get(ctx.db, store.GLOBAL)):
        state = "shadowed"
    configured = hookconfig.configured(place.top)
    by_config = state != "installed" and hookconfig.covers(configured)
    return Status(
        place.top, place.folder, "installed" if by_config else state,
        place.folder == _global_folder(), configured, by_config,
    )  # fmt: skip
