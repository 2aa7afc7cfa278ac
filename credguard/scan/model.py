"""What the scanner takes and gives. Plain slotted classes: the hook cannot afford dataclasses.

Offsets are bytes; lines and columns count from 1, columns in characters (an undecodable byte is
one). Paths are bytes until a reporter shows them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LOW, MEDIUM, HIGH = 1, 2, 3
UNJUDGED = "general-unjudged"
"""Under this name `Engine.examine` gives, among its probes, how many places were not judged."""
JUDGED = "general-judged"
"""And under this one how many were."""
KEY_IDS = frozenset(("aws-access-key-id", "aws-temporary-key-id", "aws-context-key-id"))
"""Rules that find the id of a key whose secret may stand apart; see `credguard.scan.pairing`."""
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
    `own`: the vault's item, where the value is one of the person's own; else "". `severity`: what
    a person's own rule says; "" for the package's rules, whose reports look it up. `pair`: the file
    that has the id of this secret key (`credguard.scan.pairing`); else b"".
    """

    __slots__ = (
        "allowed", "column", "commit", "confidence", "end_line", "line", "offset", "own", "pair",
        "path", "rule_id", "severity", "signals", "title", "value", "via",
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
        self.pair = b""
        self.severity = ""
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


class Limits:
    """How much may be read beside the text itself. Not for use in several scans."""

    __slots__ = ("depth", "expired", "members", "size")

    def __init__(
        self,
        size: int | None = None,
        depth: int = 5,
        members: int = 20_000,
        expired: Callable[[], bool] = lambda: False,
    ) -> None:
        """`size`: bytes of all layers (None: eight times the text, at least 48 MiB).

        `depth`: of encodings in a file, and of archives in one another; `members`: of archives,
        in all; `expired`: says whether the time is over.
        """
        self.size = size
        self.depth = depth
        self.members = members
        self.expired = expired


class Scanned:
    """`findings` by place; `problems`: paths, and what in them was not read to its end, and why."""

    __slots__ = ("findings", "problems")

    def __init__(self, findings: list[Finding], problems: list[tuple[bytes, str]]) -> None:
        """Both in a fixed order."""
        self.findings = findings
        self.problems = problems


def characters(data: bytes) -> int:
    """How many characters `data` shows as; an undecodable byte is one."""
    return len(data) if data.isascii() else len(data.decode("utf-8", "replace"))


class Places:
    """Makes the findings of one text, asked for by rising place; each byte is looked at once."""

    __slots__ = ("_at", "_column", "_data", "_line", "_path")

    def __init__(self, data: bytes, path: bytes) -> None:
        """Begins at the first line."""
        self._data = data
        self._path = path
        self._at, self._line, self._column = 0, 1, 1

    def finding(
        self,
        span: tuple[int, int],
        rule_id: str,
        title: str,
        confidence: int,
        signals: tuple[str, ...] = (),
    ) -> Finding:
        """The finding of the bytes at `span`, which begin not before those of the last one."""
        data, (start, end) = self._data, span
        lines = data.count(b"\n", self._at, start)
        if lines:
            self._line += lines
            self._column, self._at = 1, data.rfind(b"\n", self._at, start) + 1
        self._column += characters(data[self._at : start])
        self._at = start
        value = data[start:end]
        last = self._line + value.count(b"\n")
        found = Finding(
            self._path, self._line, self._column, last, rule_id, title, confidence, value, signals
        )
        found.offset = start
        return found
