"""Which reader follows up the hits of which probe."""

from __future__ import annotations

from credguard.scan.general import extract, forms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from credguard.scan.general.extract import Candidate
    from credguard.scan.general.places import Text

_READERS = extract.READERS | forms.READERS


def candidates(text: Text, kind: str, end: int) -> Iterator[Candidate]:
    """What a hit of the probe `kind` that ends at `end` points to; often nothing."""
    reader, width = _READERS[kind]
    yield from reader(text, end - width, kind)
