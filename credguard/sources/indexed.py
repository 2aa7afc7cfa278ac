"""The settings and the baseline as they are staged or committed, never those of the worktree.

What is not part of the commit must not decide about it. Loaded once something was found.
"""

from __future__ import annotations

import os

from credguard.scan.allow import FILE, Allow
from credguard.sources.git import blobs, printable
from credguard.sources.indexed_rules import in_index, in_tree
from credguard.sources.settings_text import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from credguard.scan.baseline import Baseline
    from credguard.scan.model import Finding

BASELINE = ".credguard.baseline"
"""The baseline that counts: the one at the top of the work tree."""
_INDEX = ":0"
_MOST_TREES = 8
_MOST_BASELINE = 16 << 20


class Settings:
    """Reads each folder's `.credguard.toml`, and the baseline, once; `tell` says what passed."""

    def __init__(
        self,
        cwd: str | None,
        trees: list[str] | None = None,
        *,
        say: Callable[[str], None],
        inherit: bool = True,
    ) -> None:
        """`trees`: commits whose files count, any of them; None: the index. `say`: to a person.

        `inherit`: the caller's GIT_DIR and the like hold, as in a hook.
        """
        self._cwd = cwd
        self._inherit = inherit
        self._trees = [_INDEX] if trees is None else trees[:_MOST_TREES]
        self._say = say
        self._allows: dict[bytes, list[Allow]] = {}
        self._files: dict[str, list[bytes]] = {}
        self._baselines: list[Baseline] | None = None
        self._passed: dict[str, int] = {}

    def judged(self, found: list[Finding], data: bytes, path: bytes) -> list[Finding]:
        """Those of `found`, in file `path`, that no mark in `data`, file or baseline lets pass.

        Raises ConfigError: such a file is wrong; GitError.
        """
        if not found:
            return []
        for allow in self._of(os.path.dirname(path)):
            for each in found:
                each.allowed = ""
            allow.judge(found, data, path)
            for each in found:
                if FILE in each.allowed:
                    self._passed[each.allowed] = self._passed.get(each.allowed, 0) + 1
            found = [each for each in found if not each.allowed]
        return [each for each in found if not self._known(each)] if found else []

    def _known(self, finding: Finding) -> bool:
        if finding.rule_id.startswith("own-"):
            return False  # what the vault holds is nobody's known finding
        if self._baselines is None:
            names = [os.fsencode(BASELINE)] * len(self._trees)
            asked = [f"{tree}:{BASELINE}" for tree in self._trees]
            contents = blobs(self._cwd, asked, names, lenient=True, inherit=self._inherit)
            self._baselines = [_baseline(data) for data in contents if data]
        known = any(each.verdict(finding, finding.path) is not None for each in self._baselines)
        if known:
            self._passed[BASELINE] = self._passed.get(BASELINE, 0) + 1
        return known

    def tell(self) -> None:
        """Say what the files let pass: nothing is switched off silently."""
        for reason, count in sorted(self._passed.items()):
            self._say(f"credguard: let pass: {count} by {printable(reason)}\n")

    def _of(self, folder: bytes) -> list[Allow]:
        known = self._allows.get(folder)
        if known is None:
            known = self._allows[folder] = [self._read(tree, folder) for tree in self._trees]
        return known

    def _read(self, tree: str, folder: bytes) -> Allow:
        if tree not in self._files:
            index = tree == _INDEX
            self._files[tree] = (
                in_index(self._cwd) if index else in_tree(self._cwd, tree, inherit=self._inherit)
            )
        # Only the files there are, not one for each folder: a path may have thousands.
        above = folder + b"/"
        names = [
            name
            for name in self._files[tree]
            if name == os.fsencode(FILE) or above.startswith(os.path.dirname(name) + b"/")
        ]
        folders = [os.path.dirname(name) for name in names]
        asked = [f"{tree}:{os.fsdecode(name)}" for name in names]
        contents = blobs(self._cwd, asked, names, lenient=True, inherit=self._inherit)
        texts = {
            each: text_of(data, printable(name))
            for each, name, data in zip(folders, names, contents, strict=True)
            if data
        }
        if not texts:
            return Allow()
        from credguard.sources.settings import compiler

        return Allow.of(texts, compiler)


def _baseline(data: bytes) -> Baseline:
    from credguard.scan.baseline import parse

    return parse(text_of(data, BASELINE, _MOST_BASELINE), BASELINE)
