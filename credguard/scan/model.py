"""What the scanner takes and gives. Plain slotted classes: the hook cannot afford dataclasses.

Offsets are bytes; lines and columns count from 1, columns in characters (an undecodable byte is
one). Paths are bytes until a reporter shows them.
"""

from __future__ import annotations

LOW, MEDIUM, HIGH = 1, 2, 3
UNJUDGED = "general-unjudged"
"""Under this name `Engine.examine` gives, among its probes, how many places were not judged."""
CONFIDENCE_NAMES = {LOW: "low", MEDIUM: "medium", HIGH: "high"}


class Commit:
    """The commit that brought a finding in: its id, its author, and the date of writing (ISO)."""

    __slots__ = ("author", "date", "oid")

    def __init__(self, oid: str, author: str, date: str) -> None:
        """`author`: name and address."""
        self.oid = oid
        self.author = author
        self.date = date


class Finding:
    """One secret in one place. `value` never leaves the process except as `masked()`.

    `allowed`: what lets it pass (`credguard.scan.allow`), "" while nothing does. `via`: where the
    value stands encoded or packed the chain, such as `base64>gzip`; else "". `commit`: what brought
    it in, where history was scanned. `offset`: of the value in the text that the engine was given.
    `own`: the vault's item, where the value is one of the person's own; else "".
    """

    __slots__ = (
        "allowed", "column", "commit", "confidence", "end_line", "line", "offset", "own", "path",
        "rule_id", "signals", "title", "value", "via",
    )  # fmt: skip

    def __init__(
        self,
        path: bytes,
        line: int,
        column: int,
        end_line: int,
        rule_id: str,
        title: str,
        confidence: int,
        value: bytes,
        signals: tuple[str, ...] = (),
    ) -> None:
        """Place, rule and the secret bytes found.

        `signals`: of a general rule those that were weighed; `general.score.explain` tells how.
        """
        self.allowed = ""
        self.commit: Commit | None = None
        self.path = path
        self.line = line
        self.offset = 0
        self.own = ""
        self.column = column
        self.end_line = end_line
        self.rule_id = rule_id
        self.title = title
        self.confidence = confidence
        self.value = value
        self.signals = signals
        self.via = ""

    def masked(self) -> str:
        """The value with at most four characters, and at most a fifth, readable."""
        from credguard.secret import mask

        return mask(self.value.decode("utf-8", "replace"))

    def __repr__(self) -> str:
        return f"Finding({self.path!r}:{self.line} {self.rule_id} {self.masked()!r})"


def characters(data: bytes) -> int:
    """How many characters `data` shows as; an undecodable byte is one."""
    return len(data) if data.isascii() else len(data.decode("utf-8", "replace"))
