"""What lets a watched file's findings pass, and which rules look at it: as its folder says now.

The watcher reads `.credguard.toml` and the baseline as they are in the worktree, where the hook
takes those of the index: it warns of a file as it is written, long before it is staged, and who has
just written the setting expects that it holds. The hook remains the gate.
"""

import logging
import os
from collections.abc import Callable

from credguard.app import baseline
from credguard.errors import ConfigError, CredguardError
from credguard.report.text import printable
from credguard.scan.allow import FILE
from credguard.scan.custom import Joined
from credguard.scan.engine import Engine
from credguard.scan.model import Finding
from credguard.sources.custom import joined
from credguard.sources.settings import Settings, root_of

_LOG = logging.getLogger("credguard.daemon.letting")
_KEPT_S = 30.0
FILES = (FILE, baseline.FILE)
"""Names of the files that, when one changes, what is below its folder is judged anew."""


class Letting:
    """Reads each file once in a while. Used by one thread."""

    def __init__(self, engine: Engine, monotonic: Callable[[], float]) -> None:
        """`engine`: the built-in rules, which a folder's own are put beside."""
        self._engine = engine
        self._monotonic = monotonic
        self._said: set[str] = set()
        self.forget()

    def forget(self) -> None:
        """One of the files may have changed."""
        self._since = self._monotonic()
        self._settings = Settings()
        self._joined: dict[bytes, Joined | None] = {}
        self._baselines: dict[bytes, baseline.Known | None] = {}

    def joined(self, path: bytes) -> Joined | None:
        """The engine with the rules of the files around `path`; None: there are none, or wrong."""
        if self._monotonic() - self._since > _KEPT_S:
            self.forget()
        folder = os.path.dirname(path)
        if folder not in self._joined:
            self._joined[folder] = None
            try:
                texts = self._settings.with_rules(path)
                if texts:
                    self._joined[folder] = joined(self._engine, texts)
            except CredguardError as error:
                self._wrong(error)
        return self._joined[folder]

    def judge(self, found: list[Finding], data: bytes, path: bytes) -> None:
        """Set `allowed` of each of `found` in the file `path` to what lets it pass.

        `data`: its bytes as `credguard.scan.engine.plain` gives them. A file that is wrong lets
        nothing pass.
        """
        try:
            self._settings.judge(found, data, path)
        except ConfigError as error:
            self._wrong(error)
        known = self._baseline(path)
        if known is None:
            return
        for finding in found:
            if not finding.allowed and known.verdict(finding) is not None:
                finding.allowed = baseline.FILE

    def _baseline(self, path: bytes) -> baseline.Known | None:
        """The one at the top of the worktree, as for the hook."""
        root = root_of(path)
        if root not in self._baselines:
            file = os.path.join(os.fsdecode(root), baseline.FILE)
            self._baselines[root] = None
            try:
                if os.path.isfile(file):
                    self._baselines[root] = baseline.load(file)
            except ConfigError as error:
                self._wrong(error)
        return self._baselines[root]

    def _wrong(self, error: CredguardError) -> None:
        if str(error) not in self._said:
            self._said.add(str(error))
            _LOG.warning("not followed: %s", printable(str(error)))
