"""A text and all that it holds, in one call: hooks, scans and the watcher look through here."""

from __future__ import annotations

from credguard.scan.engine import layered, plain
from credguard.scan.model import Limits, Scanned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from credguard.scan.engine import Engine


def scan_all(
    engine: Engine, data: bytes, path: bytes, limits: Callable[[], Limits] = Limits
) -> Scanned:
    """The secrets in `data` and in all that it holds; never raises on any bytes.

    A finding in a decoded layer has the place of what is encoded and tells the chain in `via`; one
    in an archive has the place in the member and the path `archive!member`. `limits` is asked only
    where there is more than the text itself, so a clean text pays for nothing else.
    """
    data = plain(data)
    found, probed = engine.examine(data, path)
    if not layered(data, probed):
        return Scanned(found, [])
    from credguard.scan.layers import scan_below

    return scan_below(engine, data, path, found, probed, limits())
