"""Looks for secrets in the texts of an account, as they are read."""

import threading
from functools import cache

from credguard import paths
from credguard.audit.facts import Hidden
from credguard.scan.model import MEDIUM
from credguard.scan.whole import scan_all
from credguard.sources.database import load_engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from credguard.scan.engine import Engine

# Hyperscan's scratch space is one caller's at a time.
_LOCK = threading.Lock()


@cache
def _engine() -> "Engine":
    return load_engine(paths.private_dir(paths.cache_dir()))


def look(data: bytes, name: str) -> tuple[Hidden, ...]:
    """The secrets in `data`, masked; `name`: of what it is. The text is not kept."""
    if not data.strip():
        return ()
    with _LOCK:
        found = scan_all(_engine(), data, name.encode("utf-8", "replace")).findings
    return tuple(
        Hidden(each.title, each.masked(), name if data.count(b"\n") < 2 else f"line {each.line}")
        for each in found
        if each.confidence >= MEDIUM
    )
