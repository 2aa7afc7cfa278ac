"""Which reader follows up the hits of which probe."""

from __future__ import annotations

from credguard.scan.general import commands, extract, forms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

READERS: dict[str, tuple[Any, int]] = extract.READERS | forms.READERS | commands.READERS
"""By the probe's name: what is called with the text, the offset where a value may begin and the
name, and gives candidates, often none; and how far before a hit's end that offset is."""
