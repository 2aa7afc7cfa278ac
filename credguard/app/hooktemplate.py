"""Hooks by way of git's template folder: every repository made or cloned from now on gets them.

https://git-scm.com/docs/git-init#_template_directory. Unlike core.hooksPath nothing is taken from
anyone: a repository gets copies, and hook managers do with them as with any hook.
"""

import os
import shutil
import tempfile

from credguard import paths
from credguard.app.context import Context
from credguard.app.hookfiles import install_one, make_inbox, remove_one
from credguard.app.hookshim import INSTALLED, shim
from credguard.errors import GitError
from credguard.sources.git import run
from credguard.store import hooks as store

_SETTING = "init.templateDir"
_COPIED = ("branches", "description", "hooks", "info")


def _ours() -> str:
    return os.path.join(paths.data_dir(), "template")


def _setting() -> str | None:
    value = run(paths.home(), "config", "--global", "--null", "--get", _SETTING, ok=(0, 1))
    return os.fsdecode(value.rstrip(b"\0")) or None


def install(ctx: Context) -> list[str]:
    """Put the hooks into the template folder that git uses, or make one; gives notes.

    Safe to repeat; a crash midway leaves git's setting as it was or working. Raises GitError,
    StoreError.
    """
    current = _setting()
    own = current is None or current == _ours()
    folder = _ours() if own else os.path.expanduser(str(current))
    hooks = os.path.join(folder, "hooks")
    notes: list[str] = []
    paths.private_dir(paths.data_dir())
    store.add(ctx.db, store.Hook(store.TEMPLATE, hooks, None if own else current), ctx.now())
    try:
        if own and not os.path.isdir(folder):
            _copy_default(folder)
        os.makedirs(hooks, exist_ok=True)
        make_inbox()
        for name in INSTALLED:
            install_one(hooks, name, shim(name), notes)
    except OSError as exc:
        raise GitError(f"cannot install the hooks in {hooks}: {exc.strerror}") from exc
    if own:
        run(paths.home(), "config", "--global", _SETTING, folder)
    else:
        notes.append(f"added to your template folder {folder}")
    return [
        *notes,
        "repositories that exist get them by: git init (again), or credguard hook install",
    ]


def _copy_default(folder: str) -> None:
    """What git would have put into a new repository, so that ours takes nothing away."""
    with tempfile.TemporaryDirectory(dir=paths.data_dir()) as scratch:
        run(scratch, "init", "-q", "new")
        made = os.path.join(scratch, "template")
        os.mkdir(made, 0o755)
        for name in _COPIED:
            source = os.path.join(scratch, "new", ".git", name)
            if os.path.isdir(source):
                shutil.copytree(source, os.path.join(made, name))
            elif os.path.isfile(source):
                shutil.copy2(source, made)
        os.rename(made, folder)


def uninstall(ctx: Context) -> list[str]:
    """Take the hooks out of the template folder; repositories keep the copies that they have.

    Gives notes. Nothing installed: no error. Raises GitError, StoreError.
    """
    known = store.get(ctx.db, store.TEMPLATE)
    if known is None:
        return []
    notes: list[str] = []
    if _setting() == _ours():
        run(paths.home(), "config", "--global", "--unset", _SETTING)
    try:
        if known.hooks_path == os.path.join(_ours(), "hooks"):
            shutil.rmtree(_ours(), ignore_errors=True)
        else:
            for name in INSTALLED:
                remove_one(known.hooks_path, name, notes)
    except OSError as exc:
        raise GitError(f"cannot remove the hooks from {known.hooks_path}: {exc.strerror}") from exc
    store.remove(ctx.db, store.TEMPLATE)
    return [
        *notes,
        "repositories made meanwhile keep their hooks: credguard hook uninstall in each",
    ]


def installed(ctx: Context) -> bool:
    """Whether git's template folder has our hooks now. Raises GitError, StoreError."""
    known = store.get(ctx.db, store.TEMPLATE)
    current = _setting()
    return (
        known is not None
        and current is not None
        and os.path.join(os.path.expanduser(current), "hooks") == known.hooks_path
        and os.path.isfile(os.path.join(known.hooks_path, "pre-commit"))
    )
