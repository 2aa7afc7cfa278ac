"""A text and all that it holds, in one call: hooks, scans and the watcher look through here."""

from __future__ import annotations

from credguard.scan.engine import beside, layered, plain
from credguard.scan.model import Limits, Scanned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from credguard.scan.engine import Engine
    from credguard.scan.found import Found
    from credguard.scan.model import Finding

    Problems = list[tuple[bytes, str]]


def scan_all(
    engine: Engine,
    data: bytes,
    path: bytes,
    limits: Callable[[], Limits] = Limits,
    hits: dict[int, list[int]] | None = None,
) -> Scanned:
    """The secrets in `data` and in all that it holds; never raises on any bytes.

    A finding in a decoded layer has the place of what is encoded and tells the chain in `via`; one
    in an archive has the place in the member and the path `archive!member`. `limits` is asked only
    where there is more than the text itself, so a clean text pays for nothing else. `hits`: what
    `Engine.hits` gives for the text (`plain`), where that is known. Bytes that do
    not fit the text's encoding, as a program adds that knows no UTF-16, are looked at as they are.
    """
    parts, problems = in_parts(engine, data, path, limits, hits)
    found: list[Finding] = []
    for part in parts:
        found += part
    return Scanned(found, problems)


def in_parts(
    engine: Engine,
    data: bytes,
    path: bytes,
    limits: Callable[[], Limits] = Limits,
    hits: dict[int, list[int]] | None = None,
) -> tuple[Iterable[list[Finding]], Problems]:
    """What `scan_all` gives, the findings some thousands at a time, to be gone through once.

    Of a text in which there are very many no more than such a part is held as objects.
    """
    text = plain(data)
    found, probed = engine.look(text, path, hits)
    parts: Iterable[list[Finding]]
    problems: Problems = []
    if layered(text, probed):
        from credguard.scan.layers import scan_below

        parts, problems = scan_below(engine, text, path, found, probed, limits())
    elif isinstance(found, list):
        parts = (found,) if found else ()
    else:
        parts = found.parts()
    if text is not data:
        parts = _and_unlike(parts, engine.look(beside(data), path)[0])
    return parts, problems


def _and_unlike(
    parts: Iterable[list[Finding]], found: list[Finding] | Found
) -> Iterator[list[Finding]]:
    """`parts`, then what is `found` in the bytes of a UTF-16 or UTF-32 text and not in its text."""
    known: set[bytes] = set()
    for part in parts:
        known.update(each.value for each in part)
        yield part
    for part in (found,) if isinstance(found, list) else found.parts():
        more = [each for each in part if each.value not in known]
        if more:
            yield more
