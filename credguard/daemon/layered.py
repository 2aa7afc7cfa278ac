"""The watcher's scanner: a file's text and all that is encoded or packed in it, within bounds."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from credguard.errors import StoreError
from credguard.report.text import path_text
from credguard.scan.engine import Engine
from credguard.scan.model import Limits
from credguard.scan.whole import scan_all
from credguard.sources.own import Arming

if TYPE_CHECKING:
    from credguard.scan.custom import Joined
    from credguard.scan.model import Finding

_LOG = logging.getLogger("credguard.daemon.layered")
_SECONDS = 5.0
_BYTES = 64 << 20


class Layered:
    """Finds what `credguard.scan.layers` finds; what was not read to its end goes to the log."""

    def __init__(self, engine: Engine) -> None:
        """`engine`: used by this thread alone."""
        self._engine = engine
        self._own = Arming(engine)
        self._problem = ""

    def scan(self, data: bytes, path: bytes, joined: Joined | None = None) -> list[Finding]:
        """The secrets in `data`, by place; the person's own as they are known at this moment.

        `joined`: the same engine with the rules of a `.credguard.toml` beside.
        """
        try:
            self._own.look()
            self._problem = ""
        except StoreError as error:
            if str(error) != self._problem:
                self._problem = str(error)
                _LOG.warning("%s", error)
        scanned = scan_all(joined or self._engine, data, path, _limits)
        for place, why in scanned.problems:
            _LOG.info("not read to its end: %s: %s", path_text(place), why)
        return scanned.findings


def _limits() -> Limits:
    end = time.monotonic() + _SECONDS
    return Limits(size=_BYTES, expired=lambda: time.monotonic() > end)
