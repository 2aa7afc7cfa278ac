"""A person's own rules as they are staged or committed, never those of the worktree.

The hook loads this at each commit, so it imports nothing more; what compiles rules is loaded where
there are some.
"""

from __future__ import annotations

import os
import sys

from credguard.errors import ConfigError
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
    from credguard.scan.custom import Joined
    from credguard.scan.engine import Engine

_FILE = b".credguard.toml"
_IN_INDEX = ("ls-files", "-z", "--full-name", "--", ":(top,glob)**/.credguard.toml")
_MOST_TREES = 8
_MOST_FILES = 500


class IndexedRules:
    """Which rules hold where; git starts at once for the index. Not for several threads."""

    def __init__(self, cwd: str | None, trees: list[str] | None = None) -> None:
        """`trees`: commits whose files count, any of them; None: the index. Raises GitError."""
        self._cwd = cwd
        self._trees = trees
        self._process: Process | None = None
        if trees is None and sys.platform != "win32":
            command = git_command(cwd, _IN_INDEX, hooks=False)
            self._process = Process(command, git_environment(inherit=True))
            self._process.close_stdin()
        self._texts: list[dict[bytes, tuple[str, str]]] | None = None
        self._joined: dict[bytes, Joined | None] = {}

    def joined(self, engine: Engine, path: bytes) -> Joined | None:
        """`engine` with the rules that hold for the file `path`; None: there are none.

        Raises ConfigError: a rule is invalid; GitError.
        """
        if self._texts is None:
            self._texts = self._read()
        if not any(self._texts):
            return None
        folder = path.rpartition(b"/")[0]
        if folder not in self._joined:
            self._joined[folder] = self._made(engine, folder, self._texts)
        return self._joined[folder]

    @staticmethod
    def _made(
        engine: Engine, folder: bytes, trees: list[dict[bytes, tuple[str, str]]]
    ) -> Joined | None:
        texts: list[tuple[str, str]] = []
        for tree in trees:
            texts += [
                tree[place]
                for place in sorted(tree, key=len)
                if not place or folder == place or folder.startswith(place + b"/")
            ]
        if not texts:
            return None
        from credguard.sources.custom import joined

        return joined(engine, texts)

    def _read(self) -> list[dict[bytes, tuple[str, str]]]:
        """For each tree: folder -> name, and text of its file, where it may have rules."""
        if self._trees is None:
            return [self._of("", ":0:", files_of(self._listed()))]
        return [
            self._of(tree[:10] + ":", tree + ":", in_tree(self._cwd, tree))
            for tree in list(dict.fromkeys(self._trees))[:_MOST_TREES]
        ]

    def _listed(self) -> bytes:
        if self._process is None:
            return run(self._cwd, *_IN_INDEX, inherit=True)
        process, self._process = self._process, None
        raw = b"".join(chunks(process))
        if process.finish() != 0:
            raise failed("ls-files", process.errors())
        return raw

    def _of(self, shown: str, tree: str, names: list[bytes]) -> dict[bytes, tuple[str, str]]:
        if not names:
            return {}
        if len(names) > _MOST_FILES:
            raise ConfigError(
                f"there are {len(names)} files .credguard.toml, and at most {_MOST_FILES} are read",
                hint="join some in a folder above",
            )
        found = {}
        asked = [tree + os.fsdecode(name) for name in names]
        for name, data in zip(names, blobs(self._cwd, asked, names, lenient=True), strict=True):
            if b"rule" not in data:
                continue
            from credguard.sources.settings_text import text_of

            where = shown + printable(name)
            found[name[: -len(_FILE) - 1]] = (where, text_of(data, where))
        return found


def files_of(raw: bytes) -> list[bytes]:
    """The `.credguard.toml` files among `raw`, names that end with NUL."""
    if _FILE not in raw:
        return []
    # One name a line is what cat-file takes.
    return [
        name
        for name in raw.split(b"\0")
        if (name == _FILE or name.endswith(b"/" + _FILE)) and b"\n" not in name
    ]


def in_index(cwd: str | None) -> list[bytes]:
    """The `.credguard.toml` files of the index, from the top. Raises GitError."""
    return files_of(run(cwd, *_IN_INDEX, inherit=True))


def in_tree(cwd: str | None, tree: str, *, inherit: bool = True) -> list[bytes]:
    """Those of the commit or tag `tree`; none where it names a file. Raises GitError."""
    # 128: not a tree.
    args = ("ls-tree", "-r", "-z", "--name-only", "--full-tree", tree)
    return files_of(run(cwd, *args, inherit=inherit, ok=(0, 128)))
