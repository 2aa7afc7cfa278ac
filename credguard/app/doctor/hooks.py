"""Checks of the installed git hooks: whether git runs them, and whether their program is there."""

import contextlib
import os
import re
import shlex
from dataclasses import dataclass

from credguard import paths
from credguard.app import hook
from credguard.app.context import Context
from credguard.app.doctor import state
from credguard.app.doctor.model import Check, fail, ok, some, unknown, warn
from credguard.app.hookshim import CHECKED, INSTALLED, MARK
from credguard.errors import GitError
from credguard.sources.git import run
from credguard.store import hooks as store
from credguard.store import watches

_LARGEST = 64 << 10
_MOST_REPOSITORIES = 50
_DEPTH = 3
DEADLINE_S = 30.0
# As hooks/check.sh writes it: `if [ ! -x PYTHON ] || [ ! -f ENTRY ]; then`.
_PROGRAM = re.compile(r"^if \[ ! -x (.+) \] \|\| \[ ! -f (.+) \]; then$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Installed:
    """`state`: as hook.Status, or gone (no such repository any more) or unreadable (`why`).

    `folder`: where git takes hooks from now; `manager`: the program that put itself there, None:
    not known; `dead`: what our hooks there start and is not there.
    """

    repository: str
    state: str
    folder: str = ""
    manager: str | None = None
    dead: str | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Hooks:
    """`everywhere`: of the global hook, None: not installed; `uncovered`: as `one`, of others."""

    one: list[Installed]
    everywhere: Installed | None
    uncovered: list[Installed]


def gather(ctx: Context) -> Hooks:
    """Asks git about every recorded repository, and with a global hook about more."""
    if not state.there():
        return Hooks([], None, [])
    connection = state.store(ctx)
    rows = store.installed(connection)
    named = (store.GLOBAL, store.TEMPLATE)
    one = [_installed(ctx, _top(row.repository)) for row in rows if row.repository not in named]
    everywhere, uncovered = None, []
    for row in rows:
        if row.repository == store.GLOBAL:
            everywhere = _global(row)
            known = {each.repository for each in one}
            tops = _repositories([os.getcwd(), *watches.roots(connection)])
            looked = [_installed(ctx, top) for top in tops if top not in known]
            uncovered = [each for each in looked if each.state in ("shadowed", "partly")]
    return Hooks(one, everywhere, uncovered)


def _top(git_folder: str) -> str:
    """The work tree of a recorded git folder; the folder itself where it cannot be told."""
    if os.path.basename(git_folder) == ".git":
        return os.path.dirname(git_folder)
    with contextlib.suppress(OSError), open(os.path.join(git_folder, "gitdir")) as file:
        return os.path.dirname(file.read(4096).strip())  # of a linked work tree
    with contextlib.suppress(GitError):
        found = run(git_folder, "config", "--get", "core.worktree", ok=(0, 1)).strip()
        if found:  # of a submodule
            return os.path.normpath(os.path.join(git_folder, os.fsdecode(found)))
    return git_folder


def _installed(ctx: Context, top: str) -> Installed:
    if not os.path.isdir(top):
        return Installed(top, "gone")
    try:
        found = hook.status(ctx, top)
    except GitError as error:
        return Installed(top, "unreadable", why=str(error))
    return Installed(
        top, found.state, found.hooks_path, _manager(top, found.hooks_path), _dead(found.hooks_path)
    )


def _global(row: store.Hook) -> Installed:
    args = ("config", "--global", "--null", "--get", "core.hooksPath")
    value = run(paths.home(), *args, hooks=True, ok=(0, 1)).rstrip(b"\0")
    folder = os.path.expanduser(os.fsdecode(value))
    state_ = "installed" if folder == row.hooks_path else "shadowed"
    if state_ == "installed" and not all(_ours(os.path.join(folder, name)) for name in INSTALLED):
        state_ = "partly"
    return Installed(store.GLOBAL, state_, folder or "each repository", None, _dead(row.hooks_path))


def _ours(path: str) -> bool:
    return os.access(path, os.X_OK) and MARK in _read(path).encode()


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read(_LARGEST)
    except OSError:
        return ""


def _dead(folder: str) -> str | None:
    for name in CHECKED:
        for place in (name, f"{name}.legacy"):
            text = _read(os.path.join(folder, place))
            match = _PROGRAM.search(text) if MARK.decode() in text else None
            if match is None:
                continue
            python, entry = (shlex.split(each)[0] for each in match.groups())
            if not os.access(python, os.X_OK):
                return python
            if not os.path.isfile(entry):
                return entry
    return None


def _manager(top: str, folder: str) -> str | None:
    inside = os.path.relpath(folder, top).split(os.sep)
    if ".husky" in inside:
        return "husky"
    texts = [_read(os.path.join(folder, name)) for name in CHECKED]
    others = [text for text in texts if MARK.decode() not in text]
    if any("lefthook" in text for text in others):
        return "lefthook"
    if any("generated by pre-commit" in text for text in others):
        return "pre-commit"
    return None


def _repositories(roots: list[str]) -> list[str]:
    """The first work trees at and shortly below `roots`."""
    found: dict[str, None] = {}
    stack = [(root, 0) for root in reversed(roots)]
    while stack and len(found) < _MOST_REPOSITORIES:
        folder, depth = stack.pop()
        if os.path.exists(os.path.join(folder, ".git")):
            found[os.path.realpath(folder)] = None
            continue
        if depth == _DEPTH:
            continue
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            stack += [
                (entry.path, depth + 1)
                for entry in sorted(entries, key=lambda each: each.name)
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
            ]
    return list(found)


def installed(facts: Hooks) -> list[Check]:
    """Whether git runs each installed hook."""
    found = []
    for each in facts.one:
        if each.state == "gone":
            continue  # nothing is committed there any more
        if each.state == "unreadable":
            found.append(unknown(f"{each.repository}: {each.why}"))
        elif each.state != "installed":
            found.append(_shadowed(each))
    if facts.everywhere is not None and facts.everywhere.state != "installed":
        said = "git does not run the hook for all repositories: it takes hooks from"
        fix = "run: credguard hook install --global"
        found.append(fail(f"{said} {facts.everywhere.folder}", fix))
    if found or not (facts.one or facts.everywhere):
        return found
    return [ok("git runs them")]


def _shadowed(each: Installed) -> Check:
    fix = f"run: credguard hook install {shlex.quote(each.repository)}"
    if each.state == "partly" and each.manager:
        said = f"{each.manager} has its own in place of some of our hooks, or they are missing"
        return fail(f"{each.repository}: {said}", fix)
    if each.state == "partly":
        return fail(f"{each.repository}: some of the hooks are missing or not executable", fix)
    by = f", where {each.manager} has its own" if each.manager else ""
    said = f"{each.repository}: git runs the hooks of {each.folder}{by}, not ours"
    return fail(said, fix)


def programs(facts: Hooks) -> list[Check]:
    """Whether the program that the hooks start is there; without it every commit is refused."""
    places = [*facts.one, *([facts.everywhere] if facts.everywhere else [])]
    dead = [each for each in places if each.dead]
    found = []
    for each in dead:
        where = "--global" if each.repository == store.GLOBAL else shlex.quote(each.repository)
        said = f"the hooks of {each.repository} start {each.dead}, which is gone: no commit passes"
        found.append(fail(said, f"run: credguard hook install {where}"))
    return found or ([ok("their program is there")] if places else [])


def uncovered(facts: Hooks) -> list[Check]:
    """Repositories whose own core.hooksPath switches the global hook off."""
    if facts.everywhere is None or not facts.uncovered:
        return []
    names = [each.repository for each in facts.uncovered]
    said = f"the global hook does not run in {some(names)}: core.hooksPath is set there"
    fixes = [f"run: credguard hook install {shlex.quote(name)}" for name in names]
    return [warn(said, "\n".join(fixes))]
