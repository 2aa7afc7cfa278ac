"""Which files lie below a folder: as git tells in a repository, by walking anywhere else.

Symlinks below are not followed; FIFOs, sockets and devices are no files. Nothing is read here.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator

from credguard.errors import GitError
from credguard.scan.globs import Globs
from credguard.sources.git import printable, run

# What git and package managers keep for themselves; a person who wants it names it.
PRUNED = frozenset(
    b".git .hg .svn node_modules __pycache__ .venv .tox .nox .mypy_cache .ruff_cache"
    b" .pytest_cache .hypothesis".split()
)
# A virtual environment holds other people's packages, in one folder; beside it, where a project was
# made into one (`python -m venv .`), may stand anything.
_VENV_MARK, _PACKAGES = b"pyvenv.cfg", b"site-packages"

Listed = tuple[bytes, str]
"""A path, and why it cannot be read; the empty text: it is to be read."""


class Wanted:
    """What `--include` and `--exclude` let pass: patterns of gitignore's syntax."""

    def __init__(self, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> None:
        """No `include`: everything."""
        self._include = Globs(list(include)) if include else None
        self._exclude = Globs(list(exclude)) if exclude else None

    def __bool__(self) -> bool:
        return self._include is not None or self._exclude is not None

    def file(self, path: bytes) -> bool:
        """Whether the file `path`, relative to the folder that was named, is wanted."""
        if self._include is not None and not _matches(self._include, path):
            return False
        return self._exclude is None or not _matches(self._exclude, path)

    def folder(self, path: bytes) -> bool:
        """Whether anything below the folder `path` can be wanted."""
        return self._exclude is None or not _matches(self._exclude, path + b"/.")


def _matches(globs: Globs, path: bytes) -> bool:
    verdict = globs.decide(path)
    return verdict is not None and verdict[0]


def listed(
    top: bytes,
    wanted: Wanted,
    *,
    gitignore: bool = True,
    on_notice: Callable[[str], None] = lambda _text: None,
) -> Iterator[Listed]:
    """Each file at or below `top`, in an order that depends on the names alone.

    In a git repository with `gitignore`: every tracked file, and those that git does not ignore.
    `top` itself is always taken, ignored or not. What cannot be looked into is given with its
    problem. `on_notice` hears when git could not be asked; then everything is listed.
    """
    try:
        mode = os.stat(top).st_mode
    except (OSError, ValueError) as exc:
        yield top, getattr(exc, "strerror", None) or "not readable"
        return
    if not stat.S_ISDIR(mode):
        if wanted.file(os.path.basename(top)):
            yield top, ""
        return
    roots = _prefix(top)
    seen: set[tuple[int, int]] = set()
    for path, why in _folder(top, wanted, roots, gitignore, on_notice, seen):
        if why or not wanted or wanted.file(path[roots:]):
            yield path, why


def _prefix(top: bytes) -> int:
    """How many bytes of a path below `top` name `top` itself."""
    return len(os.path.join(top, b""))


def _folder(
    top: bytes,
    wanted: Wanted,
    prefix: int,
    gitignore: bool,
    on_notice: Callable[[str], None],
    seen: set[tuple[int, int]],
) -> Iterator[Listed]:
    """What lies below the folder `top`; repositories inside are asked for themselves."""
    if gitignore and _in_repository(top):
        try:
            entries = _of_git(top)
        except GitError as exc:
            on_notice(f"{printable(top)}: .gitignore is not honoured: {exc}")
        else:
            if entries is not None:
                for path, is_repository in entries:
                    if not is_repository:
                        yield path, ""
                    elif wanted.folder(path[prefix:]) and _first(path, seen):
                        yield from _folder(path, wanted, prefix, True, on_notice, seen)
                return
    yield from _walk(top, wanted, prefix, gitignore, on_notice, seen)


def _first(folder: bytes, seen: set[tuple[int, int]]) -> bool:
    """False for what is no folder here (a submodule not checked out), or was taken already."""
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    place = (status.st_dev, status.st_ino)
    if not stat.S_ISDIR(status.st_mode) or place in seen:
        return False
    seen.add(place)
    return True


def _in_repository(folder: bytes) -> bool:
    """Whether git could find a repository from `folder`, told without starting it."""
    folder = os.path.realpath(folder)
    while True:
        if os.path.lexists(os.path.join(folder, b".git")):
            return True
        parent = os.path.dirname(folder)
        if parent == folder:
            return False
        folder = parent


def _of_git(top: bytes) -> list[tuple[bytes, bool]] | None:
    """(path, whether a repository of its own is there) below `top`; None: git tells of nothing.

    So it is where `top` is ignored itself, and where it is a submodule that is not checked out.
    Tracked files, ignored or not, and the untracked that are not ignored. Raises GitError.
    """
    cwd = os.fsdecode(top)
    inside, place = run(cwd, "rev-parse", "--is-inside-work-tree", "--show-prefix").split(b"\n")[:2]
    if inside != b"true":
        return None  # git's own folder, or a bare repository
    if place and run(cwd, "check-ignore", ".", ok=(0, 1)):
        return None
    raw = run(cwd, "ls-files", "-c", "-o", "-s", "-t", "-z", "--exclude-standard")
    tracked: dict[bytes, bool] = {}
    others: list[bytes] = []
    for line in raw.split(b"\0"):
        if line.startswith(b"? "):
            others.append(line[2:])
        elif line:
            head, name = line.split(b"\t", 1)
            if name == b"./":  # the submodule; its files, without a repository, belong to none
                return None
            mode = head.split(b" ")[1]
            if mode != b"120000":
                tracked[name] = mode == b"160000"
    found = [(name, name.endswith(b"/")) for name in _kept(others)] + list(tracked.items())
    found.sort()
    return [
        (path, is_repository)
        for name, is_repository in found
        if (path := os.path.join(top, name.rstrip(b"/"))) and (is_repository or _is_file(path))
    ]


def _is_file(path: bytes) -> bool:
    """False too for what is deleted in the worktree: there is nothing to read, or to tell."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # the reader tells why


def _kept(others: list[bytes]) -> list[bytes]:
    """Untracked files without those in folders that `_walk` would leave out."""
    mark = b"/" + _VENV_MARK
    environments = tuple(name[: -len(_VENV_MARK)] for name in others if name.endswith(mark))
    return [
        name
        for name in others
        if PRUNED.isdisjoint(name.split(b"/")[:-1])
        and not (environments and b"/" + _PACKAGES + b"/" in name and name.startswith(environments))
    ]


def _walk(
    top: bytes,
    wanted: Wanted,
    prefix: int,
    gitignore: bool,
    on_notice: Callable[[str], None],
    seen: set[tuple[int, int]],
) -> Iterator[Listed]:
    """Every regular file below `top`: a folder's own files first, then its folders, by name."""
    pending = [top]
    environments: tuple[bytes, ...] = ()
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as exc:
            yield folder, exc.strerror or "not readable"
            continue
        names = {entry.name for entry in entries}
        if folder != top and _VENV_MARK in names:
            environments += (os.path.join(folder, b""),)
        if gitignore and folder != top and b".git" in names:
            yield from _folder(folder, wanted, prefix, True, on_notice, seen)
            continue
        below = []
        for entry in entries:
            try:  # where the folder does not tell the kind, it is looked up, and that can fail
                if entry.is_dir(follow_symlinks=False):
                    packages = entry.name == _PACKAGES and entry.path.startswith(environments)
                    if packages or entry.name in PRUNED:
                        continue
                    if wanted.folder(entry.path[prefix:]):
                        below.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    yield entry.path, ""
            except OSError as exc:
                yield entry.path, exc.strerror or "not readable"
        pending += reversed(below)
