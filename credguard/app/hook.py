"""Install, remove and look at git hooks, for one repository or for all of this user's.

A hook that is already there is kept beside ours as NAME.before-credguard, runs after ours, and
comes back as it was on uninstall. Ours are recognised by their second line.
"""

import os
from dataclasses import dataclass

from credguard import paths
from credguard.app.context import Context
from credguard.app.hookshim import CHECKED, KEPT, MARK, shim
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
class Place:
    """A repository: `key` names it in the store, `folder` is where git looks for hooks."""

    key: str
    top: str
    folder: str


@dataclass(frozen=True, slots=True)
class Status:
    """`state`: installed, partly, shadowed (git looks elsewhere) or absent."""

    repository: str
    hooks_path: str
    state: str
    global_: bool


def _line(output: bytes) -> str:
    return os.fsdecode(output.removesuffix(b"\n"))


def _setting(cwd: str, *args: str) -> str | None:
    value = run(cwd, "config", "--null", *args, "--get", "core.hooksPath", hooks=True, ok=(0, 1))
    return os.fsdecode(value.rstrip(b"\0")) if value else None


def _place(repository: str | None) -> Place:
    cwd = os.path.abspath(repository or ".")
    if not os.path.isdir(cwd):
        raise GitError(f"{cwd} is not a folder")
    try:
        bare, inside = run(
            cwd, "rev-parse", "--is-bare-repository", "--is-inside-work-tree"
        ).split()
    except GitError as exc:
        if "not a git repository" not in str(exc):
            raise
        raise GitError(
            f"{cwd} is not in a git repository", hint="run: git init, or name a repository"
        ) from exc
    if bare == b"true":
        raise GitError(
            f"{cwd} is a bare repository: nothing is committed there",
            hint="install the hook in a clone of it",
        )
    if inside != b"true":
        raise GitError(f"{cwd} is a git folder, not a work tree", hint="name the work tree")
    top = _line(run(cwd, "rev-parse", "--show-toplevel"))
    common = os.path.join(top, _line(run(top, "rev-parse", "--git-common-dir")))
    folder = os.path.join(top, _line(run(top, "rev-parse", "--git-path", "hooks", hooks=True)))
    key = (
        common
        if folder == os.path.join(common, "hooks")
        else _line(run(top, "rev-parse", "--absolute-git-dir"))
    )
    return Place(os.path.realpath(key), top, os.path.normpath(folder))


def _is_ours(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            file.readline(400)
            return file.readline(400).startswith(MARK)
    except OSError:
        return False


def _keep(path: str, notes: list[str]) -> None:
    """Keep the foreign hook at `path` under its other name, without a moment in which none runs."""
    kept = path + KEPT
    if os.path.lexists(kept):
        if os.path.samestat(os.lstat(kept), os.lstat(path)):
            return  # an earlier install was interrupted here
        number = 1
        while os.path.lexists(f"{kept}.{number}"):
            number += 1
        os.rename(kept, f"{kept}.{number}")
        notes.append(f"an older kept hook is now {kept}.{number}")
    os.link(path, kept, follow_symlinks=False)
    notes.append(f"the existing hook stays: {kept} runs after ours")


def _install_one(folder: str, name: str, data: bytes, notes: list[str]) -> None:
    path = os.path.join(folder, name)
    if os.path.isdir(path):
        raise GitError(f"{path} is a folder", hint="move it away")
    if os.path.lexists(path) and not _is_ours(path):
        _keep(path, notes)
    write_private(path, data, 0o755)


def _remove_one(folder: str, name: str, notes: list[str]) -> None:
    path = os.path.join(folder, name)
    kept = path + KEPT
    if not os.path.lexists(path) or _is_ours(path):
        if os.path.lexists(kept):
            os.replace(kept, path)
        elif os.path.lexists(path):
            os.unlink(path)
    elif os.path.lexists(kept):
        notes.append(f"{path} was changed since and stays; the earlier hook is {kept}")


def install(ctx: Context, repository: str | None, *, global_: bool) -> list[str]:
    """Install the hooks around `repository` (None: here), or for every repository of this user.

    Gives notes for the person. Safe to repeat; a crash midway leaves the earlier hook or ours in
    force, and repeating it completes. Raises GitError, StoreError.
    """
    if global_:
        return _install_global(ctx)
    place = _place(repository)
    if place.folder == _global_folder():
        return ["the global hook covers this repository already"]
    notes = _where(place)
    try:
        os.makedirs(place.folder, exist_ok=True)
        store.add(ctx.db, store.Hook(place.key, place.folder, None), ctx.now())
        for name in CHECKED:
            _install_one(place.folder, name, shim(name), notes)
    except OSError as exc:
        raise GitError(f"cannot install the hook in {place.folder}: {exc.strerror}") from exc
    return notes


def _where(place: Place) -> list[str]:
    """Notes on a core.hooksPath that applies here; refuses one that serves every repository."""
    args = ("config", "--show-scope", "--get", "core.hooksPath")
    scope = run(place.top, *args, hooks=True, ok=(0, 1)).split(b"\t")[0]
    if not scope:
        return []
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


def _global_folder() -> str:
    return os.path.join(paths.data_dir(), "hooks")


def _install_global(ctx: Context) -> list[str]:
    folder = _global_folder()
    known = store.get(ctx.db, store.GLOBAL)
    previous = _setting(paths.home(), "--global")
    chain_to = _chain_folder(previous if known is None else known.previous, folder)
    if known is None:
        paths.private_dir(paths.data_dir())
        store.add(ctx.db, store.Hook(store.GLOBAL, folder, previous), ctx.now())
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        for name in _ALL:
            data = shim(name, global_=True, chain_to=chain_to)
            write_private(os.path.join(folder, name), data, 0o755)
    except OSError as exc:
        raise GitError(f"cannot install the hooks in {folder}: {exc.strerror}") from exc
    run(paths.home(), "config", "--global", "core.hooksPath", folder, hooks=True)
    notes = ["a repository with an own core.hooksPath (husky) is not covered: install there too"]
    if chain_to is not None:
        notes.append(f"the hooks in {chain_to} still run, after ours")
    return notes


def _chain_folder(previous: str | None, ours: str) -> str | None:
    """The folder that git would take every repository's hooks from without us; None: their own."""
    if previous is None:
        previous = _setting(paths.home(), "--system")
    if previous is None or previous == ours:
        return None
    return os.path.expanduser(previous)


def uninstall(ctx: Context, repository: str | None, *, global_: bool) -> list[str]:
    """Remove our hooks and put back what was there; gives notes. Nothing installed: no error.

    Raises GitError, StoreError. A crash midway leaves the record, so repeating it completes.
    """
    if global_:
        return _uninstall_global(ctx)
    place = _place(repository)
    hook = store.get(ctx.db, place.key)
    folders = {place.folder, hook.hooks_path if hook else place.folder}
    notes: list[str] = []
    for folder in sorted(folders - {_global_folder()}):
        _remove_from(folder, notes)
    store.remove(ctx.db, place.key)
    return notes


def _remove_from(folder: str, notes: list[str]) -> None:
    try:
        for name in CHECKED:
            _remove_one(folder, name, notes)
    except OSError as exc:
        raise GitError(f"cannot remove the hook from {folder}: {exc.strerror}") from exc


def _uninstall_global(ctx: Context) -> list[str]:
    folder = _global_folder()
    known = store.get(ctx.db, store.GLOBAL)
    current = _setting(paths.home(), "--global")
    notes: list[str] = []
    if current == folder:
        args = ("--unset", "core.hooksPath")
        if known is not None and known.previous is not None:
            args = ("core.hooksPath", known.previous)
        run(paths.home(), "config", "--global", *args, hooks=True)
    elif known is not None and current is not None:
        notes.append(f"core.hooksPath was changed to {current} since and stays")
    try:
        for name in _ALL:
            path = os.path.join(folder, name)
            if _is_ours(path):
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
        try:
            for name in _ALL if global_ else CHECKED:
                path = os.path.join(folder, name)
                data = shim(name, global_=global_, chain_to=chain_to)
                if _is_ours(path) and _read(path) != data:
                    write_private(path, data, 0o755)
                    changed.append(folder)
        except OSError as exc:
            raise GitError(f"cannot renew the hooks in {folder}: {exc.strerror}") from exc
    return list(dict.fromkeys(changed))


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def status(ctx: Context, repository: str | None) -> Status:
    """Whether git runs our hooks around `repository` (None: here). Raises GitError, StoreError."""
    place = _place(repository)
    ours = [
        _is_ours(os.path.join(place.folder, name))
        and os.access(os.path.join(place.folder, name), os.X_OK)
        for name in CHECKED
    ]
    state = "installed" if all(ours) else "partly" if any(ours) else "absent"
    if state == "absent" and (store.get(ctx.db, place.key) or store.get(ctx.db, store.GLOBAL)):
        state = "shadowed"
    return Status(place.top, place.folder, state, place.folder == _global_folder())
