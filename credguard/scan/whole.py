"""A text and all that it holds, in one call: hooks, scans and the watcher look through here."""

from __future__ import annotations

from credguard.scan.engine import beside, layered, plain
from credguard.scan.model import Limits, Scanned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from credguard.scan.engine import Engine
    from credguard.scan.model import Finding


def scan_all(
    engine: Engine, data: bytes, path: bytes, limits: Callable[[], Limits] = Limits
) -> Scanned:
    """The secrets in `data` and in all that it holds; never raises on any bytes.

    A finding in a decoded layer has the place of what is encoded and tells the chain in `via`; one
    in an archive has the place in the member and the path `archive!member`. `limits` is asked only
    where there is more than the text itself, so a clean text pays for nothing else. Bytes that do
    not fit the text's encoding, as a program adds that knows no UTF-16, are looked at as they are.
    """
    text = plain(data)
    found, probed = engine.examine(text, path)
    if layered(text, probed):
        from credguard.scan.layers import scan_below

        scanned = scan_below(engine, text, path, found, probed, limits())
    else:
        scanned = Scanned(found, [])
    if text is not data:
        scanned.findings += _unlike(engine, data, path, scanned.findings)
    return scanned


def _unlike(engine: Engine, data: bytes, path: bytes, found: list[Finding]) -> list[Finding]:
    """What the bytes of a UTF-16 or UTF-32 text show that their text does not."""
    known = {each.value for each in found}
    return [each for each in engine.scan(beside(data), path) if each.value not in known]
