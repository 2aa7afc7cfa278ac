"""AWS key ids and secrets that stand apart: in one file some lines away, or in files of one folder.

A secret access key is 40 characters without a mark of its own. Alone it is told by what stands
beside it; here that is a key id without a secret.
"""

from __future__ import annotations

from credguard.scan.model import HIGH, KEY_IDS, Finding, Places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

RULE = "aws-key-pair"
SMALL = 4096
"""Up to this size, in bytes, a file of a telling name is looked at for a value that is alone."""
_TITLE = "AWS key id with its secret beside it"
_WITHIN = 64 << 10  # up to this size a text with a key id is looked at
_REACH = 2048  # so far from its id a secret may stand in the same text
_LEAST = 4.0  # bits a character, as the rule of the pair on one line asks
_MOST = 10_000  # of either kind are kept in mind; beyond, nothing is paired
_NAMES = (b"secret", b"key", b"cred", b"aws", b"access", b"token", b"iam", b"s3", b"pass", b".env")


def named(path: bytes) -> bool:
    """Whether the file's name tells of credentials."""
    name = path[path.rfind(b"/") + 1 :].lower()
    return any(word in name for word in _NAMES)


def is_secret(value: bytes) -> bool:
    """Whether `value` has the form of a secret access key, and is as random as one."""
    from credguard.scan.values import plausible

    if len(value) != 40 or not _of_three_kinds(value):
        return False
    return not value.translate(None, _DIGITS) and plausible(value, _LEAST, ("name",))


_DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/+"


def _of_three_kinds(value: bytes) -> bool:
    """Capitals, small letters and numbers: all but one of a billion secrets have each."""
    return (
        value.upper() != value
        and value.lower() != value
        and any(digit in value for digit in b"0123456789")
    )


def _alone(data: bytes, first: int, last: int) -> tuple[int, int] | None:
    """Where the only value of a secret's form stands in that part of `data`; None: none, or more.

    The same value twice is one.
    """
    import re

    spans = [
        match.span()
        for match in re.finditer(
            rb"(?<![A-Za-z0-9/+=_\-.])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=_\-])", data[first:last]
        )
        if is_secret(match[0])
    ]
    values = {data[first + start : first + end] for start, end in spans}
    return (first + spans[0][0], first + spans[0][1]) if len(values) == 1 else None


def _paired(found: list[Finding]) -> bool:
    return any(each.rule_id not in KEY_IDS and "aws" in each.rule_id for each in found)


def within(data: bytes, path: bytes, found: list[Finding]) -> list[Finding]:
    """`found` in `data`, and the secret of a key id in it that no other rule found; by place."""
    if len(data) > _WITHIN or _paired(found):
        return found
    ids = [each for each in found if each.rule_id in KEY_IDS]
    if not ids:
        return found
    first = max(0, ids[0].offset - _REACH)
    span = _alone(data, first, ids[-1].offset + _REACH)
    if span is None:
        return found
    value = data[span[0] : span[1]]
    if any(value in each.value or each.value in value for each in found):
        return found
    added = Places(data, path).finding(span, RULE, _TITLE, HIGH)
    return sorted([*found, added], key=lambda each: each.offset)


def alone(data: bytes, path: bytes, found: list[Finding]) -> Finding | None:
    """What would be the secret in `data`, should a file beside it have a key id; None: nothing.

    For a file whose name is `named`: its only value of that form, found by no rule.
    """
    if len(data) > SMALL or any(each.path == path for each in found):
        return None
    span = _alone(data, 0, len(data))
    if span is None:
        return None
    return Places(data, path).finding(span, RULE, _TITLE, HIGH)


class Folders:
    """Brings key ids and secrets in files of one folder together, in the order of the files."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self._ids: dict[bytes, bytes] = {}
        self._lone: dict[bytes, None] = {}
        self._paired: set[bytes] = set()
        self._waiting: list[tuple[int, Finding, bool]] = []

    def add(
        self, found: Sequence[Finding], first: int, apart: Iterable[tuple[int, Finding]] = ()
    ) -> None:
        """Take what was found, file by file; `first`: the number of the first of `found`.

        What is in one file may come in several calls. `apart`: what `alone` gave, each with the
        place in `found` that it would have.
        """
        path, rule = None, ""  # of an id that is known: of the same there may be very many
        for number, each in enumerate(found, first):
            if (each.rule_id is rule and each.path is path) or each.allowed or b"!" in each.path:
                continue
            if each.rule_id in KEY_IDS:
                path, rule = each.path, each.rule_id
                self._lone[path] = None
            elif "aws" in each.rule_id:
                self._paired.add(each.path)
            elif each.signals and len(each.value) == 40 and is_secret(each.value):
                self._keep(number, each, True)
        for number, each in apart:
            self._keep(first + number, each, False)
        if found and (len(self._lone) > 1 or len(self._paired) > 1):
            self._decide(found[-1].path)

    def _decide(self, but: bytes) -> None:
        """Know the ids that have no secret in their file; that of the file `but` may go on."""
        for path in self._lone:
            folder = path[: path.rfind(b"/") + 1]
            if path != but and path not in self._paired and len(self._ids) < _MOST:
                self._ids.setdefault(folder, path)
        self._lone = {but: None} if but in self._lone else {}
        self._paired &= {but}

    def _keep(self, number: int, finding: Finding, is_found: bool) -> None:
        if len(self._waiting) < _MOST:
            self._waiting.append((number, finding, is_found))

    def pairs(self) -> Iterator[tuple[int, Finding, bool]]:
        """Each secret whose key id stands in another file of its folder: its number, the finding,
        and whether it was found before. It names the other file then, and is of high confidence.

        The rule of what was found stays, so that baselines and marks go on to hold for it.
        """
        self._decide(b"")
        for number, finding, is_found in self._waiting:
            beside = self._ids.get(finding.path[: finding.path.rfind(b"/") + 1])
            if beside is None or (beside == finding.path and not is_found):
                continue
            finding.confidence = HIGH
            finding.severity = "critical"
            finding.pair = beside
            name = beside[beside.rfind(b"/") + 1 :].decode("utf-8", "backslashreplace")
            finding.title = f"AWS secret access key; its key id is in {name}"
            yield number, finding, is_found
