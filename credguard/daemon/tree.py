"""Which folders are worth a watch: not git's own, nor dependencies, nor what git ignores.

Decided before a folder is watched: afterwards the watches are spent already.
"""

import errno
import logging
import os
from collections.abc import Callable, Iterator

from credguard.errors import GitError
from credguard.sources import ignored, mounts
from credguard.sources.ignored import PRUNED

_LOG = logging.getLogger("credguard.daemon.tree")

_BUILT = frozenset({"venv", "target", "dist", "build", "_build", "vendor"})
"""Mostly made by a build. In a repository git tells, since some people keep sources there."""
_MARKS = ("pyvenv.cfg", "CACHEDIR.TAG")
"""Whose folder holds other people's packages, or what can be made again (bford.info/cachedir)."""
_REST_S = 600.0
_MOST = 50_000

_NOTHING: frozenset[str] = frozenset()


class Ignores:
    """What git ignores in the repositories around watched files. Used by one thread.

    A repository that git cannot tell about, within seconds, has no ignored files for a while.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """`monotonic` gives seconds."""
        self._monotonic = monotonic
        self._tops: dict[str, str | None] = {}  # folder -> top of the worktree that it lies in
        self._verdicts: dict[str, dict[str, bool]] = {}  # top -> path -> whether it is ignored
        self._resting: dict[str, float] = {}
        self._everywhere: bool | None = None
        self._since = monotonic()

    def forget(self, path: str = "") -> None:
        """What git says around `path` may have changed; empty: anywhere."""
        if not path:
            self._tops.clear()
            self._verdicts.clear()
            self._everywhere = None
            self._since = self._monotonic()
            return
        if os.path.basename(path) == ".git":
            self._tops.clear()
        top = self.top(os.path.dirname(path))
        if top is not None:
            self._verdicts.pop(top, None)

    def top(self, folder: str) -> str | None:
        """The top of the git worktree that `folder` lies in; None: in none."""
        asked: list[str] = []
        found: str | None = None
        while (known := self._tops.get(folder, "")) == "":
            asked.append(folder)
            parent = os.path.dirname(folder)
            if os.path.lexists(os.path.join(folder, ".git")):
                found = folder
                break
            if parent == folder:
                break
            folder = parent
        else:
            found = known
        if len(self._tops) > _MOST:
            self._tops.clear()
        self._tops.update(dict.fromkeys(asked, found))
        return found

    def asks(self, folder: str) -> bool:
        """Whether something below `folder` may be ignored by what stands in it or above it."""
        top = self.top(folder)
        if top is None or folder != top:
            return top is not None
        if self._everywhere is None:
            try:
                self._everywhere = ignored.everywhere()
            except GitError as exc:
                _LOG.warning("the list of what git ignores everywhere is not known: %s", exc)
                self._everywhere = True
        return self._everywhere or ignored.at_top(top)

    def below(self, folder: str) -> frozenset[str]:
        """The ignored files and folders below `folder`, which lies in a repository."""
        top = self.top(folder)
        if top is None or self._rests(top):
            return _NOTHING
        try:
            return ignored.below(folder)
        except GitError as exc:
            self._rest(top, exc)
            return _NOTHING

    def among(self, paths: list[str]) -> set[str]:
        """Those of `paths` that are ignored; a repository is asked once for all of its own."""
        if self._monotonic() - self._since > _REST_S:  # such as by a change of the global list
            self.forget()
        unknown: dict[str, list[str]] = {}
        found: set[str] = set()
        for path in paths:
            top = self.top(os.path.dirname(path))
            if top is None or path == top:
                continue
            verdict = self._verdicts.get(top, {}).get(path)
            if verdict is None:
                unknown.setdefault(top, []).append(path)
            elif verdict:
                found.add(path)
        for top, asked in unknown.items():
            found |= self._asked(top, asked)
        return found

    def _asked(self, top: str, paths: list[str]) -> set[str]:
        if self._rests(top):
            return set()
        try:
            answer = ignored.among(top, paths)
        except GitError as exc:
            self._rest(top, exc)
            return set()
        known = self._verdicts.setdefault(top, {})
        if len(known) > _MOST:
            known.clear()
        known.update((path, path in answer) for path in paths)
        return answer

    def _rests(self, top: str) -> bool:
        return self._monotonic() < self._resting.get(top, 0.0)

    def _rest(self, top: str, why: GitError) -> None:
        _LOG.warning("what git ignores in %s is not known: %s", top, why)
        self._resting[top] = self._monotonic() + _REST_S


def worth(path: str, ignores: Ignores) -> bool:
    """Whether the folder `path`, below a watched one, is worth a watch by its name and content.

    What git ignores is not asked here; see Ignores.
    """
    name = os.path.basename(path)
    if name in PRUNED:
        return False
    if name in _BUILT and ignores.top(os.path.dirname(path)) is None:
        return False
    return not any(os.path.lexists(os.path.join(path, mark)) for mark in _MARKS) and not _bare(path)


def _bare(path: str) -> bool:
    """Whether `path` is a git folder by another name: a bare repository, or a mirror."""
    return os.path.isdir(os.path.join(path, "objects")) and os.path.isfile(
        os.path.join(path, "HEAD")
    )


def kept_folders(
    top: str,
    ignores: Ignores,
    enter: Callable[[str], object] = lambda _: None,
    repository: Callable[[str], object] = lambda _: None,
    wanted: Callable[[str], bool] = lambda _: False,
) -> Iterator[tuple[str, list[str]]]:
    """Every folder at and below `top` that is worth a watch, with its file names.

    `enter` is called with a folder before it is listed, `repository` with each `.git`, a folder or
    a file. `wanted(name)`: a file that git ignores is given all the same. No symlink is followed.
    """
    asked = ignores.asks(top)
    stack = [(top, ignores.below(top) if asked else _NOTHING, asked)]
    while stack:
        folder, skipped, asked = stack.pop()
        if mounts.network(folder):
            continue
        enter(folder)
        try:
            with os.scandir(folder) as listing:
                entries = list(listing)
        except OSError as exc:  # gone meanwhile, or not readable: nothing in it can be read either
            if exc.errno != errno.ENOENT:
                _LOG.warning("cannot list %s: %s", folder, exc.strerror)
            continue
        names = {entry.name for entry in entries}
        if folder != top and ".git" in names:
            ignores.forget(os.path.join(folder, ".git"))
            asked = ignores.asks(folder)
            skipped = ignores.below(folder) if asked else _NOTHING
        elif not asked and ".gitignore" in names and ignores.top(folder) is not None:
            asked, skipped = True, ignores.below(folder)
        files: list[str] = []
        for entry in entries:
            if entry.name == ".git" and not entry.is_symlink():
                repository(entry.path)
            if entry.is_dir(follow_symlinks=False):
                if _enters(entry.path, skipped, ignores):
                    stack.append((entry.path, skipped, asked))
            elif entry.is_file(follow_symlinks=False) and (
                entry.path not in skipped or wanted(entry.name)
            ):
                files.append(entry.name)
        yield folder, files


def _enters(path: str, skipped: frozenset[str], ignores: Ignores) -> bool:
    if mounts.network(path):
        return False  # a server that does not answer would stop everything
    if path in skipped and not os.path.lexists(os.path.join(path, ".git")):
        return False  # a repository of its own is worth a look wherever it lies
    return worth(path, ignores)
