"""What is not worth a watch: by name, and by what git ignores, asked of git itself.

Git is asked for whole folders before a walk, for single paths afterwards.

Neither command runs a filter, a hook or an fsmonitor; each has a deadline, since a repository may
name a FIFO as its list of ignored files.
"""

from __future__ import annotations

import os
import stat

from credguard.paths import home, xdg
from credguard.sources.git import run

PRUNED = frozenset(
    {
        ".git", ".hg", ".svn", ".jj", ".bzr", "node_modules", "bower_components", ".venv",
        "__pycache__", ".tox", ".nox", ".mypy_cache", ".ruff_cache", ".pytest_cache",
        ".hypothesis", ".cache", ".pnpm-store", ".gradle", ".direnv",
    }
)  # fmt: skip
"""Names of folders: object stores and dependencies, whatever git says of them."""

DEADLINE_S = 5.0
"""Seconds that git may stay silent."""
_MOST_BYTES = 32_000  # less than a pipe holds, so that neither side waits for the other
_PROBE = "credguard-any-new-file"


def everywhere() -> bool:
    """Whether this user or this system has a list for all repositories. Raises GitError."""
    if os.path.lexists(os.path.join(xdg("XDG_CONFIG_HOME", ".config"), "git", "ignore")):
        return True
    return bool(_ask(home(), ("config", "--get-all", "core.excludesFile"), b""))


def at_top(top: str) -> bool:
    """Whether the repository at `top` may ignore anything but by a .gitignore further below.

    Told without starting git, which costs more than the look at a small repository.
    """
    if os.path.lexists(os.path.join(top, ".gitignore")):
        return True
    folder = os.path.join(top, ".git")
    if not os.path.isdir(folder):
        return True  # a linked worktree or a submodule: git knows where its files are
    exclude = _small(os.path.join(folder, "info", "exclude"))
    config = _small(os.path.join(folder, "config"))
    if exclude is None or config is None:
        return True
    if any(line.strip() and not line.startswith(b"#") for line in exclude.splitlines()):
        return True
    config = config.lower()
    return any(word in config for word in (b"excludesfile", b"[include", b"worktreeconfig"))


def _small(path: str) -> bytes | None:
    """What a short regular file holds, b"" where there is none; None: it is no such file."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            data = file.read(_MOST_BYTES) or b""
    except FileNotFoundError:
        return b""
    except OSError:
        return None
    return data if len(data) < _MOST_BYTES else None


def below(folder: str) -> frozenset[str]:
    """The ignored files and folders below `folder`, absolute; what lies in such a folder is not
    named. A folder that holds a tracked file is never among them. Raises GitError.
    """
    args = ("ls-files", "-o", "-i", "--exclude-standard", "--directory", "-z")
    files: set[str] = set()
    folders: list[str] = []
    for name in _ask(folder, args, b"").split(b"\0"):
        path = os.path.join(folder, os.fsdecode(name))
        if name.endswith(b"/"):
            # Among them those that only hold ignored files, or nothing: the next need not be one.
            folders.append(os.path.normpath(path))
        elif name:
            files.add(path)
    if not files and not folders:
        return frozenset()
    answer = _among(folder, [each for each in folders if each != folder])
    return frozenset() if answer is None else frozenset(files | answer)


def among(folder: str, paths: list[str]) -> set[str]:
    """Those of `paths`, absolute and in the worktree around `folder`, that git ignores.

    A tracked file is not ignored, whatever the patterns say. Raises GitError.
    """
    return _among(folder, paths) or set()


def _among(folder: str, paths: list[str]) -> set[str] | None:
    """None: any new file in `folder` is ignored.

    A home folder kept in git does so, and what is in it is not rubbish: then nothing is.
    """
    probe = os.path.join(folder, _PROBE)
    found: set[str] = set()
    part: list[bytes] = []
    size = 0
    for path in [*map(os.fsencode, [*paths, probe]), None]:
        if part and (path is None or size + len(path) > _MOST_BYTES):
            answer = _ask(folder, ("check-ignore", "-z", "--stdin"), b"\0".join(part) + b"\0")
            found.update(os.fsdecode(name) for name in answer.split(b"\0") if name)
            part, size = [], 0
        if path is not None:
            part.append(path)
            size += len(path) + 1
    return None if probe in found else found


def _ask(folder: str, args: tuple[str, ...], request: bytes) -> bytes:
    # check-ignore gives 1 where none is ignored, config where there is no such setting.
    return run(folder, *args, ok=(0, 1), given=request, quiet_s=DEADLINE_S)
