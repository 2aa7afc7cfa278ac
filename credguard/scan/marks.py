"""What the long matches of rules and probes begin with; see `credguard.scan.versions`.

A pattern of Python's `re` is cut off where it gets long: each of its matches begins with a match of
what is left. Assertions are left out, which only adds matches. Only the build of the compiled
database imports this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from re import IGNORECASE, VERBOSE, _constants, _parser  # type: ignore[attr-defined]
from typing import Any

from credguard.scan.rules import Row
from credguard.scan.versions import EDGES, WIDTH

_LEAST = 5  # bytes: what is shorter stands in every other text
_MOST = (32, 64, 100)  # bytes: the shorter, the sooner it is compiled
_ALL = range(256)
_DIGIT = frozenset(b"0123456789")
_SPACE = frozenset(b" \t\n\r\f\v")
_WORD = _DIGIT | frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_CATEGORIES = {
    _constants.CATEGORY_DIGIT: _DIGIT,
    _constants.CATEGORY_SPACE: _SPACE,
    _constants.CATEGORY_WORD: _WORD,
    _constants.CATEGORY_NOT_DIGIT: frozenset(_ALL) - _DIGIT,
    _constants.CATEGORY_NOT_SPACE: frozenset(_ALL) - _SPACE,
    _constants.CATEGORY_NOT_WORD: frozenset(_ALL) - _WORD,
}
# Pattern for Hyperscan; the most bytes it matches; whether nothing was cut off.
_Part = tuple[bytes, int, bool]
_CUT: _Part = (b"", 0, False)


def marks(rows: Iterable[Row], probes: Iterable[tuple[str, bytes, bool]]) -> list[bytes]:
    """Patterns for Hyperscan: of them one matches in each match that is longer than `WIDTH`.

    Raises ValueError: a rule or probe begins with next to nothing.
    """
    found = [beginning(row[6]) for row in rows if row[7] + EDGES > WIDTH]
    for _, pattern, _ in probes:
        pattern = pattern.replace(rb"\z", rb"\Z")  # noqa: PLW2901 - as Python has it
        if _parser.parse(pattern).getwidth()[1] > WIDTH:
            found.append(beginning(pattern))
    return found


def beginning(pattern: bytes) -> bytes:
    """A pattern for Hyperscan, of at most `WIDTH` bytes: each match of `pattern` begins with one.

    Raises ValueError: what is left is next to nothing.
    """
    parsed = _parser.parse(pattern)
    for most in _MOST:
        text, _, _ = _sequence(parsed, most)
        if parsed.state.flags & IGNORECASE:
            text = b"(?i:" + text + b")"
        if _parser.parse(text).getwidth()[0] >= _LEAST:
            return text
    raise ValueError(f"no beginning of its own: {pattern!r}")


def _sequence(nodes: Iterable[Any], most: int) -> _Part:
    parts, width = [], 0
    for operation, value in nodes:
        text, more, whole = _READERS.get(operation, _unknown)(value, most - width)
        parts.append(text)
        width += more
        if not whole:
            return b"".join(parts), width, False
    return b"".join(parts), width, True


def _one(wanted: frozenset[int], most: int) -> _Part:
    if most < 1:
        return _CUT
    return b"[" + b"".join(b"\\x%02x" % byte for byte in sorted(wanted)) + b"]", 1, True


def _members(value: list[tuple[Any, Any]]) -> frozenset[int]:
    found: set[int] = set()
    for operation, each in value:
        if operation is _constants.LITERAL:
            found.add(each)
        elif operation is _constants.RANGE:
            found.update(range(each[0], each[1] + 1))
        elif operation is _constants.CATEGORY:
            found |= _CATEGORIES[each]
    negated = value[0][0] is _constants.NEGATE
    return frozenset(_ALL) - found if negated else frozenset(found)


def _branch(value: Any, most: int) -> _Part:
    each = [_sequence(branch, most) for branch in value[1]]
    text = b"(?:" + b"|".join(text for text, _, _ in each) + b")"
    return text, max(width for _, width, _ in each), all(whole for _, _, whole in each)


def _group(value: Any, most: int) -> _Part:
    _, added, removed, inner = value
    if (added | removed) & ~(IGNORECASE | VERBOSE):
        return _CUT
    text, width, whole = _sequence(inner, most)
    if added & IGNORECASE:
        return b"(?i:" + text + b")", width, whole
    if removed & IGNORECASE:
        return b"(?-i:" + text + b")", width, whole
    return b"(?:" + text + b")", width, whole


def _repeat(value: Any, most: int) -> _Part:
    low, high, inner = value
    text, width, whole = _sequence(inner, most)
    if whole and not width:
        return b"", 0, True
    if not whole:  # a first one may begin here, but only where there has to be one
        return (b"(?:" + text + b")", width, False) if low else _CUT
    if width * high <= most:
        return b"(?:%s){%d,%d}" % (text, low, high), width * high, True
    times = min(low, most // width)
    return (b"(?:%s){%d}" % (text, times), width * times, False) if times else _CUT


def _unknown(_value: Any, _most: int) -> _Part:
    return _CUT


def _nothing(_value: Any, _most: int) -> _Part:
    return b"", 0, True


_READERS: dict[Any, Callable[[Any, int], _Part]] = {
    _constants.LITERAL: lambda value, most: _one(frozenset((value,)), most),
    _constants.NOT_LITERAL: lambda value, most: _one(frozenset(_ALL) - {value}, most),
    _constants.ANY: lambda _, most: _one(frozenset(_ALL), most),
    _constants.IN: lambda value, most: _one(_members(value), most),
    _constants.BRANCH: _branch,
    _constants.SUBPATTERN: _group,
    _constants.MAX_REPEAT: _repeat,
    _constants.MIN_REPEAT: _repeat,
    _constants.AT: _nothing,
    _constants.ASSERT: _nothing,
    _constants.ASSERT_NOT: _nothing,
}
