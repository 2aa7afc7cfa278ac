"""What is staged: bytes by object id, never the worktree or a text diff. The hook loads this."""

from __future__ import annotations

import os
import sys

from credguard.errors import GitError
from credguard.scan.engine import plain
from credguard.sources.git import (
    Process,
    blobs,
    chunks,
    failed,
    git_command,
    git_environment,
    printable,
    run,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DIFF = (
    "diff",
    "--cached",
    "--raw",
    "-z",
    "--no-abbrev",
    "--no-renames",
    "--no-relative",
    "--no-ext-diff",
    "--no-textconv",
    "--ignore-submodules=all",
    "-O/dev/null",  # an order file that the settings name may be gone, or a FIFO
)


class StagedFile:
    """One path whose staged content differs from every parent's. `data`: the staged bytes.

    `aside`: gives what Git LFS keeps for a pointer, where `data` is of there, else None.
    """

    __slots__ = ("_cwd", "_inherit", "_old", "aside", "data", "path")

    def __init__(
        self,
        path: bytes,
        data: bytes,
        old: list[str] | None,
        cwd: str | None,
        *,
        inherit: bool = True,
    ) -> None:
        """`old`: the parents' object ids of this path; None when it is new."""
        self._inherit = inherit
        self.aside: Callable[[bytes], bytes | None] | None = None
        self.path = path
        self.data = data
        self._old = old
        self._cwd = cwd

    @property
    def added(self) -> list[tuple[int, int]] | None:
        """1-based inclusive ranges of lines that no parent's version has; None: all lines.

        Read from git only when asked for: a clean commit never needs it. Raises GitError.
        """
        if self._old is None:
            return None
        return added_ranges(self.data, [self._version(oid) for oid in self._old])

    def _version(self, oid: str) -> bytes:
        """A parent's bytes; what a partial clone lacks is taken for empty: every line is new then.

        Git says that an object is missing, or ends where it is forbidden to fetch it.
        """
        try:
            (data,) = blobs(self._cwd, [oid], [self.path], lenient=True, inherit=self._inherit)
        except GitError:
            return b""
        content = self.aside(data) if self.aside is not None else None
        return data if content is None else content


def added_ranges(data: bytes, old: list[bytes]) -> list[tuple[int, int]]:
    """1-based inclusive ranges of the lines of `data` that stand in none of `old`.

    A moved or repeated line is not new. Lines are those that the engine counts: UTF-16 with its
    mark is decoded, in any other file a line ends with a newline byte.
    """
    data = plain(data)
    known: set[bytes] = set()
    for version in old:
        known.update(plain(version).split(b"\n"))
    ranges: list[tuple[int, int]] = []
    start = 0
    number = 0
    for number, line in enumerate(data.split(b"\n"), 1):
        if line not in known:
            start = start or number
        elif start:
            ranges.append((start, number - 1))
            start = 0
    if start:
        ranges.append((start, number))
    return ranges


def entry(head: bytes) -> tuple[str, list[str | None]] | None:
    """What the head of one raw diff entry says: the new object id, and each parent's.

    A parent's is None where it had nothing comparable (no file, or one of another type). The whole
    is None for what has no content of its own to look at: deleted, unmerged, a submodule, or only
    the mode changed. One colon a parent, as `git diff-tree -c` writes for merges. Raises GitError.
    """
    parents = len(head) - len(head.lstrip(b":"))
    try:
        words = head[parents:].decode("ascii").split(" ")
    except UnicodeDecodeError:
        words = []
    if not parents or len(words) != 2 * parents + 3:
        raise GitError(f"git diff printed what is no entry: {printable(head[:80])}")
    modes, new_mode = words[:parents], words[parents]
    old, new = words[parents + 1 : -2], words[-2]
    if not is_oid(new) or len(new_mode) != 6:
        raise GitError(f"git diff printed what is no entry: {printable(head[:80])}")
    if new_mode in ("000000", "160000"):
        return None
    known = [
        oid if mode[:2] == new_mode[:2] else None  # 10: a file, 12: a symlink
        for mode, oid in zip(modes, old, strict=True)
    ]
    return None if new in known else (new, known)


def entries(raw: bytes) -> dict[bytes, tuple[str, list[str | None]]]:
    """Path to what `entry` gives, from the output of `git diff --raw -z`. Raises GitError."""
    fields = raw.split(b"\0")
    if fields.pop() or len(fields) % 2:
        raise GitError("git diff ended midway", hint="run it again")
    read = ((path, entry(head)) for head, path in zip(fields[::2], fields[1::2], strict=True))
    return {path: found for path, found in read if found is not None}


def _git_dir(cwd: str | None) -> str | None:
    """The git folder that git would find from `cwd`, without a process; None: not found."""
    given = os.environ.get("GIT_DIR")
    folder = os.path.abspath(cwd or ".")
    if given:
        return os.path.join(folder, given)
    while True:
        candidate = os.path.join(folder, ".git")
        if os.path.isdir(candidate):
            return candidate
        try:
            with open(candidate, "rb") as file:
                line = file.read(8192)
        except OSError:
            parent = os.path.dirname(folder)
            if parent == folder:
                return None
            folder = parent
            continue
        if not line.startswith(b"gitdir: "):
            return None
        return os.path.join(folder, os.fsdecode(line[8:].rstrip(b"\r\n")))


def is_oid(text: str) -> bool:
    """Whether `text` is a whole SHA-1 or SHA-256 object id."""
    return len(text) in (40, 64) and all(c in "0123456789abcdef" for c in text)


def _merged(cwd: str | None) -> list[str]:
    """The commits being merged into HEAD; empty when no merge is going on.

    Git writes MERGE_HEAD only after pre-merge-commit, but tells the heads by GITHEAD_<id>.
    """
    git_dir = _git_dir(cwd)
    if git_dir is not None:
        try:
            with open(os.path.join(git_dir, "MERGE_HEAD"), encoding="ascii") as file:
                return [line for line in file.read().split() if is_oid(line)]
        except (OSError, UnicodeDecodeError):
            pass
    names = [name[8:] for name in os.environ if name.startswith("GITHEAD_")]
    return [name for name in names if is_oid(name)]


class Staging:
    """What is staged in the repository around `cwd`; git starts at once, iterate to read.

    Against HEAD (or nothing, without commits); in a merge only what differs from every parent.
    Honours GIT_DIR and GIT_INDEX_FILE. One use.
    """

    def __init__(self, cwd: str | None = None, against: str | None = None) -> None:
        """Start reading; `against`: a tree to compare with instead of HEAD.

        Raises GitError when there is no git.
        """
        self._cwd = cwd
        self._process: Process | None = None
        self._args = _DIFF if against is None else (*_DIFF, against, "--")
        command = git_command(cwd, self._args, hooks=False)
        if sys.platform != "win32":
            self._process = Process(command, git_environment(inherit=True))
            self._process.close_stdin()

    def _raw(self) -> bytes:
        if self._process is None:
            return run(self._cwd, *self._args, inherit=True)
        raw = b"".join(chunks(self._process))
        if self._process.finish() != 0:
            errors = self._process.errors()
            if b"usage: git diff" in errors or b"must be run in a work tree" in errors:
                raise GitError("nothing is staged here: not inside a git work tree")
            raise failed("diff", errors)
        return raw

    def __iter__(self) -> Iterator[StagedFile]:
        """Each staged file, one in memory at a time. Raises GitError."""
        kept = entries(self._raw())
        for commit in _merged(self._cwd) if kept else ():
            against = entries(run(self._cwd, *_DIFF, commit, "--", inherit=True))
            kept = {p: (n, [*old, *against[p][1]]) for p, (n, old) in kept.items() if p in against}
        if not kept:
            return
        objects = blobs(self._cwd, [new for new, _ in kept.values()], list(kept))
        for (path, (_, old)), data in zip(kept.items(), objects, strict=False):
            known = [name for name in old if name is not None and name.strip("0")]
            yield StagedFile(path, data, known or None, self._cwd)


def staged(cwd: str | None = None) -> list[StagedFile]:
    """Every staged file of the repository around `cwd`. Raises GitError; see Staging."""
    return list(Staging(cwd))
