"""What Git LFS keeps beside git: the content behind a pointer, where it is on this machine.

A pointer is a text of under 1024 bytes (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md);
what was added here lies in `lfs/objects/ab/cd/<sha256>` of the git folder that all worktrees share,
or below lfs.storage. Nothing is fetched, and no program of Git LFS is started.
"""

from __future__ import annotations

import os
import re

from credguard.reading import beginning
from credguard.sources.git import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.sources.staging import StagedFile

_POINTER = re.compile(
    rb"version https://(?:git-lfs|hawser)\.github\.com/spec/v1\n"
    rb"(?:ext-[0-9]-\w{1,16} sha256:[0-9a-f]{64}\n){0,10}"
    rb"oid sha256:([0-9a-f]{64})\nsize [0-9]{1,20}\n?"
)
"""Whole, as Git LFS reads one: a text beside it would not be looked at, its content would."""
_LONGEST = 1024


class Aside:
    """The contents beside one repository. `problems`: paths of those too long, and why."""

    def __init__(self, cwd: str | None, most: int, *, inherit: bool = True) -> None:
        """`most` bytes of one are read; `inherit`: the caller's GIT_DIR and kin hold."""
        self._cwd = cwd
        self._inherit = inherit
        self._most = most
        self._folder: str | None = None
        self.problems: list[tuple[bytes, str]] = []

    def follow(self, file: StagedFile) -> bool:
        """Put what the pointer `file` stands for in its place; False: it is none, or not here.

        Raises GitError.
        """
        data = self.content(file.data)
        if data is None:
            return False
        if len(data) > self._most:
            why = f"what Git LFS keeps of it is longer than {self._most >> 20} MiB"
            self.problems.append((file.path, why))
            return False
        file.data, file.aside = data, self.content
        return True

    def content(self, data: bytes) -> bytes | None:
        """What the pointer `data` stands for, `most` bytes and one at most; None: as `follow`."""
        pointer = _POINTER.fullmatch(data) if len(data) < _LONGEST else None
        if pointer is None:
            return None
        if self._folder is None:
            self._folder = self._objects()
        name = pointer[1].decode()
        return beginning(os.path.join(self._folder, name[:2], name[2:4], name), self._most + 1)

    def _objects(self) -> str:
        here = os.path.abspath(self._cwd or ".")
        said = run(self._cwd, "rev-parse", "--git-common-dir", inherit=self._inherit)
        common = os.path.join(here, os.fsdecode(said.removesuffix(b"\n")))
        args = ("config", "--null", "--type=path", "--get", "lfs.storage")
        said = run(self._cwd, *args, inherit=self._inherit, ok=(0, 1))
        return os.path.join(common, os.fsdecode(said.rstrip(b"\0")) or "lfs", "objects")
